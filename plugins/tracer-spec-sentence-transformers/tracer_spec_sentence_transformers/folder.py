"""Finds the folder of a model, and digests its files."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tracer_spec.errors import PluginError

# files that say something of a model and change nothing in what it gives
_BESIDES = frozenset((".md", ".txt.license", ".png", ".svg", ".gitattributes"))


def find_folder(path: str | None, repo: str | None, revision: str | None) -> Path:
    """Return the folder of a model on this machine.

    Parameters
    ----------
    path : str or None
        A folder.
    repo, revision : str or None
        A model of the Hub and its commit: taken from the cache where it is there, else downloaded.

    Raises
    ------
    PluginError
        Where it is not there and cannot be fetched.
    """
    if path is not None:
        if not Path(path).is_dir():
            raise PluginError(
                f"'{path}' is not a folder",
                address="embedder.with.path",
                hint="give the folder that the model was saved to",
            )
        return Path(path)
    import huggingface_hub

    try:
        return Path(huggingface_hub.snapshot_download(str(repo), revision=revision, local_files_only=True))
    except (OSError, ValueError):
        pass  # not in the cache yet
    try:
        return Path(huggingface_hub.snapshot_download(str(repo), revision=revision))
    except Exception as error:
        raise PluginError(
            f"'{repo}' at {revision} cannot be fetched: {' '.join(str(error).split())[:200]}",
            address="embedder.with.repo",
            hint="check repo and revision, or download it elsewhere and give its path",
        ) from error


def digest_of(folder: Path) -> str:
    """Return the sha256, in hex, of all files of a model: names and contents, but no descriptions and hidden files."""
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*"), key=lambda each: each.relative_to(folder).as_posix()):
        name = file.relative_to(folder)
        if not file.is_file() or file.suffix in _BESIDES or any(part.startswith(".") for part in name.parts):
            continue
        with file.open("rb") as content:
            inner = hashlib.file_digest(content, "sha256").hexdigest()
        digest.update(f"{name.as_posix()}\n{inner}\n".encode())
    return digest.hexdigest()

"""Finds the two files of a model: its graph and its tokenizer."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tracer_spec.errors import PluginError
from tracer_spec.runtime.encoder_check import MAX_BYTES

from tracer_spec_encoder import EncoderOptions

MODEL, TOKENIZER = "model.onnx", "tokenizer.json"
MAX_TOKENIZER_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A graph and its tokenizer, as bytes."""

    model: bytes
    tokenizer: bytes

    def digests(self) -> tuple[str, str]:
        """Return the sha256 of each, in hex."""
        return hashlib.sha256(self.model).hexdigest(), hashlib.sha256(self.tokenizer).hexdigest()

    def as_state(self) -> Mapping[str, bytes]:
        """Return them by the names that they have in a bundle."""
        return {MODEL: self.model, TOKENIZER: self.tokenizer}


def from_state(state: Mapping[str, bytes]) -> ModelFiles:
    """Return the files that a bundle holds.

    Raises
    ------
    PluginError
        Where it holds others.
    """
    if state.keys() != {MODEL, TOKENIZER}:
        raise PluginError(
            f"the bundle holds {', '.join(sorted(state)) or 'no file'} of the encoder, not {MODEL} and {TOKENIZER}",
            address="embedder",
            hint="build it again",
        )
    return ModelFiles(state[MODEL], state[TOKENIZER])


def find_files(options: EncoderOptions) -> ModelFiles:
    """Read a model from where the options say it is.

    Raises
    ------
    PluginError
        Where it is not there, cannot be fetched, or is larger than is read.
    """
    if options.repo is not None:
        model, tokenizer = _fetched(options.repo, str(options.revision), options.file or "onnx/model.onnx")
    elif options.package is not None:
        model, tokenizer = _in_folder(_package_folder(options.package), options.file, "package")
    elif options.path is not None:
        model, tokenizer = _in_folder(Path(options.path), options.file, "path")
    else:
        raise PluginError(
            "the bundle does not hold the model, and nothing says where it is",
            address="embedder_options",
            hint="give path, package or repo: load(path, embedder_options={'path': ...}), on the command line "
            "--embedder-option path=...",
        )
    return ModelFiles(_read(model, MAX_BYTES), _read(tokenizer, MAX_TOKENIZER_BYTES))


def _in_folder(folder: Path, file: str | None, key: str) -> tuple[Path, Path]:
    """Return the paths of both files; a tokenizer lies beside its model or in the folder."""
    address = f"embedder.with.{key}"
    if not folder.is_dir():
        hint = "give the folder of an ONNX model and its tokenizer.json"
        raise PluginError(f"'{folder}' is not a folder", address=address, hint=hint)
    model = folder / (_only_model(folder, address) if file is None else file)
    if not model.is_file():
        there = ", ".join(_models(folder)) or "none"
        raise PluginError(
            f"'{folder.name}' holds no {file}; models there: {there}",
            address="embedder.with.file",
            hint="name one of them",
        )
    for tokenizer in (model.parent / TOKENIZER, folder / TOKENIZER):
        if tokenizer.is_file():
            return model, tokenizer
    hint = f"save it there: AutoTokenizer.from_pretrained(...).save_pretrained(...) writes {TOKENIZER}"
    raise PluginError(f"'{folder.name}' holds no {TOKENIZER}", address=address, hint=hint)


def _models(folder: Path) -> list[str]:
    return sorted(
        each.relative_to(folder).as_posix() for pattern in ("*.onnx", "onnx/*.onnx") for each in folder.glob(pattern)
    )


def _only_model(folder: Path, address: str) -> str:
    found = _models(folder)
    if not found:
        hint = "export one: optimum-cli export onnx --task feature-extraction --model NAME FOLDER"
        raise PluginError(f"'{folder.name}' holds no ONNX model", address=address, hint=hint)
    if len(found) > 1:
        hint = f"say which: file: {found[0]}"
        raise PluginError(f"'{folder.name}' holds {len(found)} models: {', '.join(found)}", address=address, hint=hint)
    return found[0]


def _package_folder(name: str) -> Path:
    """Return the folder in an installed distribution that holds a tokenizer; nothing of it is imported."""
    from importlib.metadata import PackageNotFoundError, distribution

    address = "embedder.with.package"
    try:
        found = distribution(name)
    except PackageNotFoundError:
        raise PluginError(f"{name} is not installed", address=address, hint=f"pip install {name}") from None
    for file in found.files or ():
        if file.name == TOKENIZER:
            return Path(str(found.locate_file(file))).parent
    hint = "make a package of the model's folder: python -m tools.model_package in tracer-spec's repository"
    raise PluginError(f"{name} {found.version} holds no {TOKENIZER}", address=address, hint=hint)


def _fetched(repo: str, revision: str, file: str) -> tuple[Path, Path]:
    """Return the paths of both files in the Hub's cache, downloaded where they are not there yet."""
    import huggingface_hub

    paths = []
    for name in (file, TOKENIZER):
        try:
            paths.append(huggingface_hub.hf_hub_download(repo, name, revision=revision, local_files_only=True))
            continue
        except (OSError, ValueError):
            pass  # not in the cache yet
        try:
            paths.append(huggingface_hub.hf_hub_download(repo, name, revision=revision))
        except Exception as error:
            raise PluginError(
                f"{name} of '{repo}' at {revision} cannot be fetched: {' '.join(str(error).split())[:200]}",
                address="embedder.with.repo",
                hint="check repo, revision and file, or download the model elsewhere and give its path",
            ) from error
    return Path(paths[0]), Path(paths[1])


def _read(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise PluginError(
            f"{path.name} cannot be read: {error.strerror}",
            address="embedder.with",
            hint="check the file's permissions",
        ) from error
    if len(content) > most:
        hint = "take a smaller model, one quantised to int8 for instance"
        raise PluginError(f"{path.name} has more than {most} bytes", address="embedder.with", hint=hint)
    return content

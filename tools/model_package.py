"""Makes a pip package of a model's folder, so that a company's own index can serve the model.

    python -m tools.model_package FOLDER --name acme-minilm --version 1 --out dist

The wheel holds the ONNX model, its ``tokenizer.json``, licences and descriptions, and no code. A spec then names it:
``embedder: {use: encoder, with: {package: acme-minilm}}``. The same files give the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

import click

TOKENIZER = "tokenizer.json"
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")  # Python packaging's specification of names
_VERSION = re.compile(r"[0-9]+(\.[0-9]+)*((a|b|rc)[0-9]+)?(\.post[0-9]+)?(\.dev[0-9]+)?")  # and of versions, normalised
_TOLD = ("LICENSE*", "LICENCE*", "NOTICE*", "README*")
_WHEEL = b"Wheel-Version: 1.0\nGenerator: tracer-spec model_package\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_EARLIEST = (1980, 1, 1, 0, 0, 0)


def model_wheel(folder: Path, *, name: str, version: str, file: str | None = None) -> tuple[str, bytes]:
    """Return the name and the bytes of the wheel of a model.

    Parameters
    ----------
    folder : Path
        It holds an ONNX model and its ``tokenizer.json``.
    name, version : str
        Of the distribution.
    file : str or None
        The model's file in the folder, where there are several.

    Raises
    ------
    click.ClickException
        Where the folder holds no such model, or a name is not one that pip takes.
    """
    if not _NAME.fullmatch(name):
        raise click.ClickException(f"--name {name!r}: letters, digits, '.', '_' and '-' only, such as acme-minilm")
    if not _VERSION.fullmatch(version):
        raise click.ClickException(f"--version {version!r}: numbers and dots, such as 1 or 1.2.0")
    module = re.sub(r"[-_.]+", "_", name).lower()
    files = {f"{module}/{key}": path.read_bytes() for key, path in _model_files(folder, file).items()}
    info = f"{module}-{version}.dist-info"
    summary = f"The model {folder.name} as ONNX, for tracer-spec's embedder 'encoder'"
    files[f"{info}/METADATA"] = (
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: {summary}\n".encode()
    )
    files[f"{info}/WHEEL"] = _WHEEL
    record = "".join(f"{key},sha256={_digest(content)},{len(content)}\n" for key, content in sorted(files.items()))
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    return f"{module}-{version}-py3-none-any.whl", _zipped(files)


def _model_files(folder: Path, file: str | None) -> dict[str, Path]:
    """Return what goes into the wheel, by its name there; the model is ``model.onnx``."""
    models = sorted({each for pattern in ("*.onnx", "onnx/*.onnx") for each in folder.glob(pattern)})
    if file is not None:
        models = [each for each in models if each.relative_to(folder).as_posix() == file]
    if len(models) != 1:
        there = ", ".join(each.relative_to(folder).as_posix() for each in models) or "none"
        raise click.ClickException(f"{folder}: one model is wanted, found {there}; name it with --file")
    tokenizers = [each for each in (models[0].parent / TOKENIZER, folder / TOKENIZER) if each.is_file()]
    if not tokenizers:
        raise click.ClickException(f"{folder}: holds no {TOKENIZER}; save the model's tokenizer there")
    told = {each.name: each for pattern in _TOLD for each in folder.glob(pattern) if each.is_file()}
    return {"model.onnx": models[0], TOKENIZER: tokenizers[0], **told}


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def _zipped(files: Mapping[str, bytes]) -> bytes:
    """Return a ZIP file whose bytes its members determine: sorted, stored, without times."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as wheel:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _EARLIEST)
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            wheel.writestr(entry, files[name])
    return buffer.getvalue()


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--name", required=True, help="Name of the distribution.")
@click.option("--version", required=True, help="Its version: another model is another version.")
@click.option("--file", help="The model's file in the folder, where there are several.")
@click.option("--out", default="dist", type=click.Path(file_okay=False, path_type=Path), help="Folder of the wheel.")
def main(folder: Path, name: str, version: str, file: str | None, out: Path) -> None:
    """Make a wheel of the ONNX model in FOLDER, its tokenizer and its licence, and print its path."""
    wheel, content = model_wheel(folder, name=name, version=version, file=file)
    out.mkdir(parents=True, exist_ok=True)
    (out / wheel).write_bytes(content)
    click.echo(out / wheel)


if __name__ == "__main__":
    main()

"""A distribution on the path without an installer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def put_distribution(folder: Path, name: str, version: str, entries: Mapping[str, str], **modules: str) -> None:
    """Leave a distribution in a folder as installing it there would.

    Parameters
    ----------
    folder : Path
        What is on the path, or will be; made where there is none.
    name, version : str
    entries : mapping of str to str
        Its entry points for tracer-spec: a name to the module that has the hooks.
    **modules : str
        Source, by the name of the module.
    """
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    points = "".join(f"{entry} = {module}\n" for entry, module in entries.items())
    (info / "entry_points.txt").write_text(f"[tracer_spec]\n{points}", encoding="utf-8")
    for module, source in modules.items():
        (folder / f"{module}.py").write_text(source, encoding="utf-8")

"""How a bundle is taken out of charge: by a rollback, or by letting the teacher answer."""

from __future__ import annotations

import shlex
from pathlib import Path

from tracer_spec.errors import BundleError
from tracer_spec.runtime.bundle import Bundle
from tracer_spec.runtime.release import Release, bundle_place, read_release


def to_shadow(folder: Path) -> str:
    """Return the command that lets the teacher answer every request of the apps that load from a folder."""
    return shlex.join(["tracer-spec", "promote", str(folder), str(folder), "--shadow"])


def undone_by(bundle: Bundle) -> Path | None:
    """Return the folder of releases whose rollback takes a bundle out of charge; None where none does.

    Parameters
    ----------
    bundle : Bundle
        Read from the folder, or by its file in there.
    """
    folder, release = _in_charge(bundle)
    if release is None or (release.canary is None and not release.history):
        return None
    last = release.current if release.canary is None else release.canary.sha256
    return folder if last == bundle.sha256 else None


def shadowed_by(bundle: Bundle) -> Path | None:
    """Return the folder of releases whose shadow takes a bundle out of charge; None where none does, or it is in it."""
    folder, release = _in_charge(bundle)
    return folder if release is not None and release.mode is None and bundle.sha256 in release.deciding else None


def _in_charge(bundle: Bundle) -> tuple[Path, Release | None]:
    """Return the folder that holds a bundle, and its pointer where it is a folder of releases."""
    folder = Path(bundle.where).parent
    try:
        return folder, read_release(folder) if Path(bundle.where) == bundle_place(folder, bundle.sha256) else None
    except BundleError:
        return folder, None

"""Promotion of a bundle into a folder of releases, and the way back."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from tracer_spec.atomic_write import alone_in, replace_file
from tracer_spec.errors import BundleError, TracerError, UsageError
from tracer_spec.production.way_back import to_shadow
from tracer_spec.runtime.archive import POLICY
from tracer_spec.runtime.bundle import Bundle, follow, naming, parse_bundle, read_file, read_stored
from tracer_spec.runtime.embedder_identity import from_plugins
from tracer_spec.runtime.embedding import check_built_in
from tracer_spec.runtime.limits import read_regular
from tracer_spec.runtime.release import MOST_HISTORY, POINTER, SHADOW, Canary, Release, bundle_place, read_release
from tracer_spec.runtime.session import open_policy


@dataclass(frozen=True, slots=True)
class Moved:
    """What a promotion or a rollback came to.

    Parameters
    ----------
    folder : Path
    release : Release
        The pointer as it is now.
    was : Release or None
        The pointer as it was; None where there was none.
    bundle : Bundle
        What was promoted, or what a rollback leaves in charge.
    before : Bundle or None
        What decided all requests, or all but the canary's, before; None where there was none, or it cannot be read any more.
    removed : tuple of str
        Digests of the bundles that neither the pointer nor its history needs, and that were removed.
    """

    folder: Path
    release: Release
    was: Release | None
    bundle: Bundle
    before: Bundle | None
    removed: tuple[str, ...] = ()

    @property
    def is_change(self) -> bool:
        """Return whether the pointer says another thing than before."""
        return self.release != self.was

    @property
    def labels_added(self) -> tuple[str, ...]:
        """Return the labels that the bundle before could not answer with."""
        return _without(self.bundle, self.before)

    @property
    def labels_removed(self) -> tuple[str, ...]:
        """Return the labels that only the bundle before could answer with."""
        return _without(self.before, self.bundle)

    @property
    def asks_for(self) -> tuple[str, ...]:
        """Return what an app must bring now and did not have to before, in words."""
        if self.before is None:
            return ()
        was, now = self.before.manifest, self.bundle.manifest
        found = []
        if now.embedder.probe is None and (was.embedder.probe is not None or was.dimension != now.dimension):
            found.append(f"vectors of {now.dimension} numbers")
        if now.embedder.probe is not None:
            had = {each.use for each in from_plugins(was.embedder)}
            new = [each for each in from_plugins(now.embedder) if each.use not in had]
            found += [f"the embedder '{each.use}' of {each.distribution} {each.version}" for each in new]
        return tuple(found)


def promote(
    bundle: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    canary: float | None = None,
    shadow: bool | None = None,
    keep: int | None = None,
    sha256: str | None = None,
    allow_uncertified: bool = False,
) -> Moved:
    """Put a bundle into a folder of releases, and point to it.

    Parameters
    ----------
    bundle : str or path-like
        The ``.tracer`` file, or another folder of releases, whose current bundle is meant.
    folder : str or path-like
        Made where there is none.
    canary : float or None
        The share of the requests that the bundle is to decide, in [0, 1), while the current one decides the rest. 0 ends the
        canary of this bundle. None makes it the current one, and ends any canary.
    shadow : bool or None
        Whether the teacher is to answer every request, whatever mode the apps are in. None leaves that as it is.
    keep : int or None
        How many earlier bundles a rollback can go back to; all others but the current one and the canary are removed. None
        removes nothing.
    sha256 : str or None
        The digest that the file must have.
    allow_uncertified : bool
        Whether to promote a bundle that nothing is certified about.

    Returns
    -------
    Moved
        Promoting what is there already changes nothing.

    Raises
    ------
    BundleError
        Where the bundle is damaged, was changed, or is not certified.
    UsageError
        Where the share or the folder makes no sense for this bundle.
    TracerError
        Where the folder holds another router's bundles, or cannot be written.

    Notes
    -----
    The bundle is written before the pointer, and the pointer in one step, so it never names a bundle that is not there.
    Promotions of several processes wait for each other.
    """
    place = Path(folder)
    data, opened = _checked(bundle, sha256, allow_uncertified)
    _make(place)
    with alone_in(place):
        was = read_release(place)
        before = _readable(place, was)
        _same_router(before, opened, place)
        release = _pointed(was, opened, canary, place)
        if shadow is not None:
            release = replace(release, mode=SHADOW if shadow else None)
        if keep is not None:
            release = replace(release, history=release.history[max(0, len(release.history) - keep) :])
        if opened.sha256 in _named(release):
            _store(place, opened.sha256, data)
        _point(place, was, release)
        removed = () if keep is None else _prune(place, release)
    return Moved(place, release, was, opened, before, removed)


def rollback(folder: str | os.PathLike[str]) -> Moved:
    """Take back the last promotion: end the canary where there is one, else point to the bundle before.

    Raises
    ------
    BundleError
        Where the folder has no pointer, or the bundle to go back to is missing or damaged: the pointer then stays.
    TracerError
        Where there is nothing to go back to, or the folder cannot be written.
    """
    place = Path(folder)
    if not place.is_dir():
        raise UsageError(
            "there is no such folder", where=str(place), hint="name the folder that bundles are promoted into"
        )
    with alone_in(place):
        was = read_release(place)
        if was is None:
            raise UsageError(f"is a folder without {POINTER}", where=str(place), hint="nothing was promoted into it")
        if was.canary is not None:
            release = replace(was, canary=None)
        elif was.history:
            release = replace(was, current=was.history[-1], history=was.history[:-1])
        else:
            raise TracerError(
                "there is nothing to go back to: no bundle was promoted before the current one",
                where=str(place),
                hint=f"let the teacher answer everything until the next bundle: {to_shadow(place)}",
            )
        bundle = _taken_back(place, release.current)
        undone = was.current if was.canary is None else was.canary.sha256
        before = _stored(place, undone)
        _point(place, was, release)
    return Moved(place, release, was, bundle, before)


def _taken_back(folder: Path, sha256: str) -> Bundle:
    """Read a bundle to go back to; where it cannot be read, say which ways back are left."""
    try:
        return read_stored(folder, sha256)
    except BundleError as error:
        hint = (
            f"promote it again from a file of it: {shlex.join(['tracer-spec', 'promote', 'FILE', str(folder)])}; until then "
            f"let the teacher answer everything: {to_shadow(folder)}"
        )
        raise BundleError.of(tuple(replace(each, hint=hint) for each in error.problems)) from None


# --- the bundle --------------------------------------------------------------------------------------------------------


def _checked(path: str | os.PathLike[str], sha256: str | None, allow_uncertified: bool) -> tuple[bytes, Bundle]:
    """Return the bytes of a bundle that loads, and the bundle."""
    place = Path(path)
    if place.is_dir():
        place = follow(place, lambda release: bundle_place(Path(path), release.current))
    with naming(str(place)):
        data = read_file(place)
        opened = parse_bundle(data, sha256=sha256, where=str(place))
        manifest = opened.manifest
        if manifest.status != "certified" and not allow_uncertified:
            hint = "promote what a build certified, or try it out with --allow-uncertified"
            raise BundleError(f"is not certified, but {manifest.status}", hint=hint)
        open_policy(opened.members[POLICY], manifest)
        check_built_in(manifest, opened.members)
    return data, opened


def _same_router(before: Bundle | None, bundle: Bundle, folder: Path) -> None:
    """Refuse the bundle of another router: its labels mean something else to whoever loads the folder."""
    if before is not None and before.manifest.name != bundle.manifest.name:
        raise TracerError(
            f"the folder is of the router '{before.manifest.name}', and the bundle is of '{bundle.manifest.name}'",
            where=str(folder),
            hint="give each router a folder of its own",
        )


def _readable(folder: Path, release: Release | None) -> Bundle | None:
    return None if release is None else _stored(folder, release.current)


def _stored(folder: Path, digest: str) -> Bundle | None:
    """Return a bundle of the folder; None where it is missing or damaged, which a promotion mends."""
    try:
        return read_stored(folder, digest)
    except BundleError:
        return None


def _without(one: Bundle | None, other: Bundle | None) -> tuple[str, ...]:
    if one is None or other is None:
        return ()
    return tuple(label for label in one.manifest.labels if label not in set(other.manifest.labels))


# --- the folder --------------------------------------------------------------------------------------------------------


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TracerError(
            f"the folder cannot be made: {error.strerror}", where=str(folder), hint="name a folder that may be written"
        ) from None


def _pointed(was: Release | None, bundle: Bundle, share: float | None, folder: Path) -> Release:
    """Return what the pointer is to say."""
    digest = bundle.sha256
    if share is None:
        if was is None:
            return Release(current=digest)
        if was.current == digest:
            return replace(was, canary=None)
        return replace(was, current=digest, canary=None, history=(*was.history, was.current)[-MOST_HISTORY:])
    if was is None:
        raise UsageError(
            "a canary needs a current bundle that decides the rest, and nothing was promoted yet",
            where=str(folder),
            hint="promote a bundle without --canary first",
        )
    is_canary = was.canary is not None and was.canary.sha256 == digest
    if share == 0 and not is_canary:
        raise UsageError("this bundle is not the canary, so there is none to end", where=bundle.where)
    if was.current == digest:
        raise UsageError("this bundle is the current one, and cannot be its own canary", where=bundle.where)
    return replace(was, canary=Canary(digest, share) if share else None)


def _store(folder: Path, digest: str, data: bytes) -> None:
    """Write a bundle under its digest, where it is not there whole."""
    place = bundle_place(folder, digest)
    try:
        if read_regular(place, len(data)) == data:
            return
    except OSError:
        pass  # there is none, or it cannot be read: it is written
    replace_file(place, data, what="the bundle")


def _point(folder: Path, was: Release | None, release: Release) -> None:
    if release != was:
        replace_file(folder / POINTER, release.to_json(), what="the pointer")


def _named(release: Release) -> set[str]:
    """Return the digests of all bundles that a pointer and its history need."""
    return {*release.deciding, *release.history}


def _prune(folder: Path, release: Release) -> tuple[str, ...]:
    """Remove the bundles that nothing needs; of other files, none."""
    needed, removed = _named(release), []
    for path in sorted(folder.glob("*.tracer")):
        if path.stem not in needed and re.fullmatch("[0-9a-f]{64}", path.stem):
            path.unlink(missing_ok=True)
            removed.append(path.stem)
    return tuple(removed)

"""Which embedders a bundle needs, which of them come from it alone, and which the app must have asked for."""

from __future__ import annotations

import re

from tracer_spec.errors import BundleError
from tracer_spec.runtime.archive import EMBEDDER, MANIFEST
from tracer_spec.runtime.manifest import PartIdentity

OURS = "tracer-spec"
LSA, CONCAT = "lsa", "concat"
SEPARATOR = ","
"""Between the names of several plugins that an app asks for."""


def is_joined(identity: PartIdentity) -> bool:
    """Return whether the embedder is made of others."""
    return identity.use == CONCAT and normal_name(identity.distribution) == OURS


def parts_of(identity: PartIdentity) -> tuple[PartIdentity, ...]:
    """Return the embedders that it is made of; itself where it is made of none.

    Raises
    ------
    BundleError
        Where the manifest describes no such parts.
    """
    if not is_joined(identity):
        return (identity,)
    from tracer_spec.runtime.concat import read_identity  # read where it is needed: other bundles start sooner

    found = read_identity(identity.options).of
    if any(map(is_joined, found)):
        raise BundleError(
            f"has a part that is '{CONCAT}' itself",
            address=f"{MANIFEST} embedder.options",
            hint="fetch the bundle again, or build it again with 'tracer-spec build'",
        )
    return found


def from_plugins(identity: PartIdentity) -> tuple[PartIdentity, ...]:
    """Return the embedders that an installed plugin must make, each once."""
    found = (each for each in parts_of(identity) if not _comes_along(each))
    return tuple({(each.use, each.distribution): each for each in found}.values())


def is_built_in(identity: PartIdentity) -> bool:
    """Return whether the embedder comes from the bundle alone."""
    return not from_plugins(identity)


def _comes_along(part: PartIdentity) -> bool:
    return part.use == LSA and normal_name(part.distribution) == OURS


def names_in(asked: str | None) -> frozenset[str]:
    """Return the plugins that an app asks for, of ``NAME`` or ``NAME,NAME``."""
    return frozenset(name.strip() for name in (asked or "").split(SEPARATOR)) - {""}


def check_consent(identity: PartIdentity, asked: str | None, *, is_pinned: bool) -> None:
    """Refuse, before it is imported, a plugin that only the bundle asks for, and a name that is none of the bundle's."""
    names, needed = names_in(asked), from_plugins(identity)
    known = {identity.use, *(each.use for each in parts_of(identity))}
    if asked is not None and not (names and names <= known):
        refused, fact = (needed or (identity,))[0], f"; '{asked}' was asked for"
    else:
        missing = [each for each in needed if each.use not in names and not (asked is None and is_pinned)]
        if not missing:
            return
        refused = missing[0]
        fact = ", and only the bundle itself says so" if asked is None else f"; '{asked}' alone was asked for"
    all_names = SEPARATOR.join(sorted(each.use for each in needed)) or identity.use
    raise BundleError(
        f"needs the embedder '{refused.use}' of {refused.distribution} {refused.version}{fact}",
        address=EMBEDDER,
        hint=f"load(path, embedder='{all_names}') or load(path, sha256=...), "
        f"on the command line --embedder {all_names} or --sha256 HEX, where you trust who made the bundle",
    )


def same_release(identity: PartIdentity) -> str:
    """Return the command that installs the plugin."""
    return f"pip install {identity.distribution}=={identity.version}"


def normal_name(distribution: str) -> str:
    """Return a distribution's name as PyPA's name normalisation writes it."""
    return re.sub(r"[-_.]+", "-", distribution).lower()

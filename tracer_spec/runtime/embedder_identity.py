"""Which embedders a bundle asks for: itself, or the parts that it is made of, and whether the app lets them be used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tracer_spec.errors import BundleError
from tracer_spec.runtime.archive import EMBEDDER, MANIFEST, REBUILD
from tracer_spec.runtime.manifest import CONCAT, LSA, PartIdentity

SEPARATOR = ","
"""Between the names of several plugins that an app asks for."""


@dataclass(frozen=True, slots=True)
class Placed:
    """An embedder with its place in the bundle: the number of the part that it is, None where it is the whole."""

    identity: PartIdentity
    number: int | None = None

    @property
    def state_at(self) -> str:
        """Return the folder of its state."""
        return EMBEDDER if self.number is None else f"{EMBEDDER}{self.number}/"

    @property
    def options_at(self) -> str:
        """Return the address of its options."""
        whole = f"{MANIFEST} embedder.options"
        return whole if self.number is None else f"{whole}.of[{self.number}].options"

    @property
    def prefix(self) -> str:
        """Return what an app writes before a deployment option that is meant for this part alone."""
        return "" if self.number is None else f"{self.number}."

    @property
    def is_built_in(self) -> bool:
        """Return whether it is restored from the bundle alone."""
        return self.identity.is_ours(LSA)


def is_joined(identity: PartIdentity) -> bool:
    """Return whether the embedder is made of others."""
    return identity.is_ours(CONCAT)


def placed_parts(identity: PartIdentity) -> tuple[Placed, ...]:
    """Return the embedders that it is made of; itself where it is made of none.

    Raises
    ------
    BundleError
        Where the manifest describes no such parts.
    """
    if not is_joined(identity):
        return (Placed(identity),)
    from tracer_spec.runtime.concat import read_identity  # read where it is needed: other bundles start sooner

    found = tuple(Placed(part, number) for number, part in enumerate(read_identity(identity.options).of))
    for each in found:
        if is_joined(each.identity):
            raise BundleError(
                f"is '{CONCAT}' itself, and parts have no parts",
                address=f"{MANIFEST} embedder.options.of[{each.number}].use",
                hint=REBUILD,
            )
    return found


def parts_of(identity: PartIdentity) -> tuple[PartIdentity, ...]:
    """Return the embedders that it is made of, without their places; see :func:`placed_parts`."""
    return tuple(each.identity for each in placed_parts(identity))


def from_plugins(identity: PartIdentity) -> tuple[PartIdentity, ...]:
    """Return the embedders that an installed plugin must make, each once."""
    found = (each.identity for each in placed_parts(identity) if not each.is_built_in)
    return tuple({(each.use, each.distribution): each for each in found}.values())


def is_built_in(identity: PartIdentity) -> bool:
    """Return whether the embedder comes from the bundle alone."""
    return not from_plugins(identity)


def state_of(members: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the embedder's members, by their names below ``embedder/``."""
    return {name.removeprefix(EMBEDDER): content for name, content in members.items() if name.startswith(EMBEDDER)}


def check_parts(identity: PartIdentity, members: Mapping[str, bytes]) -> None:
    """Check that an embedder made of others describes them, and that each file of its state belongs to one of them.

    Raises
    ------
    BundleError
        Where it does not.
    """
    from tracer_spec.runtime.concat import states_of

    states_of(state_of(members), len(placed_parts(identity)))


def names_in(asked: str | None) -> frozenset[str]:
    """Return the plugins that an app asks for, of ``NAME`` or ``NAME,NAME``."""
    return frozenset(name.strip() for name in (asked or "").split(SEPARATOR)) - {""}


def names_needed(identity: PartIdentity) -> str:
    """Return what an app gives as ``embedder`` to let a bundle use its plugins; empty where it needs none."""
    return SEPARATOR.join(sorted({each.use for each in from_plugins(identity)}))


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
    all_names = names_needed(identity) or identity.use
    raise BundleError(
        f"needs the embedder '{refused.use}' of {refused.distribution} {refused.version}{fact}",
        address=EMBEDDER,
        hint=f"load(path, embedder='{all_names}') or load(path, sha256=...), "
        f"on the command line --embedder {all_names} or --sha256 HEX, where you trust who made the bundle",
    )

"""Makes the embedder of an installed plugin, of options that the bundle and the app each may give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tracer_spec.errors import BundleError, UsageError
from tracer_spec.runtime.embedder_identity import Placed
from tracer_spec.runtime.manifest import PartIdentity, normal_name

GROUP = "tracer_spec"
HOOK = "tracer_spec_embedders"


def make_plugin(part: Placed, given: Mapping[str, Any]) -> Any:
    """Return what the plugin makes of the bundle's options and of the deployment options that the app gives.

    Raises
    ------
    BundleError
        Where the plugin is not installed, or the bundle holds a deployment option.
    UsageError
        Where the app gives an option a wrong value.
    """
    plugin = find_plugin(part)
    _check_held(part, given, plugin.options.deployment_options())
    return plugin.make(_validated(plugin.options, part.identity, given))


def options_by_part(parts: Sequence[Placed], given: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    """Return what the app gives each part: ``NAME`` goes to the one that takes it, ``1.NAME`` to part 1, counted from 0.

    Raises
    ------
    UsageError
        Where no part takes an option, or several do.
    """
    found: tuple[dict[str, Any], ...] = tuple({} for _ in parts)
    takes = [_deployment_options(part) for part in parts]
    foreign = []
    for written, value in given.items():
        name, takers = _takers(written, takes)
        if len(takers) > 1:
            said = " and ".join(f"{at} ({parts[at].identity.use})" for at in takers)
            raise UsageError(
                f"the embedder's parts {said} both take {name}" if len(takers) == 2 else f"parts {said} take {name}",
                address="embedder_options",
                hint=f"say which: {takers[0]}.{name}",
            )
        if takers:
            found[takers[0]][name] = value
        else:
            foreign.append(written)
    if foreign:
        whose = " and ".join(f"'{part.identity.use}'" for part in parts)
        what = f"the embedder {whose} does" if len(parts) == 1 else f"the embedder's parts {whose} do"
        allowed = ", ".join(sorted(frozenset().union(*takes))) or "none"
        held = [
            name
            for name in foreign
            if _takers(name, [_deployment_options(part, all_of_them=True) for part in parts])[1]
        ]
        raise UsageError(
            f"{what} not take {', '.join(sorted(foreign))} from the app; allowed: {allowed}",
            address="embedder_options",
            hint=f"the bundle carries what {held[0]} would say: leave it out"
            if held
            else "the bundle holds the options that decide the vectors",
        )
    return found


def taken_options(parts: Sequence[Placed], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the app's options that some part takes."""
    takes = [_deployment_options(part) for part in parts]
    return {written: value for written, value in given.items() if _takers(written, takes)[1]}


def _takers(written: str, takes: Sequence[frozenset[str]]) -> tuple[str, list[int]]:
    """Return the name of an option, without the number of a part, and the parts that take it."""
    number, dot, name = written.partition(".")
    numbered = len(takes) > 1 and dot and number.isdecimal()
    name = name if numbered else written
    return name, [at for at, names in enumerate(takes) if name in names and (not numbered or at == int(number))]


def _deployment_options(part: Placed, *, all_of_them: bool = False) -> frozenset[str]:
    """Return what a part takes from the app; ``all_of_them`` also without effect on this bundle."""
    if part.is_built_in:
        return frozenset()
    names: frozenset[str] = find_plugin(part).options.deployment_options({} if all_of_them else part.identity.options)
    return names


def _validated(options: Any, identity: PartIdentity, given: Mapping[str, Any]) -> Any:
    """Return the options of both; a wrong one of the app's is its own mistake, and may be a secret."""
    try:
        return options.model_validate({**identity.options, **given})
    except ValueError as error:  # of pydantic, which the runtime does not import
        for each in getattr(error, "errors", list)():
            if given and (not each["loc"] or each["loc"][0] in given):
                which = f"the value of {each['loc'][0]}" if each["loc"] else f"{', '.join(sorted(given))} together"
                what = f"the embedder '{identity.use}' does not take {which}: {each['msg']}"
                hint = f"'tracer-spec plugins {identity.use}' lists its options"
                raise UsageError(what, address="embedder_options", hint=hint) from None
        raise


def _check_held(part: Placed, given: Mapping[str, Any], deployment: frozenset[str]) -> None:
    """Check that the bundle gives only options that are its to give."""
    identity = part.identity
    held = sorted((identity.options.keys() & deployment) - given.keys())
    if held:
        name = part.prefix + held[0]
        raise BundleError(
            f"sets {', '.join(held)} of the embedder '{identity.use}', which only the app may",
            address=part.options_at,
            hint=f"load(path, embedder_options={{'{name}': ...}}), on the command line --embedder-option {name}=...",
        )


def find_plugin(part: Placed) -> Any:
    """Return the plugin's descriptor from the entry points of its distribution alone."""
    import importlib.metadata

    identity = part.identity
    wanted = normal_name(identity.distribution)
    entries = [
        entry
        for entry in importlib.metadata.entry_points(group=GROUP)
        if entry.dist is not None and normal_name(entry.dist.name) == wanted
    ]
    for entry in entries:
        for plugin in getattr(entry.load(), HOOK, tuple)():
            if plugin.name == identity.use:
                return plugin
    found = (
        f"{identity.distribution} is installed without it" if entries else f"{identity.distribution} is not installed"
    )
    raise BundleError(
        f"needs the embedder '{identity.use}' of {identity.distribution} {identity.version}; {found}",
        address=part.state_at,
        hint=f"{identity.same_release}, or pass load(path, embedder=...)",
    )

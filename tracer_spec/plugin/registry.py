"""The installed plugins, with who ships them, by kind and name.

A factory, not a global: every :func:`find_plugins` call looks again. A plugin that breaks is a row of
:attr:`Registry.broken`; it is fatal only to the spec that names it.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pluggy

from tracer_spec.errors import PluginError, did_you_mean
from tracer_spec.plugin import hookspecs
from tracer_spec.plugin.contracts import Options, Plugin, Provided
from tracer_spec.plugin.joining import JoiningPlugin
from tracer_spec.plugin.kept_plugins import KEPT_PLUGINS, install_hint
from tracer_spec.plugin.proposing import CalibratorPlugin
from tracer_spec.plugin.requirements import NO_FAULT, said_by

KINDS = ("source", "embedder", "surrogate", "acceptor", "guard", "family", "calibrator")
HOOKS = {kind: f"{hookspecs.GROUP}_{'families' if kind == 'family' else kind + 's'}" for kind in KINDS}
_OURS = "tracer-spec"
_TWICE = "provided twice"
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Broken:
    """A plugin that cannot be used, and why; for an entry point that does not import, ``kind`` is ``entry point``."""

    kind: str
    name: str
    distribution: str
    version: str
    reason: str

    @property
    def is_duplicate(self) -> bool:
        """Return whether it is sound, but for another one of its name."""
        return self.reason.startswith(_TWICE)


@dataclass(frozen=True, slots=True)
class Registry:
    """The plugins of this environment, sorted by kind and name."""

    provided: tuple[Provided, ...]
    broken: tuple[Broken, ...]

    def of_kind(self, kind: str) -> dict[str, Provided]:
        """Return the usable plugins of a kind, by name."""
        return {each.name: each for each in self.provided if each.kind == kind}

    def get(self, kind: str, name: str) -> Provided:
        """Return one plugin.

        Raises
        ------
        PluginError
            Where no usable plugin has that name; the message lists those that do, or says why it is broken.
        """
        known = self.of_kind(kind)
        if name in known:
            return known[name]
        suspects = [each for each in self.broken if each.kind in (kind, "entry point")]
        for broken in suspects:
            if broken.name == name:
                raise PluginError(
                    f"the {kind} '{name}' of {broken.distribution} {broken.version} cannot be used: {broken.reason}",
                    hint=self.remedy(broken),
                )
        raise PluginError(
            f"no {kind} is called '{name}'; known: {_listing(known.values())}",
            hint=hint_for(name, known, suspects, kind),
        )

    def remedy(self, broken: Broken) -> str:
        """Return what to do about a plugin that cannot be used: each third party whose removal helps is named."""
        same = [each for each in self.broken if (each.kind, each.name) == (broken.kind, broken.name)]
        others = dict.fromkeys(each.distribution for each in same if each.is_duplicate and each.distribution != _OURS)
        if broken.is_duplicate and others:
            todo = f"uninstall {' or '.join(others)}"
        else:
            todo = f"fix or uninstall {broken.distribution}"
        return f"{todo}; 'tracer-spec plugins' lists every plugin's state"


def hint_for(name: str, known: Iterable[str], suspects: Iterable[Broken], *kinds: str) -> str:
    """Return what to do about a name that no plugin has: install it, write it as it is known, or mend what is broken.

    Empty where nothing can be told. ``suspects`` are the broken ones that may provide it.
    """
    if any((kind, name) in KEPT_PLUGINS for kind in kinds):
        return install_hint(name, *kinds)
    return did_you_mean(name, known) or install_hint(name, *kinds) or _may_provide(suspects)


def _may_provide(suspects: Iterable[Broken]) -> str:
    """Return what may provide a plugin whose name is not known, since it is broken; empty where nothing is."""
    found = sorted({f"{each.distribution} {each.version} ({each.reason})" for each in suspects})
    return f"what is installed and broken may provide it: {', '.join(found)}" if found else ""


def find_plugins() -> Registry:
    """Load every entry point of the group ``tracer_spec`` and return what they provide.

    Notes
    -----
    Hook implementations are called one by one, so that one that raises loses its own plugins alone; a descriptor that is wrong
    loses itself alone. Two plugins of one kind and name are both refused, and each error names both providers: which of them
    a spec means is not ours to guess.
    """
    manager = pluggy.PluginManager(hookspecs.GROUP)
    manager.add_hookspecs(hookspecs)
    found: list[Provided] = []
    broken: list[Broken] = []
    # stdout is for what a command answers: one document, with --json
    with contextlib.redirect_stdout(sys.stderr):
        for module in _modules():
            try:
                manager.register(module.entry.load(), name=module.name)
                manager.check_pending()
            except NO_FAULT:
                raise
            except BaseException as error:  # noqa: BLE001 - a third party's import may raise anything, not ours to die of
                broken.append(module.broken("entry point", module.entry.name, error))
                if manager.has_plugin(module.name):
                    manager.unregister(name=module.name)
                continue
            for kind in KINDS:
                got, lost = _call(manager, kind, module)
                found += got
                broken += lost
    return _without_duplicates(found, broken)


def _listing(known: Iterable[Provided]) -> str:
    """List names by provider, ours first."""
    by_provider: dict[str, list[str]] = {}
    for each in known:
        label = "built in" if each.distribution == _OURS else f"{each.distribution} {each.version}"
        by_provider.setdefault(label, []).append(each.name)
    order = sorted(by_provider, key=lambda label: (label != "built in", label))
    return ", ".join(f"{', '.join(by_provider[label])} ({label})" for label in order) or "none"


@dataclass(frozen=True, slots=True)
class _Module:
    """An entry point and who ships it."""

    entry: importlib.metadata.EntryPoint
    distribution: str
    version: str

    @property
    def name(self) -> str:
        return f"{self.distribution}:{self.entry.name}"

    def broken(self, kind: str, name: str, error: BaseException) -> Broken:
        return Broken(kind, name, self.distribution, self.version, said_by(error, 2000))


def _modules() -> list[_Module]:
    """Return each entry point once, sorted."""
    seen: dict[tuple[str, str, str], _Module] = {}
    for distribution in importlib.metadata.distributions():
        for entry in distribution.entry_points:
            if entry.group == hookspecs.GROUP:
                key = (distribution.name, entry.name, entry.value)
                seen.setdefault(key, _Module(entry, distribution.name, distribution.version))
    return [seen[key] for key in sorted(seen)]


def _call(manager: pluggy.PluginManager, kind: str, module: _Module) -> tuple[list[Provided], list[Broken]]:
    """Call one module's implementation of one hook."""
    got: list[Provided] = []
    lost: list[Broken] = []
    for implementation in getattr(manager.hook, HOOKS[kind]).get_hookimpls():
        if implementation.plugin_name != module.name:
            continue
        try:
            for plugin in implementation.function():
                _check_name(plugin)
                try:
                    _check(kind, plugin, is_ours=module.distribution == _OURS)
                except NO_FAULT:
                    raise
                except BaseException as error:  # noqa: BLE001 - under its name: a spec that names it is told why
                    lost.append(module.broken(kind, plugin.name, error))
                else:
                    got.append(Provided(kind, plugin, module.distribution, module.version))
        except NO_FAULT:
            raise
        except BaseException as error:  # noqa: BLE001 - as above
            return [], [*lost, module.broken(kind, module.entry.name, error)]
    return got, lost


def _check_name(plugin: Any) -> None:
    """Raise where it is no descriptor, or one without a name that a spec can write."""
    if not isinstance(plugin, Plugin):
        raise PluginError(f"the hook yielded {type(plugin).__name__}, not a tracer_spec.plugin.Plugin")
    if not (isinstance(plugin.name, str) and _NAME.fullmatch(plugin.name)):
        raise PluginError(f"the name {plugin.name!r} is not of lower case letters, digits and dashes")


def _check(kind: str, plugin: Plugin[Any], *, is_ours: bool) -> None:
    """Raise where a descriptor breaks its contract."""
    if kind == "calibrator" and not isinstance(plugin, CalibratorPlugin):
        raise PluginError(
            f"'{plugin.name}' is described by Plugin; a calibrator is described by tracer_spec.plugin.CalibratorPlugin, "
            "which says what it measures and whether it tests"
        )
    if not isinstance(plugin.summary, str):
        raise PluginError(f"the summary of '{plugin.name}' is {type(plugin.summary).__name__}, not text")
    if not (isinstance(plugin.options, type) and issubclass(plugin.options, Options)):
        raise PluginError(f"the options of '{plugin.name}' are not a subclass of tracer_spec.plugin.Options")
    if not callable(plugin.make):
        raise PluginError(f"the make of '{plugin.name}' cannot be called")
    if not is_ours:
        _check_is_no_joiner(plugin)
        _check_schema(plugin)  # tests hold ours to it


def _check_is_no_joiner(plugin: Plugin[Any]) -> None:
    """Raise where an embedder is made of others: a bundle restores such a one part by part, and knows ``concat`` alone."""
    if isinstance(plugin, JoiningPlugin):
        raise PluginError(
            f"'{plugin.name}' is described by JoiningPlugin, whose bundles could not be loaded: only 'concat', which is built "
            "in, is made of other embedders"
        )


def _check_schema(plugin: Plugin[Any]) -> None:
    """Raise where options cannot be told to an editor: 'schema' and 'plugins' would fail for everyone else too."""
    from pydantic.errors import PydanticInvalidForJsonSchema

    try:
        plugin.options.model_json_schema()
    except PydanticInvalidForJsonSchema as error:
        what = str(error).partition("\n")[0]
        raise PluginError(f"the options of '{plugin.name}' have no JSON Schema: {what}") from None


def _without_duplicates(found: Sequence[Provided], broken: list[Broken]) -> Registry:
    """Take out every plugin whose name another distribution provides too."""
    by_name: dict[tuple[str, str], list[Provided]] = {}
    for each in found:
        by_name.setdefault((each.kind, each.name), []).append(each)
    usable: list[Provided] = []
    for (kind, name), providers in by_name.items():
        if len(providers) == 1:
            usable += providers
            continue
        who = " and ".join(f"{each.distribution} {each.version}" for each in providers)
        broken += [Broken(kind, name, each.distribution, each.version, f"{_TWICE}, by {who}") for each in providers]
    order = {kind: rank for rank, kind in enumerate(KINDS)}
    return Registry(
        provided=tuple(sorted(usable, key=lambda each: (order[each.kind], each.name))),
        broken=tuple(sorted(broken, key=lambda each: (each.kind, each.name, each.distribution))),
    )

"""The secrets among the options of a plugin: where they stand, and what no message may quote."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, SecretBytes, SecretStr

from tracer_spec.plugin.deployment import aliases, marks_of, opens_a_door, words_of
from tracer_spec.plugin.paths import RESOLVES
from tracer_spec.spec.environment import default_of, variables_of
from tracer_spec.spec.error_text import is_private
from tracer_spec.spec.load import LoadedSpec
from tracer_spec.spec.nodes import Node, Path, Scalar, as_written, find, nearest

# of fewer characters, what the spec calls a secret is none; of a value that nothing calls one, words that are none would be it
_SHORTEST, _SHORTEST_UNTOLD = 3, 6
# the password of an address, in which both '@' and '/' may stand; and what stands there alone
_PASSWORDS = tuple(re.compile(rf"://[^\s'\"@:/]*:({each})@") for each in (r"[^\s'\"]*", r"[^\s'\"]*?", r"[^\s'\"/?#]*"))
_TOKEN = re.compile(r"https?://([^\s'\"@:/]+)@", re.IGNORECASE)
# 'password=...', 'AccountKey=...;', '"token": "..."'
_NAMED = re.compile(r"""(?<![\w.-])([A-Za-z][\w.-]*)["']?\s*(?:=|:(?!//))\s*(?:"([^"]*)"|'([^']*)'|([^\s"';&,{}]+))""")
# 'Bearer ...'; and of a secret, 'user:...'
_SCHEME = re.compile(r"\b(?:apikey|basic|bearer|digest|key|token)\s+(\S{6,})", re.IGNORECASE)
_LOGIN = re.compile(r"\s*[^\s:/]+:([^\s/]\S*)\s*")
_SIGNATURE_WORDS = frozenset(("sig", "signature"))
# line breaks, of which a variable may hold the escapes
_BREAKS = re.compile(r"[\r\n]|\\+[rn]")


def secrets_of(loaded: LoadedSpec, options: BaseModel, written: Any, path: Path) -> frozenset[str]:
    """Return the secrets among the options at ``path``, as the plugin takes them and as they are written.

    A value is one by the name or the type of its option, and where it comes from the environment, unless it is a path; so is
    each variable that is a part of one, the variable that an option ``..._env`` names, and the password in any address. A part
    that a plugin may quote alone, such as a line of a key, is one too.
    """
    told, untold = named_secrets(loaded, written, path), set[str]()
    places, paths = set(secret_places(loaded, options, path)), set(_paths(options, path))
    for at, value in _values(written, path):
        node, above = nearest(loaded.tree, at), {at[:n] for n in range(len(at) + 1)}
        if places & above:
            told |= _with_variables(node, value)
        elif not paths & above and "env" not in _words_at(at):
            untold.update(_from_environment(node, value))
    told |= {each for each in untold if len(each.strip()) >= _SHORTEST_UNTOLD}
    return frozenset(each for each in _with_parts(told) if len(each.strip()) >= _SHORTEST)


def named_secrets(loaded: LoadedSpec, written: Any, path: Path) -> frozenset[str]:
    """Return the secrets among the options at ``path`` that their names tell, and the passwords in addresses, each whole."""
    found: set[str] = set()
    for at, value in _values(written, path):
        words, node = _words_at(at), nearest(loaded.tree, at)
        if "env" in words:
            found |= _with_login(os.environ.get(value, ""))
        elif _is_told(words, node, value):
            found |= _with_variables(node, value)
        found.update(_of_addresses(value))
    return frozenset(each for each in found if len(each.strip()) >= _SHORTEST)


def secret_places(loaded: LoadedSpec, options: BaseModel, path: Path, stays: Collection[str] = ()) -> Iterator[Path]:
    """Yield where the spec writes a secret, by name or type, among options but those that stay, and the options in these."""
    for name, of_model in type(options).model_fields.items():
        value, names = getattr(options, name), (name, *aliases(of_model))
        at = next((place for each in names if find(loaded.tree, place := (*path, each))), None)
        words = frozenset[str]().union(*map(words_of, names))
        if at is None or name in stays or "env" in words:
            continue
        is_named = opens_a_door(words, is_private=is_private(nearest(loaded.tree, at)))
        if is_named or isinstance(value, SecretStr | SecretBytes):
            yield at
            continue
        for inner, place in _models_in(value, at):
            yield from secret_places(loaded, inner, place)


def _is_told(words: frozenset[str], node: Node, value: str) -> bool:
    """Return whether the name of an option says that its value is a secret, or of a variable the value or the variable does."""
    is_of_variable = is_private(node)
    if is_of_variable:
        words |= words_of(as_written(node)) | words_of(value)
    return opens_a_door(words, is_private=is_of_variable)


def _with_variables(node: Node, value: str) -> frozenset[str]:
    """Return a secret, as it is and as the spec writes it, with the variables that are parts of it."""
    if not isinstance(node, Scalar):
        return _with_login(value)
    parts = [os.environ.get(each, "") for each in variables_of(node)] if is_private(node) else [node.text]
    return frozenset().union(*map(_with_login, (value, *parts)))


def _from_environment(node: Node, value: str) -> Iterator[str]:
    """Yield what a value takes from variables, and the whole of it, but not what the spec gives where none does."""
    if isinstance(node, Scalar) and is_private(node):
        yield from (os.environ.get(each, "") for each in variables_of(node))
        if str(default_of(node)) != value:
            yield value


def _with_login(secret: str) -> frozenset[str]:
    """Return a secret, and the password where it is ``user:password``."""
    login = _LOGIN.fullmatch(secret)
    return frozenset((secret, login[1]) if login and len(login[1]) >= _SHORTEST_UNTOLD else (secret,))


def _with_parts(secrets: Iterable[str]) -> Iterator[str]:
    """Yield secrets, with what a plugin may quote of each alone: what it calls a secret itself, and each of its lines."""
    for secret in secrets:
        yield secret
        yield from _of_addresses(secret)
        inside = [*_SCHEME.findall(secret), *_called_secrets(secret)]
        yield from inside
        for each in (secret, *inside):
            lines = [line.strip() for line in _BREAKS.split(each)]
            if len(lines) > 1:
                yield from (line for line in lines if len(line) >= _SHORTEST_UNTOLD and not line.startswith("-----"))


def _called_secrets(text: str) -> Iterator[str]:
    """Yield what a text gives a name of a secret: pairs, as in ``host=db password=...``, and those of JSON."""
    named = [(match[1], match[2] or match[3] or match[4] or "") for match in _NAMED.finditer(text)]
    if text.lstrip().startswith(("{", "[")):
        with contextlib.suppress(ValueError, RecursionError):  # it may look like JSON alone
            named += [(_last_name(at), value) for at, value in _values(json.loads(text), ("",))]
    for name, value in named:
        words = words_of(name)
        if opens_a_door(words, is_private=True) or words & _SIGNATURE_WORDS:
            yield value


def _of_addresses(text: str) -> Iterator[str]:
    """Yield the passwords and tokens of the addresses in a text, of which short ones are words."""
    found = (each for form in (*_PASSWORDS, _TOKEN) for each in form.findall(text))
    yield from (each for each in found if len(each) > _SHORTEST)


def _paths(options: BaseModel, path: Path) -> Iterator[Path]:
    """Yield where the paths among options stand, which people must see to mend them."""
    for name, field in type(options).model_fields.items():
        if RESOLVES in marks_of(field):
            yield from ((*path, each) for each in (name, *aliases(field)))


def _models_in(value: Any, at: Path) -> Iterator[tuple[BaseModel, Path]]:
    """Yield the options that an option holds, each with its place."""
    if isinstance(value, BaseModel):
        yield value, at
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _models_in(each, (*at, key))
    elif isinstance(value, list | tuple):
        for number, each in enumerate(value):
            yield from _models_in(each, (*at, number))


def _values(value: Any, at: Path) -> Iterator[tuple[Path, str]]:
    """Yield the texts and numbers among options, each as text, with its place."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _values(each, (*at, key))
    elif isinstance(value, list | tuple):
        for number, each in enumerate(value):
            yield from _values(each, (*at, number))
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield at, str(value)


def _last_name(at: Path) -> str:
    return next(each for each in reversed(at) if isinstance(each, str))


def _words_at(at: Path) -> frozenset[str]:
    """Return the words of the option that a place is in, or of its key in the innermost mapping."""
    return words_of(_last_name(at))

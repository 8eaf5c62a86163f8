"""Output formats: text, one JSON document, or GitHub's workflow commands beside the text."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from tracer_spec.errors import UsageError

TEXT, JSON, GITHUB = FORMATS = ("text", "json", "github")

Command = TypeVar("Command", bound=Callable[..., Any])


def format_options(command: Command) -> Command:
    """Add ``--format``, and ``--json`` as its short form; they come as ``form`` and ``as_json``."""
    short = click.option("--json", "as_json", is_flag=True, help="Print one JSON document: short for --format json.")
    whole = click.option(
        "--format",
        "form",
        type=click.Choice(FORMATS),
        metavar="FORM",
        help="text (the default); json: one document; github: the text, and annotations, step summary and outputs "
        "for GitHub Actions.",
    )
    return whole(short(command))


def chosen_format(form: str | None, *, as_json: bool) -> str:
    """Return the form that the options ask for; raise where they contradict each other."""
    if as_json and form not in (None, JSON):
        raise UsageError(f"--json and --format {form} are both given; take one of them")
    return JSON if as_json else form or TEXT


def wanted_format(args: Sequence[str]) -> str:
    """Return the form that raw arguments ask for: a call that cannot be parsed is answered in it all the same."""
    options = list(args[: args.index("--")] if "--" in args else args)
    if "--json" in options:
        return JSON
    asked = [each.partition("=")[2] for each in options if each.startswith("--format=")]
    asked += [value for option, value in itertools.pairwise(options) if option == "--format"]
    return asked[-1] if asked and asked[-1] in FORMATS else TEXT

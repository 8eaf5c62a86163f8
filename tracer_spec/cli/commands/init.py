"""``tracer-spec init``: a first router.yaml, for traces that are there or for samples."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracer_spec.build_packages import check_build_packages
from tracer_spec.cli.console import is_terminal, print_document, rows
from tracer_spec.cli.verbs import VERBS
from tracer_spec.errors import UsageError
from tracer_spec.text_format import listing, one_line, plural

if TYPE_CHECKING:
    from tracer_spec.init.inspect_traces import Look
    from tracer_spec.init.spec_text import FirstSpec

SPEC, SAMPLES, SCHEMA = "router.yaml", "traces.jsonl", "router.schema.json"


@click.command("init", short_help=VERBS["init"])
@click.argument("folder", metavar="[DIR]", default=".")
@click.option(
    "--traces",
    multiple=True,
    metavar="FILE",
    help="Traces to look at: JSON Lines, JSON, CSV or Parquet; or a glob in quotes. May be given more than once.",
)
@click.option("--text", metavar="JMESPATH", help="Where the request lies in a record.")
@click.option("--label", metavar="JMESPATH", help="Where the LLM's answer lies in a record.")
@click.option("--name", help="The router's name; the folder's by default.")
@click.option("--target", type=click.FloatRange(0, 1, min_open=True, max_open=True), help="The agreement to certify.")
@click.option("-y", "--yes", is_flag=True, help="Ask nothing; without --traces, take sample traces.")
@click.option("--force", is_flag=True, help="Overwrite files that are there.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document; asks nothing.")
def command(
    folder: str,
    traces: tuple[str, ...],
    text: str | None,
    label: str | None,
    name: str | None,
    target: float | None,
    yes: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Write a commented router.yaml into DIR, the current folder by default.

    Looks at the traces: tells their source and layout, vendors' formats too, counts labels, and proposes a target that
    so many rows can certify. A spec is written only where it reads the traces; else you are told what each field holds.
    Without traces it writes sample ones, on which a build certifies. On a terminal it asks for what it cannot know; files
    that are there are not overwritten.
    """
    asks = not (yes or as_json) and is_terminal(sys.stdin) and is_terminal(sys.stderr)
    place = Path(folder)
    if place.is_file():
        hint = f"a spec for such traces: {shlex.join(['tracer-spec', 'init', '--traces', folder])}"
        raise UsageError(f"{folder} is a file, not a folder to write into", hint=hint)
    refuse_overwriting([place / SPEC], force=force)
    if not traces and asks:
        traces = tuple(filter(None, [_ask("traces file (empty for made-up samples)", "")]))
    if not traces and (text or label):
        raise UsageError("--text and --label are about traces, and --traces is not given")
    chosen = name or (_ask("name of the router", name_of(place)) if asks else name_of(place))
    _check_name(chosen)
    if not traces:
        first, files, facts = _samples(chosen, target)
    else:
        look = _look(traces, text, label, asks=asks)
        facts = tell(look, target)
        if asks:
            click.echo(f"{rows(facts, stream=sys.stderr)}\n", err=True)
            target = target or click.prompt("agreement to certify", look.target, type=click.FloatRange(0, 1), err=True)
        first, files = _of_look(look, chosen, place, target)
    written = write_files(place, first, files, force=force)
    hint = _ignore_hint(place)
    if as_json:
        _print(first, written, hint)
        return
    if not asks:
        click.echo(rows(facts))
    _next(place, written, hint)


def refuse_overwriting(paths: list[Path], *, force: bool) -> None:
    """Raise where a file is there already."""
    there = [str(path) for path in paths if path.exists()]
    if there and not force:
        raise UsageError(f"there already: {', '.join(there)}", hint="--force overwrites, or name another folder")


def name_of(folder: Path) -> str:
    """Return a router's name made from a folder's.

    Examples
    --------
    >>> name_of(Path("Support Intents (v2)"))
    'support-intents-v2'
    """
    return _near(folder.resolve().name)


def _near(name: str) -> str:
    from tracer_spec.spec.fields import router_name_of

    return router_name_of(name) or "router"


def _check_name(name: str) -> None:
    """Refuse a name that no router may have, before anything is read or written."""
    from tracer_spec.spec.fields import is_router_name

    if not is_router_name(name):
        raise UsageError(
            f"a router's name is made of lower-case letters, digits and inner dashes, and '{one_line(name, 60)}' is not",
            hint=f"--name {_near(name)}",
        )


def tell(look: Look, target: float | None = None) -> list[tuple[str, str]]:
    """Say what was found, in counts, and what of the target, where one is asked for."""
    from tracer_spec.init.attempt import as_written
    from tracer_spec.init.refusal import field_lines

    outlook, layout = look.outlook, look.layout
    able, accounting = outlook.certifiable, outlook.accounting
    found = f"{look.source.use}, {look.counted}, {accounting.kept:,} usable"
    if not look.is_whole:
        found += "; there are more: 'traces.max_rows' bounds how many a build reads"
    common = sorted(outlook.labels.items(), key=lambda each: (-each[1], each[0]))
    labels = listing([f"{one_line(look.spellings.of(label), 30)} {n:,}" for label, n in common], 5)
    facts = [
        ("traces", f"{', '.join(look.paths)}: {found}"),
        ("fields", "\n".join(line.strip() for line in field_lines(look.fields, 12))),
        ("format", layout.format if isinstance(layout.format, str) else as_written(layout.format)),
        *([("extract", one_line(json.dumps(layout.extract, ensure_ascii=False)[1:-1], 200))] if layout.extract else []),
        *([("prompts", layout.prompts)] if layout.prompts else []),
        *([("failed", layout.failed)] if layout.failed else []),
        ("answers", ", ".join(layout.normalize)),
        ("labels", f"{plural(len(outlook.labels), 'label')}; fit rows of each: {labels}"),
    ]
    if look.spellings.joined:
        facts.append(("spellings", one_line(look.spellings.joined, 400)))
    if look.aliases:
        pairs = [f"'{one_line(key, 30)}' is read as '{one_line(value, 30)}'" for key, value in look.aliases.items()]
        facts.append(("aliases", listing(pairs, 5)))
    if look.several:
        facts.append(("several?", look.several))
    if look.made_up:
        made_up = listing([f"'{one_line(label, 30)}' {n:,}" for label, n in look.made_up.items()], 5)
        facts.append(("made up?", f"{made_up}; left out of the list, see labels.txt"))
    for part, paths in (("text", layout.texts), ("label", layout.labels)):
        if len(paths) > 1:
            facts.append((f"{part}?", f"{paths[0]}; could be {', '.join(paths[1:5])} as well: --{part} decides"))
    if layout.other_keys:
        keys = ", ".join(f"json:{one_line(key, 40)}" for key in layout.other_keys[:4])
        key = next(step for step in layout.normalize if step.startswith(("json:", "json?:")))
        facts.append(("key?", f"{key}; could be {keys} as well: 'traces.labels.normalize' decides"))
    if look.unread_times:
        facts.append(("time?", one_line(look.unread_times, 400)))
    if accounting.dropped:
        dropped = [f"{one_line(why, 60)} {n:,}" for why, n in accounting.dropped.items()]
        facts.insert(1, ("left out", listing(dropped, 6)))
    if outlook.n_unusable:
        share = f"{outlook.n_unusable:,} of {outlook.n_fit:,} answers among fit rows"
        facts.append(("no label", f"{share} ({', '.join(accounting.unusable)})"))
    facts += [("warning", text) for text in (*outlook.warnings, *outlook.notes)]
    if target is not None:
        facts.append(("target", f"{target:g}, as asked: 'tracer-spec plan' tells what these traces can certify"))
        return facts
    reach = f"{look.target:g} agreement"
    if look.likely:
        facts.append(("target" if look.likely.is_likely else "warning", look.likely.reason))
    elif able.traces_missing:
        facts.append(("target", f"{reach} needs about {plural(able.traces_missing, 'more trace')}"))
    else:
        facts.append(("target", f"{reach}: {able.fewest} of {able.n_certify:,} certify rows must be handled at least"))
    return facts


def _ask(question: str, default: str) -> str:
    answer: str = click.prompt(question, default, show_default=bool(default), err=True)
    return answer.strip()


def _look(traces: tuple[str, ...], text: str | None, label: str | None, *, asks: bool) -> Look:
    """Look at traces; where several fields could be text or label, ask which."""
    check_build_packages("writing a spec for traces")
    from tracer_spec.init.inspect_traces import look_at
    from tracer_spec.init.refusal import which_label

    look = look_at(*traces, text=text, label=label)
    texts, labels = look.layout.texts, look.layout.labels
    if not asks and look.layout.is_unsure:
        raise which_label(labels).error(look.fields)
    if not asks or (len(texts) < 2 and len(labels) < 2):
        return look
    text = text or (_choose("the request", texts) if len(texts) > 1 else texts[0])
    label = label or (_choose("the LLM's answer", labels) if len(labels) > 1 else labels[0])
    return look if (text, label) == (texts[0], labels[0]) else look_at(*traces, text=text, label=label)


def _choose(what: str, paths: tuple[str, ...]) -> str:
    chosen: str = click.prompt(f"which field is {what}", paths[0], type=click.Choice(paths), err=True)
    return chosen


def _samples(name: str, target: float | None) -> tuple[FirstSpec, dict[str, str], list[tuple[str, str]]]:
    """Return spec and files of the sample traces."""
    from tracer_spec.init.labels_file import LABELS_FILE
    from tracer_spec.init.sample import LABELS, sample_file
    from tracer_spec.init.spec_text import FirstSpec

    story = (
        "made-up messages to a shop's support desk, and what an LLM might have answered: put traces of your own here.",
    )
    first = FirstSpec(
        name, "jsonl", {"path": SAMPLES}, aliases={"refund": "refund_status"}, labels_file=LABELS_FILE,
        target=target or 0.92, story=story,
    )  # fmt: skip
    files = {SAMPLES: sample_file(), LABELS_FILE: "".join(f"{label}\n" for label in LABELS)}
    return first, files, [("traces", f"{SAMPLES}: samples, made up; --traces FILE looks at yours")]


def _of_look(look: Look, name: str, place: Path, target: float | None) -> tuple[FirstSpec, dict[str, str]]:
    """Return spec and files for traces that were looked at."""
    from tracer_spec.init.labels_file import LABELS_FILE, labels_text
    from tracer_spec.init.spec_text import spec_of
    from tracer_spec.inputs.remote import is_remote

    # never absolute: the spec travels, inside the bundle too
    paths = [path if is_remote(path) else Path(os.path.relpath(path, place)).as_posix() for path in look.paths]
    first = spec_of(look, name, paths, target)
    return first, {LABELS_FILE: labels_text(look)} if first.labels_file else {}


def write_files(place: Path, first: FirstSpec, files: Mapping[str, str], *, force: bool) -> list[Path]:
    """Write the files, the spec last; a schema that is there stays. Where the spec cannot be read, all is as it was."""
    from tracer_spec.atomic_write import check_writable, replace_file
    from tracer_spec.cli.commands.schema import router_document
    from tracer_spec.init.spec_text import spec_text
    from tracer_spec.plan import make_plan
    from tracer_spec.plugin.registry import find_plugins
    from tracer_spec.spec import load_spec

    refuse_overwriting([place / name for name in files], force=force)
    schema = {} if (place / SCHEMA).exists() else {SCHEMA: json.dumps(router_document(), indent=2) + "\n"}
    whole = {**files, **schema, SPEC: spec_text(first)}
    for name in whole:
        check_writable(place / name, what="the file")  # all are written, or none
    written = [place / name for name in whole]
    before = {path: path.read_bytes() if path.exists() else None for path in written}
    try:
        for path, text in zip(written, whole.values(), strict=True):
            replace_file(path, text.encode("utf-8", "backslashreplace"), what="the file")
        make_plan(load_spec(place / SPEC), find_plugins())
    except BaseException:
        for path, held in before.items():
            if held is None:
                path.unlink(missing_ok=True)
            else:
                replace_file(path, held, what="the file")
        raise
    return written


def _ignore_hint(place: Path) -> str:
    """Return what to add to .gitignore; empty where it is there."""
    above = [place.resolve(), *place.resolve().parents]
    lines = {line.strip().strip("/") for each in above if (each / ".gitignore").is_file()
             for line in (each / ".gitignore").read_text(errors="replace").splitlines()}  # fmt: skip
    return "" if "dist" in lines else "dist/"


def _print(first: FirstSpec, written: list[Path], hint: str) -> None:
    print_document(
        {
            "schema_version": 1,
            "status": "written",
            "name": first.name,
            "files": [str(path) for path in written],
            "source": first.use,
            "format": first.format if isinstance(first.format, str) else dict(first.format),
            "extract": list(first.extract),
            "normalize": list(first.normalize),
            "target": first.target,
            "warning": first.warning or None,
            "notes": list(first.story),
            "gitignore": [hint] if hint else [],
        }
    )


def _next(place: Path, written: list[Path], hint: str) -> None:
    """Say what was written and what comes next."""
    click.echo(f"\nwrote {', '.join(str(path) for path in written)}\n\nnext")
    if place.resolve() != Path.cwd():
        click.echo(f"  cd {place}")
    click.echo(f"  tracer-spec plan {SPEC}     what these traces can certify")
    click.echo(f"  tracer-spec build {SPEC}    train, certify, write the bundle")
    if hint:
        click.echo(f"  commit {SPEC}, and router.lock once there is one; add {hint} to .gitignore")

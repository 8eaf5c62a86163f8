"""The commented router.yaml that ``tracer-spec init`` writes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tracer_spec.errors import printable
from tracer_spec.init.inspect_traces import Look
from tracer_spec.init.labels_file import LABELS_FILE, writable
from tracer_spec.init.literals import comment, quoted_literal
from tracer_spec.init.sampling import COUNTED
from tracer_spec.text_format import one_line

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./*-]*")
_WORDS = frozenset(("true", "false", "null", "yes", "no", "on", "off", "y", "n"))


@dataclass(frozen=True, slots=True)
class FirstSpec:
    """What a first spec says.

    Parameters
    ----------
    use, options : str, mapping
        The source and its options, the path first.
    labels_file : str
        Empty where the labels are inferred, or listed in the spec.
    allowed : tuple of str
        Labels that are listed in the spec, since no line of a file can hold one of them.
    answer : str
        For ``serve.answer``, where the LLM's answers hold more than the label; else empty.
    match : str
        ``serve.match``, where all calls of a chat log share a system prompt; else empty.
    prompts : str
        What to say of the system's prompts, where the format keeps one of several; else empty.
    has_more : bool
        Whether there are more records than were counted.
    failed : str
        What to say of calls that failed, where the format leaves them out; else empty.
    story : tuple of str
        What was found, a sentence each.
    warning : str
        Why nothing could be certified yet, or hardly; empty where something could.
    reason : str
        Why this target is proposed; empty where it is the user's, or the rows' number alone tells.
    """

    name: str
    use: str
    options: Mapping[str, Any]
    format: str | Mapping[str, Any] = "native"
    extract: tuple[str, ...] = ()
    normalize: tuple[str, ...] = ("strip", "first-line")
    certify_where: str = ""
    mix_teachers: bool = False
    teachers: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    labels_file: str = ""
    allowed: tuple[str, ...] = ()
    answer: str = ""
    match: str = ""
    prompts: str = ""
    has_more: bool = False
    failed: str = ""
    target: float = 0.92
    story: tuple[str, ...] = ()
    warning: str = ""
    reason: str = ""


def spec_of(look: Look, name: str, paths: Sequence[str], target: float | None = None) -> FirstSpec:
    """Return the spec for traces that were looked at; ``paths`` are theirs from the spec's folder."""
    outlook, able = look.outlook, look.outlook.certifiable
    accounting = outlook.accounting
    likely = look.likely if target is None else None
    warning = (
        f"about {able.traces_missing:,} more traces before anything can be certified" if able.traces_missing else ""
    )
    is_listed = bool(look.made_up) or look.spellings.differ
    return FirstSpec(
        name=name,
        use=look.source.use,
        options={"path": paths[0] if len(paths) == 1 else list(paths), **look.source.options},
        format=look.layout.format,
        extract=look.layout.extract,
        normalize=look.layout.normalize,
        certify_where=look.layout.certify_where,
        mix_teachers=look.layout.mix_teachers,
        teachers=look.layout.teachers,
        aliases=look.aliases,
        labels_file=LABELS_FILE if is_listed and writable(look.allowed) else "",
        allowed=look.allowed if look.spellings.differ and not writable(look.allowed) else (),
        answer=look.layout.answer_template,
        match=look.match,
        prompts=look.layout.prompts,
        has_more=not look.is_whole,
        failed=look.layout.failed,
        target=target or look.target,
        story=(
            f"{look.counted}, {accounting.kept:,} of them usable: {outlook.n_fit:,} train, {able.n_certify:,} certify.",
            f"{len(outlook.labels):,} different answers among those that train.",
            *_doubts(look),
        ),
        warning="" if target is not None else likely.reason if likely and not likely.is_likely else warning,
        reason=likely.reason if likely else "",
    )


def _doubts(look: Look) -> Iterator[str]:
    """Say what else could be text and label, what was left out, and how many answers hold no label."""
    for part, paths in (("text", look.layout.texts), ("label", look.layout.labels)):
        if len(paths) > 1:
            others = one_line(", ".join(paths[1:4]), 150)
            yield f"The {part} could be {others} as well: 'init --{part}' decides."
    if look.layout.other_keys:
        yield f"The label could be {one_line(', '.join(f'json:{key}' for key in look.layout.other_keys[:3]), 150)} as well."
    if look.spellings.joined:
        yield f"{one_line(look.spellings.joined, 400)}."
    if look.several:
        yield f"{look.several[0].upper()}{look.several[1:]}."
    if look.unread_times:
        yield f"{one_line(look.unread_times, 400)}."
    dropped = look.outlook.accounting.dropped
    if dropped:
        yield f"Left out: {one_line(', '.join(f'{why} {n:,}' for why, n in dropped.items()), 200)}."
    if look.outlook.n_unusable:
        yield f"{look.outlook.n_unusable:,} of the answers that would train hold no label, and count against agreement."


def spec_text(spec: FirstSpec) -> str:
    """Return the text of router.yaml."""
    story = "".join(f"#   {printable(line)}\n" for line in spec.story)
    found = f"# What 'tracer-spec init' found in the traces:\n{story}#\n" if story else ""
    why = spec.reason or (f"Too few so far: {spec.warning}." if spec.warning else "")
    because = comment(why)
    source = ", ".join(f"{key}: {scalar(value)}" for key, value in spec.options.items())
    steps = ", ".join(scalar(step) for step in spec.normalize)
    pairs = ", ".join(f"{scalar(key)}: {scalar(value)}" for key, value in spec.aliases.items())
    aliases = f"    aliases: {{{pairs}}}\n" if pairs else ""
    return f"""\
# yaml-language-server: $schema=router.schema.json
#
# Which of these requests can a small local model answer as the LLM would?
#
#   tracer-spec plan router.yaml            what these traces can certify; trains nothing
#   tracer-spec build --draft router.yaml   try settings; opens no certify row
#   tracer-spec build router.yaml           train, certify, write dist/{spec.name}.tracer
#
{found}version: 1
name: {scalar(spec.name)}

traces:
  use: {scalar(spec.use)}
  with: {{{source}}}  # from this file's folder
  # where the parts of a trace lie in a record: a preset's name, or JMESPath expressions
{comment(one_line(spec.prompts, 600), "  # ")}{comment(one_line(spec.failed, 600), "  # ")}{_format(spec.format)}\
{_extract(spec.extract)}\
{_teacher(spec.teachers)}\
{_most(spec)}\
  on_error: drop                    # a record that cannot be read is left out, and counted
  labels:
{_allowed(spec)}\
    normalize: [{steps}]  # from the LLM's answer to a label
{aliases}\
    unknown: disagree               # an answer that is no label trains nothing, and counts against agreement

# Word and character n-grams. It travels inside the bundle; nothing is downloaded. A sentence encoder often handles more, above
# all of few traces: the plugin tracer-spec-encoder, {{use: encoder, with: {{path: FOLDER}}}}, and 'acceptor: neighbours'
embedder: lsa

# What may answer instead of the LLM. All are trained; the certificate's test decides. The last is often best for many labels.
zoo:
  - logreg
  - mlp
  - {{use: mlp, as: mlp-large-steps, with: {{learning_rate: 0.005, alpha: 0.01, max_iter: 30, tol: 0}}}}

# global: one model for everything. l2d: where it is sure. rsb: a second model for what the first defers.
families: [global, l2d, rsb]

# Labels that the router never answers; a request that the LLM would give one of them may still get another label:
# defer_labels: []

# Defer what lies far from the traces. Without a guard, a request like none of them may be answered. A sentence encoder
# tells such requests far better than lsa does:
# guards: [prototypes]

# The promise: of what the router answers itself, at least this share is what the LLM would have said.
{because}target:
  agreement: {spec.target:g}
  confidence: 0.95

# This share of the traces is kept aside for the test. Each look at it is counted in router.lock: commit that file.
{_split(spec)}

# What the LLM costs, for a projection of what is saved:
# cost: {{teacher_usd_per_1k: 2.0, requests_per_day: 10000}}
{_serve(spec)}"""


def scalar(value: Any) -> str:
    """Write a value so that YAML, and the spec's variables, give it back.

    Examples
    --------
    >>> scalar("traces.jsonl"), scalar("no"), scalar("a: b"), scalar("${X}")
    ('traces.jsonl', '"no"', '"a: b"', '"$${X}"')
    """
    if isinstance(value, list):
        return f"[{', '.join(map(scalar, value))}]"
    if not isinstance(value, str):
        return json.dumps(value)
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return quoted_literal(value)


def _format(format_: str | Mapping[str, Any]) -> str:
    if isinstance(format_, str):
        return f"  format: {scalar(format_)}\n"
    return "  format:\n" + "".join(f"    {part}:{_expressions(path)}" for part, path in format_.items())


def _expressions(path: str | Mapping[str, str]) -> str:
    if isinstance(path, str):
        return f" {scalar(path)}\n"
    return "\n" + "".join(f"      {scalar(name)}: {scalar(each)}\n" for name, each in path.items())


def _serve(spec: FirstSpec) -> str:
    """Return which requests are the router's behind a chat API, and what it answers, for the user to decide on."""
    told = ""
    if spec.match:
        told = (
            "\n"
            "# Behind 'tracer-spec serve', or inside an OpenAI client, the router takes the calls with the system prompt of\n"
            "# these traces. Where the prompt changes, change this too: calls with another one go to the LLM.\n"
            f"serve:\n  match: {quoted_literal(spec.match)}\n"
        )
    if not spec.answer:
        return told
    quoted = quoted_literal(spec.answer)
    written = f"#   answer: {quoted}\n" if told else f"# serve: {{answer: {quoted}}}\n"
    return (
        f"{told}\n"
        "# The LLM's answers hold more than the label. Those of a router behind 'tracer-spec serve', or inside an OpenAI\n"
        "# client, do not. Where the app reads the rest, say what it gets"
        f"{', under serve' if told else ''}:\n{written}"
    )


def _split(spec: FirstSpec) -> str:
    """Return how rows are parted, and why one teacher alone certifies, or several do."""
    if spec.certify_where:
        return (
            "# Several teachers answered, one after the other, and a certificate speaks of one: the newest certifies, and all\n"
            "# of them train.\n"
            f"split:\n  certify: 0.4\n  certify_where: {quoted_literal(spec.certify_where)}"
        )
    if spec.mix_teachers:
        return (
            "# Several teachers answered side by side: they certify together, as if they were one.\n"
            "split: {certify: 0.4, mix_teachers: true}"
        )
    return "split: {certify: 0.4}"


def _teacher(names: tuple[str, ...]) -> str:
    if not names:
        return ""
    written = scalar(names[0]) if len(names) == 1 else scalar(list(names))
    return f"  teacher: {written}  # whose answers are labels; those of other models in this log are not\n"


def _extract(steps: tuple[str, ...]) -> str:
    if not steps:
        return ""
    written = ", ".join(scalar(step) for step in steps)
    return f"  extract: [{written}]  # the text without the prompt around it\n"


def _most(spec: FirstSpec) -> str:
    """Return how to bound what a build reads, where there are many records."""
    if not spec.has_more:
        return ""
    return (
        f"  # There are more than {COUNTED:,} records, and a build reads them all;\n"
        "  # or so many, chosen by their ids, the same ones next month:\n"
        f"  # max_rows: {COUNTED}\n"
    )


def _allowed(spec: FirstSpec) -> str:
    """Return the line that says which labels there are."""
    if spec.allowed:
        return f"    allowed: {scalar(list(spec.allowed))}\n"
    if spec.labels_file:
        return f"    allowed: {scalar(spec.labels_file)}             # the labels there are: look through this file\n"
    return "    allowed: infer                  # or a list, or a file with a label a line: LLMs make labels up\n"

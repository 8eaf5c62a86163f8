"""The report of a bundle: one page of HTML that needs no network, no server and no other file."""

from __future__ import annotations

import base64
import hashlib
import json
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from tracer_spec import text_format
from tracer_spec.errors import MissingDependencyError, TracerError
from tracer_spec.report.acceptor import acceptor
from tracer_spec.report.basis import basis, cost, provenance
from tracer_spec.report.changes_section import changes
from tracer_spec.report.charts import asset, chart
from tracer_spec.report.documents import Documents, read_documents
from tracer_spec.report.frontier import front
from tracer_spec.report.labels import labels, reasons, slices
from tracer_spec.report.monitored import monitored
from tracer_spec.report.pairs import boundary, confusions, examples, suspects
from tracer_spec.report.sankey import flow
from tracer_spec.report.section import Absent, Room, Section, Write
from tracer_spec.report.verdict import verdict
from tracer_spec.report.walk import walk

if TYPE_CHECKING:
    from jinja2 import Environment

    from tracer_spec.production.monitoring.log import Reading
    from tracer_spec.production.monitoring.monitor import Monitor
    from tracer_spec.runtime import Bundle

MOST_BYTES = 1_500_000
_HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Categories of Unicode: controls, marks of direction, halves of pairs, ends of lines."""
INSTALL = "pip install 'tracer-spec[report]'"
SECTIONS: tuple[Write, ...] = (
    *(monitored, changes, front, walk, labels, flow, acceptor, slices, reasons),
    *(confusions, boundary, examples, suspects, cost, basis, provenance),
)


@dataclass(frozen=True, slots=True)
class Page:
    """A report: the ids of its sections in order, and what this bundle has nothing for."""

    html: str
    sections: tuple[str, ...]
    absent: tuple[Absent, ...]


def render(bundle: Bundle, previous: Bundle | None = None, followed: tuple[Monitor, Reading] | None = None) -> Page:
    """Return the report of a bundle, of what changed since an earlier one, and of the log of its decisions.

    The same bundles and lines give the same page.

    It has at most 1.5 MB: lists are cut, with a count of what was withheld, until it fits.

    Raises
    ------
    BundleError
        Where a document in it cannot be read.
    MissingDependencyError
        Where the packages that draw are not installed.
    """
    ready()
    documents = read_documents(bundle, previous, followed)
    room = Room()
    for _ in range(8):
        page = _render(documents, room)
        if len(page.html.encode()) < MOST_BYTES:
            return page
        room = room.halved()
    raise TracerError("the report is over 1.5 MB with every list cut", where=bundle.where)


def _render(documents: Documents, room: Room) -> Page:
    made = [write(documents, room) for write in SECTIONS]
    sections = [each for each in made if isinstance(each, Section)]
    absent = tuple(each for each in made if isinstance(each, Absent))
    script, style, drawing = asset("page.js"), asset("page.css"), _drawing()
    charts = [each for section in sections for each in section.charts]
    html = (
        _environment()
        .get_template("page.html")
        .render(
            manifest=documents.bundle.manifest,
            sha256=documents.bundle.sha256,
            verdict=verdict(documents),
            target=documents.certificate.target,
            sections=sections,
            absent=absent,
            says={chart.id: chart.says for chart in charts},
            data={
                "chart-config": as_data(chart("config")),
                **{f"chart-{each.id}": as_data(each.spec) for each in charts},
            },
            csp=_policy([script, drawing], [style]),
            script=script,
            style=style,
            drawing=drawing,
        )
    )
    return Page(html, tuple(section.id for section in sections), absent)


def ready() -> None:
    """Raise, with the command that installs it, where what draws the page is missing."""
    _environment()
    try:
        import vl_convert  # noqa: F401 - asked for, not used
    except ImportError as error:
        raise _missing(error) from None


def as_data(document: Any) -> str:
    r"""Return JSON that may stand inside a script element: nothing in it ends the element or opens another.

    Examples
    --------
    >>> as_data({"text": "</script><!--"})
    '{"text":"\\u003c/script\\u003e\\u003c!--"}'
    """
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _policy(scripts: Sequence[str], styles: Sequence[str]) -> str:
    """Return a Content-Security-Policy under which these scripts and styles run, and nothing else does."""

    def digests(texts: Sequence[str]) -> str:
        made = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts)
        return " ".join(f"'sha256-{digest}'" for digest in made)

    return (
        f"default-src 'none'; script-src {digests(scripts)}; style-src {digests(styles)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


@cache
def _drawing() -> str:
    """Return Vega, Vega-Lite and their embedding as one script."""
    import vl_convert

    script: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    # a script ends where its text says so, and a browser counts its digest over line feeds
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--").replace("\r", "")


@cache
def _environment() -> Environment:
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        raise _missing(error) from None
    environment = Environment(
        loader=PackageLoader("tracer_spec.report"),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "percent": text_format.as_share,
        "points": text_format.points,
        "count": text_format.count,
        "p_value": text_format.p_value,
        "shown": text_format.one_line,
    }
    environment.globals["plural"] = text_format.plural
    return environment


def _missing(error: ImportError) -> MissingDependencyError:
    return MissingDependencyError(f"the report needs the module '{error.name}', which cannot be imported", hint=INSTALL)


def _shown(value: Any) -> Any:
    """Return a value as the page shows it: others' texts without characters that steer a terminal or hide."""
    if not isinstance(value, str) or hasattr(value, "__html__") or value.isprintable():
        return value
    return "".join("?" if unicodedata.category(each) in _HIDDEN and each not in "\n\t" else each for each in value)

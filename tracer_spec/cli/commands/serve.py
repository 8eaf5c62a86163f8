"""``tracer-spec serve``: bundles in front of an OpenAI-compatible API; the server is a distribution of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tracer_spec.cli.console import print_document
from tracer_spec.cli.failure import Interrupted
from tracer_spec.cli.options import embedder_option, embedder_options_option
from tracer_spec.cli.verbs import VERBS
from tracer_spec.errors import MissingDependencyError
from tracer_spec.text_format import install_text

if TYPE_CHECKING:
    from tracer_spec_serve.app import App

_PACKAGE = "tracer_spec_serve"
_POSITIVE = click.FloatRange(min=0, min_open=True)


@click.command("serve", short_help=VERBS["serve"])
@click.argument("bundles", metavar="[BUNDLE...]", nargs=-1)
@click.option("--upstream", metavar="URL", help="The API's base, as an OpenAI client writes it: https://HOST/v1.")
@click.option("--host", default="127.0.0.1", metavar="HOST", help="Where to listen: this machine alone by default.")
@click.option(
    "--port", default=8080, type=click.IntRange(0, 65535), metavar="PORT", help="8080 by default; 0: a free one."
)
@click.option("--mode", default="live", metavar="MODE", help="live (the default), shadow, or canary:SHARE.")
@click.option(
    "--audit",
    default=0.02,
    type=float,
    metavar="RATE",
    help="The share of requests that the upstream answers whatever the router would say; .02 by default.",
)
@click.option("--log", metavar="DIR", help="Log decisions into this folder.")
@click.option("--no-texts", is_flag=True, help="Log the sha256 of each text instead of the text.")
@click.option(
    "--on-refuted",
    default="warn",
    type=click.Choice(("warn", "defer")),
    help="Where a bundle's claim is refuted, say so, or also let the upstream answer everything.",
)
@click.option(
    "--state", metavar="DIR", help="Where the monitor remembers what it has read; the log's folder by default."
)
@click.option("--sha256", multiple=True, metavar="HEX", help="Refuse a bundle of another digest. One for each bundle.")
@embedder_option
@embedder_options_option
@click.option(
    "--secret-env", metavar="NAME", help="The variable that holds the coin's secret: a retry has the same fate."
)
@click.option("--api-key-env", metavar="NAME", help="The variable that holds the key that requests must bring.")
@click.option(
    "--max-body", default=32.0, type=_POSITIVE, metavar="MB", help="The largest body that is read; 32 by default."
)
@click.option(
    "--max-concurrency",
    default=4096,
    type=click.IntRange(min=1),
    metavar="N",
    help="Requests that may be in flight; others get 503. 4096 by default.",
)
@click.option(
    "--timeout",
    default=600.0,
    type=_POSITIVE,
    metavar="SECONDS",
    help="The upstream's longest silence; 600 by default.",
)
@click.option(
    "--stop-within",
    default=25.0,
    type=_POSITIVE,
    metavar="SECONDS",
    help="How long requests in flight may take once the server is told to stop; 25 by default.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document once the server listens.")
def command(
    bundles: tuple[str, ...],
    no_texts: bool,
    max_body: float,
    timeout: float,
    stop_within: float,
    as_json: bool,
    **others: Any,
) -> int:
    """Answer requests to an LLM by bundles where they handle them, and pass on everything else.

    Point an OpenAI client's base_url at http://HOST:PORT/v1. A request whose text a bundle finds is that bundle's: handled, it
    is answered here, in the shape that the client asked for; else the upstream answers. All other requests go to the upstream
    byte for byte. Of several bundles the first that finds a text takes it. Without a bundle every chat is passed on and logged:
    traces for the first one. Without --upstream only /v1/route and /v1/route_batch answer.

    SIGHUP and POST /-/reload open the bundles anew; where one is bad, the old ones serve on. docs/serve.md has the rest.
    """
    try:
        from tracer_spec_serve.server import log_to_stderr, run
        from tracer_spec_serve.settings import Settings
    except ModuleNotFoundError as error:
        raise _missing(error) from None
    settings = Settings(
        bundles=bundles,
        texts=not no_texts,
        max_body_bytes=round(max_body * 1e6),
        timeout_s=timeout,
        stop_s=stop_within,
        **others,
    )
    log_to_stderr()

    def announce(url: str, app: App) -> None:
        click.echo(f"listening on {url}", err=True)
        if as_json:
            print_document({"schema_version": 1, "url": url, "routers": app.routers()})

    try:
        run(settings, announce)
    except KeyboardInterrupt as interrupt:
        raise Interrupted("; ".join(getattr(interrupt, "__notes__", ()))) from None
    return 0


def _missing(error: ModuleNotFoundError) -> MissingDependencyError:
    """Name the command that installs what is missing."""
    name = error.name or ""
    what = "serving needs the distribution tracer-spec-serve, which is not installed"
    if name.partition(".")[0] != _PACKAGE:
        what = f"serving needs {name}, which is not installed"
    return MissingDependencyError(what, hint=install_text("tracer-spec-serve"))

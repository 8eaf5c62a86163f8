"""The verbs of the command line, and a click group that imports one only when it is called."""

from __future__ import annotations

import importlib

import click

from tracer_spec import __version__
from tracer_spec.errors import UsageError, did_you_mean

# verb: what ``tracer-spec --help`` says of it. Its command is ``command`` in ``tracer_spec.cli.commands.VERB``.
VERBS = {
    "init": "Write a commented router.yaml, for traces of yours or for samples.",
    "validate": "Check a spec and its plugins' options; reads no trace.",
    "plan": "Say what a spec's traces can certify; trains nothing.",
    "build": "Train, certify and write a bundle.",
    "verify": "Check a bundle; with traces, measure it on fresh rows.",
    "route": "Decide requests: JSON lines in, JSON lines out.",
    "serve": "Answer an OpenAI client by bundles, in front of its API.",
    "monitor": "Say whether a bundle's claim still holds, by its log.",
    "inspect": "Verify a bundle and tell what it holds.",
    "promote": "Make a bundle the current one of a folder, or its canary.",
    "rollback": "Take back the last promotion.",
    "diff": "Say what changes from one bundle to the next.",
    "report": "Write a bundle's report: one page of HTML.",
    "plugins": "List plugins, or explain one.",
    "cache": "Say what builds remember on this machine, or remove it.",
    "schema": "Print a JSON Schema, for editors and checkers.",
}

EPILOG = (
    "Exit codes: 0 ok · 1 the data, a plugin or the environment failed · 2 usage or invalid spec · "
    "3 gate refused · 4 verification failed or tampering · 5 difference found · 70 a bug in tracer-spec · "
    "130 interrupted; 129 and 143 ended by SIGHUP and SIGTERM · 141 whoever read the output has gone."
)


class LazyGroup(click.Group):
    """Knows the verbs by name; imports the module of the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the verbs in the order of a day's work."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a verb."""
        if cmd_name not in VERBS:
            return None
        command: click.Command = importlib.import_module(f"tracer_spec.cli.commands.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb that is called, or say which one may have been meant."""
        name = args[0]
        if name in VERBS or name.startswith("-"):
            return super().resolve_command(ctx, args)
        hint = did_you_mean(name, VERBS) or "'tracer-spec --help' explains each"
        raise UsageError(f"there is no command '{name}'; there are {', '.join(VERBS)}", hint=hint)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of verbs without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.group(
    cls=LazyGroup,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="tracer-spec", message="%(prog)s %(version)s", help="Print the version.")
def tracer_spec() -> None:
    """Route the easy part of an LLM classifier's traffic to a small local model, with a certificate.

    A spec, router.yaml, says where the traces are and what to train. 'build' turns it into one file, a
    bundle, whose agreement with the LLM is certified; 'route' answers with it.
    """

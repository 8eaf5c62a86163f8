"""``tracer-spec plugins new KIND NAME``: writes a distribution that holds one working plugin."""

from __future__ import annotations

from pathlib import Path

import click

from tracer_spec.cli.console import print_document
from tracer_spec.cli.options import json_option


@click.command("new", short_help="Write a distribution that holds one working plugin.")
@click.argument("kind")
@click.argument("name")
@click.option("--into", default=".", show_default=True, metavar="DIR", help="Where to make its folder.")
@json_option
def command(kind: str, name: str, into: str, as_json: bool) -> None:
    """Write a folder, tracer-spec-NAME, that holds a working plugin of a KIND, and its conformance test.

    KIND is source, embedder, surrogate, acceptor, guard, family or calibrator. NAME is what a spec will write after use:.
    """
    from tracer_spec.testing.scaffold import make_scaffold, write_scaffold

    scaffold = make_scaffold(kind, name)
    folder = write_scaffold(scaffold, Path(into))
    if as_json:
        print_document(
            {
                "schema_version": 1,
                "kind": kind,
                "name": name,
                "distribution": scaffold.distribution,
                "folder": str(folder),
                "files": sorted(scaffold.files),
            }
        )
        return
    click.echo(f"wrote {folder}: {', '.join(sorted(scaffold.files))}\n")
    click.echo(f"  pip install -e '{folder}[dev]' && pytest {folder}")
    click.echo(f"  tracer-spec plugins {name}")

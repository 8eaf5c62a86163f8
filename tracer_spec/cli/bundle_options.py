"""Options of the commands that open a bundle: by which the caller says that the bundle is the right one."""

from __future__ import annotations

import click

embedder_option = click.option(
    "--embedder", metavar="NAME", help="Let the bundle embed by the installed plugin of this name, which it asks for."
)
sha256_option = click.option("--sha256", metavar="HEX", help="Refuse the bundle unless this is the digest of its file.")

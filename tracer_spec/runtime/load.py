"""From a file to a router, once everything about it has been checked."""

from __future__ import annotations

import os

from tracer_spec.errors import BundleError
from tracer_spec.runtime.archive import CERTIFICATE, MANIFEST, POLICY
from tracer_spec.runtime.bundle import Bundle, naming, read_bundle
from tracer_spec.runtime.embedding import TextEmbedder, restore_embedder
from tracer_spec.runtime.router import Router
from tracer_spec.runtime.session import open_policy
from tracer_spec.runtime.strict_json import read_json


def load(
    path: str | os.PathLike[str],
    *,
    embedder: TextEmbedder | None = None,
    sha256: str | None = None,
    allow_draft: bool = False,
) -> Router:
    """Open a bundle for routing.

    Parameters
    ----------
    path : str or path-like
        The ``.tracer`` file.
    embedder : TextEmbedder or None
        The app's own instance of the embedder that the policy was built on; without it, the bundle or an
        installed plugin provides it. Its fingerprint and probe vectors must match either way.
    sha256 : str or None
        The digest that the whole file must have.
    allow_draft : bool
        Whether to open a bundle that nothing is certified about.

    Returns
    -------
    Router

    Raises
    ------
    BundleError
        Where the file is damaged, was changed, is of another format, is a draft, or does not belong with its
        embedder.

    Examples
    --------
    >>> router = load("dist/support-intents.tracer")  # doctest: +SKIP
    >>> router.route("where is my card?")  # doctest: +SKIP
    Decision(label='card_arrival', handled=True, score=0.97, stage=0, reason=<Reason.HANDLED: 'handled'>)
    """
    return open_router(read_bundle(path, sha256=sha256), embedder=embedder, allow_draft=allow_draft)


def open_router(bundle: Bundle, *, embedder: TextEmbedder | None = None, allow_draft: bool = False) -> Router:
    """Open a bundle that has been read already; see :func:`load`."""
    manifest = bundle.manifest
    with naming(bundle.where):
        if manifest.status != "certified" and not allow_draft:
            raise BundleError(
                f"is a {manifest.status}: nothing is certified about it",
                address=f"{MANIFEST} status",
                hint="build it without --draft, or load(path, allow_draft=True) to try it out",
            )
        certificate = read_json(bundle.members[CERTIFICATE], member=CERTIFICATE)
        session = open_policy(bundle.members[POLICY], manifest)
        restored = restore_embedder(manifest, bundle.members, embedder=embedder)
    return Router(bundle, certificate, session, restored)

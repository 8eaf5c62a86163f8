"""Opens a bundle for routing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from tracer_spec.errors import BundleError
from tracer_spec.runtime.archive import CERTIFICATE, MANIFEST, POLICY
from tracer_spec.runtime.bundle import Bundle, naming, read_bundle
from tracer_spec.runtime.embedding import TextEmbedder, restore_embedder
from tracer_spec.runtime.router import Router
from tracer_spec.runtime.session import open_policy
from tracer_spec.runtime.strict_json import check_strings, read_json

_UNCERTIFIED = {
    "draft": ("is a draft: nothing is certified about it", "without --draft"),
    "uncertified": (
        "is uncertified: its calibrator promises nothing",
        "with a target.calibrator that states a confidence",
    ),
}


def load(
    path: str | os.PathLike[str],
    *,
    embedder: TextEmbedder | str | None = None,
    embedder_options: Mapping[str, Any] | None = None,
    sha256: str | None = None,
    allow_uncertified: bool = False,
) -> Router:
    """Open a bundle for routing.

    Parameters
    ----------
    path : str or path-like
        The ``.tracer`` file; or a folder of releases, where ``tracer-spec promote`` keeps bundles and a pointer to the current
        one.
    embedder : TextEmbedder, str or None
        The app's own instance of the embedder that the policy was built on, or the name of the installed plugin
        that may make it. Its fingerprint and probe vectors must match either way. The built-in ``lsa`` needs neither.
    embedder_options : mapping or None
        The plugin's deployment options, such as an address or a folder (``tracer-spec plugins NAME`` lists them). They
        come from here or from the environment, never from a bundle.
    sha256 : str or None
        The digest that the whole file must have. A pinned bundle may name the plugin of its embedder itself.
    allow_uncertified : bool
        Whether to open a bundle that nothing is certified about: a draft, or one whose calibrator promises nothing.

    Returns
    -------
    Router

    Raises
    ------
    BundleError
        Where the file is damaged, was changed, is of another format, is not certified, does not belong with its
        embedder, asks for a plugin that the app has not asked for, or holds a deployment option.

    Examples
    --------
    >>> router = load("dist/support-intents.tracer")  # doctest: +SKIP
    >>> router.route("where is my card?")  # doctest: +SKIP
    Decision(label='card_arrival', handled=True, score=0.97, stage=0, reason=<Reason.HANDLED: 'handled'>)
    """
    bundle = read_bundle(path, sha256=sha256)
    return open_router(
        bundle, embedder=embedder, embedder_options=embedder_options, allow_uncertified=allow_uncertified
    )


def open_router(
    bundle: Bundle,
    *,
    embedder: TextEmbedder | str | None = None,
    embedder_options: Mapping[str, Any] | None = None,
    allow_uncertified: bool = False,
) -> Router:
    """Open a bundle that has been read already; see :func:`load`."""
    manifest = bundle.manifest
    with naming(bundle.where):
        if manifest.status != "certified" and not allow_uncertified:
            what, remedy = _UNCERTIFIED[manifest.status]
            raise BundleError(
                what,
                address=f"{MANIFEST} status",
                hint=f"build it {remedy}; to try it out, in Python: load(path, allow_uncertified=True)",
            )
        certificate = read_json(bundle.members[CERTIFICATE], member=CERTIFICATE)
        check_strings(certificate, member=CERTIFICATE)
        session = open_policy(bundle.members[POLICY], manifest)
        restored = restore_embedder(
            manifest,
            bundle.members,
            embedder=embedder,
            embedder_options=embedder_options,
            is_pinned=bundle.is_pinned,
        )
    return Router(bundle, certificate, session, restored)

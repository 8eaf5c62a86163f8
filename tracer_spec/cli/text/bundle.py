"""Facts of a bundle: ``inspect`` and the end of ``build`` tell the same, from the same file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tracer_spec.cli.text.outcome import Outcome
from tracer_spec.cli.text.terminal_chart import Picture
from tracer_spec.errors import printable
from tracer_spec.report.facts import Fact, acceptor_fact, bundle_facts
from tracer_spec.report.told import mapping
from tracer_spec.text_format import one_line, plural, size

if TYPE_CHECKING:
    from tracer_spec.report.documents import Documents
    from tracer_spec.runtime import Bundle
    from tracer_spec.runtime.manifest import EmbedderIdentity


def bundle_outcome(bundle: Bundle, *, verbose: bool = False) -> Outcome:
    """Return what there is to know of a bundle, what it was made with too where ``verbose``."""
    from tracer_spec.report.documents import read_documents

    manifest, documents = bundle.manifest, read_documents(bundle)
    facts = [*bundle_facts(bundle, documents.certificate, documents.audit), *acceptor_facts(documents)]
    facts += [*(makings(bundle) if verbose else []), *file_facts(bundle)]
    return Outcome(manifest.status, f"{manifest.name} {manifest.version}", facts, bundle_picture(documents))


def acceptor_facts(documents: Documents) -> Iterator[Fact]:
    """Yield which acceptor ships, where several competed."""
    stages = documents.bundle.manifest.policy.stages
    chosen = [stage.acceptor for stage in stages if stage.acceptor]
    yield from acceptor_fact(chosen, [chain.acceptors or () for chain in documents.frontier.chains])


def bundle_picture(documents: Documents) -> Picture:
    """Return the picture that the documents of a bundle hold."""
    certificate, chains = documents.certificate, documents.frontier.chains
    candidates = [(each.coverage, each.agreement, each) for chain in chains for each in chain.candidates]
    return Picture(
        front=tuple(sorted((coverage, agreement) for coverage, agreement, each in candidates if each.front)),
        chosen=next(((coverage, agreement) for coverage, agreement, each in candidates if each.chosen), None),
        target=certificate.target if certificate.measure == "agreement" else None,
        labels=tuple((each.label, each.n, each.handled) for each in documents.audit.labels),
    )


def makings(bundle: Bundle) -> list[Fact]:
    """Tell what a bundle was made with."""
    manifest, embedder = bundle.manifest, bundle.manifest.embedder
    libraries = mapping(manifest.provenance.get("libraries"))
    facts = [
        Fact("labels", ", ".join(map(one_line, manifest.labels))),
        Fact("embedder", f"{embedder_words(embedder)}, {manifest.dimension} dimensions, {comes(bundle)}"),
        Fact("built with", printable(", ".join(f"{name} {version}" for name, version in libraries.items()))),
    ]
    if manifest.extract:
        facts.append(Fact("texts", f"out of their prompts: {printable('; '.join(map(json.dumps, manifest.extract)))}"))
    return [*facts, Fact("created", manifest.created)] if manifest.created else facts


def comes(bundle: Bundle) -> str:
    """Say where a router takes its vectors from."""
    from tracer_spec.runtime.embedder_identity import from_plugins, is_joined

    embedder = bundle.manifest.embedder
    if embedder.probe is None:
        return "with each request: the app brings vectors"
    needed = from_plugins(embedder)
    if not needed:
        return "in the bundle"
    if not is_joined(embedder):
        return "from the plugin, which must be installed"
    names = " and ".join(each.use for each in needed)
    return f"{names} from {'a plugin' if len(needed) == 1 else 'plugins'}, which must be installed"


def embedder_words(embedder: EmbedderIdentity) -> str:
    """Say which embedder it is, and what it is made of."""
    from tracer_spec.runtime.embedder_identity import is_joined, parts_of

    said = " and ".join(f"{each.use} ({each.distribution} {each.version})" for each in parts_of(embedder))
    return f"{embedder.use} of {said}" if is_joined(embedder) else said


def plugins_asked_for(bundle: Bundle) -> str:
    """Return the plugins without which nobody loads a bundle, as ``--embedder`` takes them; empty where it needs none."""
    from tracer_spec.runtime.embedder_identity import names_needed

    embedder = bundle.manifest.embedder
    return "" if embedder.probe is None else names_needed(embedder)


def loading_text(names: str) -> str:
    """Say how these plugins are asked for."""
    return f"--embedder {names}, or embedder='{names}' in Python: no plugin is imported that a bundle alone asks for"


def file_facts(bundle: Bundle) -> list[Fact]:
    """Tell which file it is."""
    n_bytes, n_members = Path(bundle.where).stat().st_size, len(bundle.members) + 1
    told = f"{bundle.where}  ({size(n_bytes)}, {plural(n_members, 'member')}, all verified)"
    names = plugins_asked_for(bundle)
    asked = [Fact("load with", loading_text(names))] if names else []
    return [*asked, Fact("file", told), Fact("sha256", bundle.sha256)]

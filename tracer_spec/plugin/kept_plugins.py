"""Plugins of this repository that are installed on their own: what a spec calls them, and the distribution of each."""

from __future__ import annotations

from tracer_spec.errors import did_you_mean
from tracer_spec.text_format import install_text

# a test holds these to what the folders of plugins/ provide
KEPT_PLUGINS = {
    ("source", "duckdb"): "tracer-spec-duckdb",
    ("source", "spark"): "tracer-spec-spark",
    ("embedder", "encoder"): "tracer-spec-encoder",
    ("embedder", "model2vec"): "tracer-spec-model2vec",
    ("embedder", "openai"): "tracer-spec-openai",
    ("embedder", "sentence-transformers"): "tracer-spec-sentence-transformers",
    ("surrogate", "lightgbm"): "tracer-spec-lightgbm",
}


def install_hint(name: str, *kinds: str) -> str:
    """Return the command that installs a plugin, of one of the kinds, or what name was likely meant; else an empty string.

    Examples
    --------
    >>> install_hint("lightgbm", "surrogate")
    'pip install tracer-spec-lightgbm (./plugins/tracer-spec-lightgbm in a clone)'
    >>> install_hint("light-gbm", "surrogate")
    "did you mean 'lightgbm'? pip install tracer-spec-lightgbm (./plugins/tracer-spec-lightgbm in a clone)"
    >>> install_hint("lightgbm", "embedder"), install_hint("linear", "surrogate")
    ('', '')
    """
    known = {called: distribution for (kind, called), distribution in KEPT_PLUGINS.items() if kind in kinds}
    if name in known:
        return install_text(known[name])
    near = next(((each, said) for each in known if (said := did_you_mean(name, [each]))), None)
    return f"{near[1]} {install_text(known[near[0]])}" if near else ""

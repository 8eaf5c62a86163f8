"""Whether a text has the vector in a request that the build trains and certifies on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tracer_spec.errors import PluginError
from tracer_spec.flow.cache.memory import Kept, Memory
from tracer_spec.flow.cache.text_vectors import check_width
from tracer_spec.flow.training.embed import FittedEmbedder, checked, texts_digest
from tracer_spec.plugin import Vectors
from tracer_spec.runtime.same_vectors import apart, is_same_here

# texts that are embedded once more, one by one
_TEXTS = 32


def check_steady(fitted: FittedEmbedder, texts: Sequence[str], X: Vectors, memory: Memory) -> None:
    """Embed some texts again, as requests come, past the cache: a certificate about other vectors would be none.

    Parameters
    ----------
    fitted : FittedEmbedder
    texts : sequence of str
        Those of the fit rows.
    X : ndarray of shape (n, d), float32
        The vectors that the build has for them, from batches or from the cache.
    memory : Memory
        Remembers vectors that have passed.

    Raises
    ------
    PluginError
        Where a vector depends on the texts beside it, changes from call to call, or was made by another model.

    Notes
    -----
    Nothing is asked of a service, each call of which may cost: it is compared by its probes, when new texts are embedded and at
    its first answer in an app.
    """
    if not fitted.brings_text or not texts or getattr(fitted.embedder, "is_service", False):
        return
    name = fitted.resolved.alias
    by_length = np.argsort([len(text) for text in texts], kind="stable")
    at = by_length[np.unique(np.linspace(0, len(texts) - 1, _TEXTS).astype(int))]
    chosen, had = [texts[row] for row in at], X[at]
    with fitted.resolved.attribute_errors():
        key = memory.key("steady", fitted.resolved, str(fitted.embedder.fingerprint()), texts_digest(chosen), had)
        if memory.recall(key) is not None:
            return
        singles = [checked(fitted.embedder.embed([text]), 1, name) for text in chosen]
        for single in singles:
            check_width(single, had)
        again = np.concatenate(singles)
        away = apart(again, had)
        if not is_same_here(away, had):
            raise PluginError(
                f"the embedder '{name}' gives a text another vector when asked again than the build has for it (they differ by "
                f"{away.max():.3g}): what is certified would not be what ships",
                address="embedder",
                hint="a text's vector may depend on nothing but the text: not on those beside it, nor on chance; where the "
                "model was replaced under its name, build with --no-cache",
            )
    memory.keep("steady", key, Kept({}))

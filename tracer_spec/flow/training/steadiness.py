"""Whether a text has the vector in a request that the build trains and certifies on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tracer_spec.errors import PluginError
from tracer_spec.flow.training.embed import FittedEmbedder, checked
from tracer_spec.plugin import Vectors
from tracer_spec.runtime.embedder_check import TOLERANCE

# texts that are embedded once more, one by one; of a service, together, since each call costs
_TEXTS, _OF_SERVICE = 32, 4


def check_steady(fitted: FittedEmbedder, texts: Sequence[str], X: Vectors) -> None:
    """Embed some texts again, as requests come, past the cache: a certificate about other vectors would be none.

    Parameters
    ----------
    fitted : FittedEmbedder
    texts : sequence of str
        Those of the fit rows.
    X : ndarray of shape (n, d), float32
        The vectors that the build has for them, from batches or from the cache.

    Raises
    ------
    PluginError
        Where a vector depends on the texts beside it, changes from call to call, or was made by another model.
    """
    if not fitted.brings_text or not texts:
        return
    name, is_service = fitted.resolved.alias, getattr(fitted.embedder, "is_service", False)
    by_length = np.argsort([len(text) for text in texts], kind="stable")
    at = by_length[np.unique(np.linspace(0, len(texts) - 1, _OF_SERVICE if is_service else _TEXTS).astype(int))]
    chosen = [texts[row] for row in at]
    with fitted.resolved.attribute_errors():
        calls = [chosen] if is_service else [[text] for text in chosen]
        again = np.concatenate([checked(fitted.embedder.embed(call), len(call), name) for call in calls])
    furthest = float(np.abs(again - X[at]).max()) if again.shape[1] == X.shape[1] else float("inf")
    if not furthest <= TOLERANCE * max(1.0, float(np.abs(X[at]).max())):
        raise PluginError(
            f"the embedder '{name}' gives a text another vector when asked again than the build has for it (they differ by "
            f"{furthest:.3g}): what is certified would not be what ships",
            address="embedder",
            hint="a text's vector may depend on nothing but the text: not on those beside it, nor on chance; where the model "
            "was replaced under its name, build with --no-cache",
        )

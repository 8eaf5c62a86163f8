"""What ``plan`` says of the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracer_spec.flow.preview.cached import Forecast


def cached_text(cached: Forecast, n_certify: int) -> str:
    """Say what a build would find in the cache and what it would have to do.

    Examples
    --------
    >>> from tracer_spec.flow.preview.cached import Forecast
    >>> print(cached_text(Forecast(True, None, 600, 590), 400))
    vectors of 590 of 600 texts of fit rows are there; those of 400 certify rows are looked up once they are opened
    trainings: unknown until the rest is embedded
    """
    if not cached.is_on:
        return "off: everything is embedded and trained"
    return f"{_vectors(cached, n_certify)}\n{_trainings(cached)}"


def _vectors(cached: Forecast, n_certify: int) -> str:
    if cached.n_texts is None:
        return "vectors come with the traces"
    if cached.is_fitted is False:
        return "the embedder is not there: it is fitted, and embeds everything"
    if cached.is_fitted:
        return "the fitted embedder is there" + (", with the vectors of the fit rows" if cached.n_texts_known else "")
    known = f"vectors of {cached.n_texts_known:,} of {cached.n_texts:,} texts of fit rows are there"
    return f"{known}; those of {n_certify:,} certify rows are looked up once they are opened"


def _trainings(cached: Forecast) -> str:
    if cached.n_fits_known is None:
        return f"trainings: unknown until {'vectors are read' if cached.n_texts is None else 'the rest is embedded'}"
    if cached.n_fits is None:
        return f"trainings: {cached.n_fits_known:,} of surrogates are there; how many it takes, the first fold tells"
    said = f"trainings: {cached.n_fits_known:,} of {cached.n_fits:,} of surrogates are there"
    return said + (
        "" if cached.n_fits_known == cached.n_fits else f"; {cached.n_fits - cached.n_fits_known:,} will run"
    )

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from tracer_spec.errors import SpecError
from tracer_spec.spec import LoadedSpec, load_spec

MINIMAL = """\
version: 1
name: support-intents
traces: {use: jsonl}
embedder: lsa
target: {agreement: 0.92}
"""

Load = Callable[..., LoadedSpec]
Problems = Callable[..., list[str]]


@pytest.fixture
def minimal() -> str:
    return MINIMAL


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Load a text as ./router.yaml, with no environment but the one given."""
    monkeypatch.chdir(tmp_path)

    def from_text(
        text: str | bytes, overrides: Sequence[str] = (), environ: Mapping[str, str] | None = None
    ) -> LoadedSpec:
        data = text.encode() if isinstance(text, str) else text
        Path("router.yaml").write_bytes(data)
        return load_spec("router.yaml", overrides=overrides, environ=environ or {})

    return from_text


@pytest.fixture
def problems(load: Load) -> Problems:
    """Return what is wrong with a text, as people read it."""

    def of(text: str | bytes, *overrides: str, **environ: str) -> list[str]:
        with pytest.raises(SpecError) as caught:
            load(text, overrides, environ)
        return [str(problem) for problem in caught.value.problems]

    return of

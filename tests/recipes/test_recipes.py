"""docs/recipes.md as its reader would run it, against the real packages: .ci/test_recipes brings them."""

from __future__ import annotations

import asyncio
import importlib
import json
import re
import sys
from io import StringIO
from pathlib import Path

import pytest

import tracer_spec as ts
from tracer_spec.production.releases import promote

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^```python\n# (\w+\.py)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
SURE, UNSURE = "where is my parcel?", "hi"


@pytest.fixture(scope="session")
def bundle(tmp_path_factory):
    place = tmp_path_factory.mktemp("built") / "intents.tracer"
    result = ts.build(ROOT / "specs" / "quickstart" / "router.yaml", out=place, overrides=["zoo=[logreg]"], cache=False)
    assert result.status == "certified"
    return place


@pytest.fixture
def app(bundle, tmp_path, monkeypatch):
    """Stand in a folder with the page's files, a bundle and a folder of releases, from which modules are imported."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "intents.tracer").write_bytes(bundle.read_bytes())
    promote(bundle, tmp_path / "live")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in FILES:
        sys.modules.pop(Path(name).stem, None)


def logged(folder):
    return [json.loads(line) for path in sorted((folder / "decisions").iterdir()) for line in path.open()]


@pytest.fixture(scope="session")
def expected(bundle):
    """Return the router's label of a text that it handles; the other text is one that it does not."""
    router = ts.load(bundle)
    assert not router.route(UNSURE).handled
    return router.route(SURE).label


def test_every_sample_of_the_page_is_a_file_that_is_run_here():
    assert len(re.findall("^```python$", PAGE, re.MULTILINE)) == len(FILES)
    source = Path(__file__).read_text()
    assert [name for name in FILES if f'"{Path(name).stem}' not in source] == []


def test_fastapi_answers_by_the_router_or_by_the_teacher_and_logs(app, expected):
    from fastapi.testclient import TestClient

    module = importlib.import_module("app")

    async def call_llm(text):
        return " account_login\n"

    module.call_llm = call_llm
    with TestClient(module.app) as client:
        answers = [client.post("/intent", json={"text": text}).json() for text in [SURE] * 50 + [UNSURE]]
    assert answers[-1] == {"intent": "account_login", "by": "teacher"}
    assert {"intent": expected, "by": "router"} in answers
    assert len(logged(app)) == 51


def test_litellm_asks_the_provider_and_the_provider_asks_the_teacher(app, expected, monkeypatch):
    import litellm

    provider = importlib.import_module("tracer_provider")
    real, areal = litellm.completion, litellm.acompletion

    def mocked(call):
        return call | ({"mock_response": "account_login"} if call["model"] == provider.TEACHER else {})

    monkeypatch.setattr(litellm, "completion", lambda **call: real(**mocked(call)))
    monkeypatch.setattr(litellm, "acompletion", lambda **call: areal(**mocked(call)))
    provider.intents.intents = ts.deploy("live/", teacher=provider.call_llm, log=provider.intents.log, audit=0.0)
    provider.intents.aintents = ts.deploy("live/", teacher=provider.acall_llm, log=provider.intents.log, audit=0.0)

    def question(text):
        return {"model": "tracer/intents", "messages": [{"role": "user", "content": text}]}

    async def later():
        return [await litellm.acompletion(**question(text)) for text in (SURE, UNSURE)]

    answers = [litellm.completion(**question(text)) for text in (SURE, UNSURE)] + asyncio.run(later())
    assert [each.choices[0].message.content for each in answers] == [expected, "account_login"] * 2
    assert importlib.import_module("client").answer.choices[0].message.content == expected
    provider.intents.log.close()
    assert [line["router"]["served"] for line in logged(app)] == [*["router", "teacher"] * 2, "router"]


def test_langchain_takes_the_deployment_for_a_step(app, expected):
    from langchain_core.language_models.fake_chat_models import FakeListChatModel

    module = importlib.import_module("chain")
    classify = module.classifier(FakeListChatModel(responses=["account_login"]))
    labels = classify.batch([SURE] * 50 + [UNSURE])
    assert (labels[-1], labels[-1].by) == ("account_login", "teacher")
    assert {(str(label), label.by) for label in labels} >= {(expected, "router")}
    assert asyncio.run(classify.ainvoke(UNSURE)) == "account_login"
    assert (classify | str.upper).invoke(UNSURE) == "ACCOUNT_LOGIN"


def test_mlflow_keeps_the_model_as_source_and_a_deferred_label_as_null(app, expected, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"file:{app / 'store'}")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    import mlflow
    import pandas as pd
    from mlflow.pyfunc.scoring_server import predictions_to_json

    uri = importlib.import_module("log_model").logged.model_uri
    model = mlflow.pyfunc.load_model(uri)
    answered = model.predict(pd.DataFrame({"text": [SURE, UNSURE]}))
    assert answered["label"].tolist() == [expected, None]
    assert answered["handled"].tolist() == [True, False]
    router = ts.load(app / "intents.tracer")
    assert answered["score"].tolist() == router.route_batch([SURE, UNSURE]).scores.tolist()
    written = StringIO()
    predictions_to_json(answered, written)
    rows = json.loads(written.getvalue())["predictions"]
    assert [(row["label"], row["reason"]) for row in rows] == [(expected, "handled"), (None, "low_score")]
    with pytest.raises(mlflow.MlflowException, match="Model is missing inputs"):
        model.predict(pd.DataFrame({"message": [SURE]}))
    kept = [path.name for path in (app / "store").rglob("*") if path.is_file()]
    assert {"intents_model.py", "intents.tracer"} <= set(kept)
    assert [name for name in kept if name.endswith((".pkl", ".pickle"))] == []

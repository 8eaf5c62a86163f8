"""A canary of a release: a share of the requests is its own, whatever the audit's coin says, and the log names the version."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest, chi2_contingency

import tracer_spec as ts
from tests.production.decisions import lines_in
from tests.runtime import bundles
from tracer_spec.errors import BundleError
from tracer_spec.production.coin import Coin
from tracer_spec.production.gateway import Gateway
from tracer_spec.production.released import load_released
from tracer_spec.production.releases import promote, rollback
from tracer_spec.runtime.manifest import Answers

N = 2_000
SHARE = 0.3


def forged(path: Path, seed: int) -> Path:
    provenance = {**bundles.manifest().provenance, "seed": seed}
    manifest = bundles.manifest(provenance=provenance, embedder=bundles.LETTERS, answers=Answers(("strip",), ()))
    contents = bundles.members()
    path.write_bytes(bundles.forge(manifest.sealed(contents).document(), contents))
    return path


@pytest.fixture
def folder(tmp_path):
    """Return a folder with a current bundle and a canary."""
    promote(forged(tmp_path / "one.tracer", 1), tmp_path / "live")
    promote(forged(tmp_path / "two.tracer", 2), tmp_path / "live", canary=SHARE)
    return tmp_path / "live"


def versions_of(folder: Path) -> tuple[str, str]:
    released = load_released(folder, embedder=bundles.Letters())
    return released.router.version, released.canary.version


def deployed(folder: Path, log: Path, **options) -> ts.Deployment:
    return ts.deploy(folder, teacher=lambda text: "top_up", log=log, embedder=bundles.Letters(), **options)


def test_the_canary_decides_its_share_and_every_line_names_who_did(folder, tmp_path):
    with deployed(folder, tmp_path / "log", audit=0.0) as intents:
        for _ in range(N):
            intents.classify("aa")
    current, canary = versions_of(folder)
    seen = [line["router"]["version"] for line in lines_in(tmp_path / "log")]
    assert set(seen) == {current, canary}
    assert binomtest(seen.count(canary), N, SHARE).pvalue > 1e-6


def test_with_a_secret_an_id_keeps_its_version_and_a_larger_share_takes_no_id_back(folder, tmp_path):
    current, canary = versions_of(folder)
    seen = []
    for number, share in enumerate((SHARE, SHARE, 0.6)):
        promote(tmp_path / "two.tracer", folder, canary=share)
        with deployed(folder, tmp_path / f"{number}", audit=0.1, secret=b"s") as intents:
            for n in range(500):
                intents.classify("aa", id=f"r{n}")
        seen.append({line["id"]: line["router"]["version"] for line in lines_in(tmp_path / f"{number}")})
    assert seen[0] == seen[1]
    assert {key for key, version in seen[0].items() if version == canary} < {
        key for key, version in seen[2].items() if version == canary
    }
    assert set(seen[0].values()) == {current, canary}


@pytest.mark.parametrize("mode", ["live", "canary:0.5"])
def test_a_folder_in_shadow_lets_the_teacher_answer_everything_whatever_the_app_says(folder, tmp_path, mode):
    promote(folder, folder, shadow=True)
    with deployed(folder, tmp_path / "log", audit=0.0, mode=mode) as intents:
        assert intents.mode == "shadow"
        assert {intents.classify("aa").by for _ in range(50)} == {"teacher"}
    stories = [line["router"] for line in lines_in(tmp_path / "log")]
    assert {(each["mode"], each["audit"], each["audit_rate"], each["handled"]) for each in stories} == {
        ("shadow", True, 1.0, True)
    }
    promote(folder, folder, shadow=False)
    with deployed(folder, tmp_path / "again", audit=0.0) as intents:
        assert (intents.mode, intents.classify("aa").by) == ("live", "router")


def test_a_gateway_of_a_folder_in_shadow_answers_nothing_and_another_bundle_beside_it_does(folder, tmp_path):
    promote(folder, folder, shadow=True)
    shadow = load_released(folder, embedder=bundles.Letters())
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "aa"}]}).encode()
    for released, outcome in ((shadow, "audited"), (load_released(shadow.router), "handled")):
        assert Gateway([released], audit=0.0).begin("/v1/chat/completions", body, {}).outcome == outcome


def test_the_coins_of_the_audit_and_of_the_version_are_independent():
    audit, version = Coin(0.2, b"secret"), Coin(SHARE, b"secret", purpose=b"version\0")
    fell = np.array([[audit.falls(f"r{n}"), version.falls(f"r{n}")] for n in range(100_000)])
    table = np.array([[np.sum((fell[:, 0] == a) & (fell[:, 1] == b)) for b in (0, 1)] for a in (0, 1)])
    assert chi2_contingency(table).pvalue > 1e-6
    assert binomtest(int(fell[:, 1].sum()), len(fell), SHARE).pvalue > 1e-6


def test_an_asynchronous_request_is_shared_as_well(folder, tmp_path):
    async def ask(intents: ts.Deployment) -> None:
        for n in range(200):
            await intents.aclassify("aa", id=f"r{n}")

    with deployed(folder, tmp_path / "log", secret=b"s") as intents:
        asyncio.run(ask(intents))
        for n in range(200):
            intents.classify("aa", id=f"r{n}")
    seen = [line["router"]["version"] for line in lines_in(tmp_path / "log")]
    assert seen[:200] == seen[200:]
    assert set(seen) == set(versions_of(folder))


def test_a_gateway_says_and_logs_the_version_that_answered(folder):
    current, canary = versions_of(folder)
    lines: list[dict] = []

    class Log:
        def put(self, record):
            lines.append(dict(record))
            return True

    gateway = Gateway([load_released(folder, embedder=bundles.Letters())], log=Log(), audit=0.0, secret=b"s")
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "aa"}]}).encode()
    told = []
    for n in range(200):
        visit = gateway.begin("/v1/chat/completions", body, {"x-request-id": f"r{n}"})
        assert visit.outcome == "handled"
        assert json.loads(b"".join(visit.reply.pieces))["model"] == f"tracer/support-intents@{visit.router.version}"
        told.append(visit.headers["x-tracer-version"])
    assert [line["router"]["version"] for line in lines] == told
    coin = Coin(SHARE, b"s", purpose=b"version\0")
    assert told == [canary if coin.falls(f"r{n}") else current for n in range(200)]


def test_a_folder_without_a_canary_and_a_file_have_one_version(folder, tmp_path):
    rollback(folder)
    for path in (folder, tmp_path / "one.tracer", load_released(folder, embedder=bundles.Letters()).router):
        released = load_released(path, embedder=bundles.Letters())
        assert (released.canary, len(released.routers)) == (None, 1)


def test_one_pinned_digest_and_two_bundles_are_refused(folder):
    current = json.loads((folder / "release.json").read_text())["current"]
    with pytest.raises(
        BundleError, match=r"release\.json\n  names a canary beside the current bundle, and one digest is pinned"
    ):
        ts.deploy(folder, teacher=str, sha256=current, embedder=bundles.Letters())
    rollback(folder)
    assert ts.deploy(folder, teacher=str, sha256=current, embedder=bundles.Letters()).router.sha256 == current

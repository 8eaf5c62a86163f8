"""A claim that is refuted while the server runs."""

from __future__ import annotations

import logging
import time

import httpx
import pytest
import tracer_spec as ts


def ask(server, text: str) -> httpx.Response:
    body = {"model": "m", "messages": [{"role": "user", "content": text}]}
    return server.client.post("/v1/chat/completions", json=body)


def ready(server) -> tuple[int, dict]:
    back = server.client.get("/readyz")
    (router,) = back.json()["routers"]
    return back.status_code, router


def metrics(server) -> str:
    return server.client.get("/metrics").text


@pytest.fixture
def handled(bundle, texts) -> list[str]:
    router = ts.load(bundle)
    return [text for text in texts if router.route(text).handled][:80]


@pytest.mark.parametrize("then", ["defer", "warn"])
def test_a_refuted_claim_is_said_and_may_stop_the_router(serve, upstream, bundle, tmp_path, handled, then):
    """The mock answers with a label of its own, so that the router agrees with it nowhere."""
    options = (bundle, "--upstream", upstream.url, "--log", tmp_path, "--audit", "0.5", "--on-refuted", then)
    server = serve(*options)
    assert {ask(server, text).headers["x-tracer-outcome"] for text in handled} >= {"handled", "audited"}
    line = server.wait_for("is refuted: 0 of ")
    assert ("the upstream answers everything from now on" in line) == (then == "defer")
    status, router = ready(server)
    assert (status, router["claim"], router["handles"]) == (200, "refuted", then == "warn")
    handles = f"{float(then == 'warn')}"
    shown = metrics(server).splitlines()
    named = f'router="support-intents",version="{ts.load(bundle).version}"'
    assert f"tracer_handling{{{named}}} {handles}" in shown
    assert (
        f'tracer_claim{{router="support-intents",verdict="refuted",version="{ts.load(bundle).version}"}} 1.0' in shown
    )
    assert f"tracer_audited_agreement{{{named}}} 0.0" in shown
    after = {ask(server, text).headers["x-tracer-outcome"] for text in handled}
    assert after == ({"deferred", "audited"} if then == "defer" else {"handled", "audited"})
    decision = server.client.post("/v1/route", json={"input": handled[0]}).json()
    wanted = (False, None, "refuted") if then == "defer" else (True, ts.load(bundle).route(handled[0]).label, "handled")
    assert (decision["handled"], decision["label"], decision["reason"]) == wanted
    _, said = server.end()
    assert said.count("is refuted") == 1
    again = serve(*options)  # from what the first one remembered
    assert ready(again)[1]["claim"] == "refuted"
    assert ready(again)[1]["handles"] == (then == "warn")


def test_what_other_processes_log_counts_as_well(serve, upstream, bundle, tmp_path, handled):
    options = (bundle, "--upstream", upstream.url, "--log", tmp_path, "--audit", "1")
    watcher, worker = serve(*options), serve(*options, "--state", tmp_path / "state")
    for text in handled:
        ask(worker, text)
    watcher.wait_for("is refuted: 0 of ")


def test_a_new_bundle_is_judged_by_its_own_decisions(serve, upstream, bundle, other_bundle, tmp_path, handled):
    served = tmp_path / "served.tracer"
    served.write_bytes(bundle.read_bytes())
    server = serve(
        served, "--upstream", upstream.url, "--log", tmp_path / "log", "--audit", "1", "--on-refuted", "defer"
    )
    for text in handled:
        ask(server, text)
    server.wait_for("is refuted: 0 of ")
    served.write_bytes(other_bundle.read_bytes())
    assert server.client.post("/-/reload").status_code == 200
    status, router = ready(server)
    assert (status, router["claim"] == "refuted", router["handles"]) == (200, False, True)


def test_a_state_that_is_none_is_said_at_the_start(serve, bundle, tmp_path):
    import subprocess
    import sys

    name = f"monitor-{ts.load(bundle).version}.json"
    (tmp_path / name).write_text("{}")
    command = [sys.executable, "-m", "tracer_spec", "serve", str(bundle), "--port", "0", "--log", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert f"{tmp_path / name}" in done.stderr
    assert "this is no state of a monitor" in done.stderr


def test_a_router_that_could_not_be_stopped_does_not_begin(bundle, tmp_path, monkeypatch):
    from tracer_spec.errors import BundleError

    from tracer_spec_serve import live, settings

    def no_target(*_):
        raise BundleError("its certificate names no target")

    monkeypatch.setattr(live, "Watch", no_target)
    told = {"bundles": (str(bundle),), "log": str(tmp_path)}
    assert live.Live(settings.Settings(**told), None).all[0].watch is None
    with pytest.raises(BundleError, match="names no target"):
        live.Live(settings.Settings(**told, on_refuted="defer"), None)


def log_of(folder, bundle, texts, *, teacher=None) -> None:
    """Log decisions that are all audited, with the router's own label or a teacher's."""
    router = ts.load(bundle)
    with ts.deploy(
        bundle, teacher=teacher or (lambda text: router.route(text).label), log=folder, mode="shadow"
    ) as app:
        for text in texts:
            app.classify(text)


@pytest.fixture
def watched(bundle, tmp_path, handled):
    """A watch over a log of requests that the router handles, which has looked once."""
    from tracer_spec.runtime import read_bundle

    from tracer_spec_serve.watch import Watch

    log_of(tmp_path / "log", bundle, handled[:40])
    watch = Watch(read_bundle(bundle), tmp_path / "log", tmp_path / "state")
    assert not watch.look()
    assert (watch.verdict, watch.n_audits, watch.trouble) == ("holds", 40, "")
    return watch


def test_one_request_that_is_sent_again_and_again_does_not_stop_the_router(serve, upstream, bundle, tmp_path, handled):
    """The mock answers with a label of its own: twelve requests like this one refute the claim."""
    options = ("--log", tmp_path, "--audit", "1", "--on-refuted", "defer")
    server = serve(bundle, "--upstream", upstream.url, *options)
    body = {"model": "m", "messages": [{"role": "user", "content": handled[0]}]}
    for _ in range(80):
        back = server.client.post("/v1/chat/completions", json=body, headers={"x-request-id": "one"})
        assert back.headers["x-tracer-outcome"] == "audited"
    server.end()
    again = serve(bundle, "--upstream", upstream.url, *options)
    while ready(again)[1]["claim"] == "not measured":  # until its first look at the log
        time.sleep(0.05)
    assert (ready(again)[1]["claim"], ready(again)[1]["handles"]) == ("holds", True)
    assert "tracer_audited_agreement" in metrics(again)
    for text in handled:
        ask(again, text)
    again.wait_for("is refuted: 0 of ")


def test_a_state_that_cannot_be_written_is_told_and_the_claim_is_watched_on(watched, bundle, tmp_path, handled, caplog):
    state = tmp_path / "state" / f"monitor-{ts.load(bundle).version}.json"
    kept = state.read_bytes()
    state.unlink()
    state.mkdir()
    log_of(tmp_path / "log", bundle, handled[40:41])
    for n_more in range(2):
        watched.look()
        assert (watched.verdict, watched.n_audits) == ("holds", 41 + n_more)
        log_of(tmp_path / "log", bundle, handled[41:42])
        assert watched.trouble == (
            f"it is measured, but a restart will forget what was read: {state}: the monitor's state cannot be written: "
            "Is a directory"
        )
    assert len(caplog.records) == 1
    log_of(tmp_path / "log", bundle, handled, teacher=lambda _: "none")
    assert watched.look()
    assert watched.verdict == "refuted"
    state.rmdir()
    watched.look()
    assert watched.trouble == ""
    assert caplog.messages[-1].endswith("is measured again, and its state kept")
    assert state.read_bytes() != kept


def test_a_log_that_cannot_be_read_is_not_measured_until_it_can_and_each_line_counts_once(
    watched, bundle, tmp_path, handled, caplog
):
    broken = tmp_path / "log" / "zz.jsonl.gz"
    broken.write_bytes(b"no gzip")
    log_of(tmp_path / "log", bundle, handled[40:50])
    for _ in range(2):
        watched.look()
        assert (watched.verdict, watched.n_audits) == ("not measured", 40)
        assert "it is not measured: " in watched.trouble
        assert "zz.jsonl.gz" in watched.trouble
    assert len(caplog.records) == 1
    broken.unlink()
    watched.look()
    assert (watched.verdict, watched.n_audits, watched.trouble) == ("holds", 50, "")


def test_what_is_logged_of_a_claim_stands_already_where_probes_look(watched, tmp_path):
    broken, found, logger = tmp_path / "log" / "zz.jsonl.gz", [], logging.getLogger("tracer_spec.serve")

    def look(record: logging.LogRecord) -> bool:
        found.append(watched.trouble[:19])
        return True

    logger.addFilter(look)
    broken.write_bytes(b"no gzip")
    watched.look()
    broken.unlink()
    watched.look()
    logger.removeFilter(look)
    assert found == ["it is not measured:", ""]


def test_while_a_claim_is_not_measured_probes_and_metrics_say_so(serve, bundle, tmp_path, handled):
    log_of(tmp_path, bundle, handled)
    (tmp_path / "zz.jsonl.gz").write_bytes(b"no gzip")
    server = serve(bundle, "--log", tmp_path)
    server.wait_for("it is not measured: ")
    status, router = ready(server)
    assert (status, router["claim"], "zz.jsonl.gz" in router["trouble"]) == (200, "not measured", True)
    named = f'router="support-intents",version="{ts.load(bundle).version}"'
    assert f"tracer_watching{{{named}}} 0.0" in metrics(server)
    (tmp_path / "zz.jsonl.gz").unlink()
    server.wait_for("is measured again")
    assert "trouble" not in ready(server)[1]
    assert ready(server)[1]["claim"] == "holds"
    assert f"tracer_watching{{{named}}} 1.0" in metrics(server)

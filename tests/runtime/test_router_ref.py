"""A router by its address: small, picklable, loaded once a process."""

from __future__ import annotations

import json
import multiprocessing
import pickle
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import cloudpickle
import pytest

import tracer_spec as ts
from tracer_spec.runtime import router_ref
from tracer_spec.runtime.bundle import parse_bundle

STARTS = multiprocessing.get_all_start_methods()


def labels_of(ref, vectors):
    """Decide in another process."""
    return ref.route_batch(vectors).labels, len(router_ref._LOADED)


def test_it_travels_by_either_pickle_in_few_bytes(ref):
    for pickler in (pickle, cloudpickle):
        data = pickler.dumps(ts.RouterRef(ref.path, "a" * 64, embedder="x", embedder_options={"base_url": "y" * 200}))
        assert len(data) < 2000
        again = pickle.loads(data)
        assert again == ts.RouterRef(ref.path, "a" * 64, embedder="x", embedder_options={"base_url": "y" * 200})
        assert hash(again) == hash(pickle.loads(pickle.dumps(again)))
    assert repr(ref) == f"RouterRef({ref.path!r})"


def test_nothing_is_read_before_it_is_used_and_what_fails_is_told_at_each_use(tmp_path, good):
    ref = ts.RouterRef(tmp_path / "late.tracer")
    for _ in range(2):
        with pytest.raises(ts.BundleError, match="late"):
            ref.route_batch([[0.0]])
    (tmp_path / "late.tracer").write_bytes(good)
    assert ref.router.name == parse_bundle(good).manifest.name


def test_a_file_of_another_digest_is_refused(good, save):
    with pytest.raises(ts.BundleError, match="sha256"):
        _ = ts.RouterRef(save(good), "0" * 64).router


def test_many_threads_load_it_once(ref, monkeypatch):
    n_loads, gate = [], threading.Barrier(8)

    def slow_load(*args, **options):
        n_loads.append(args)
        return loaded(*args, **options)

    loaded = router_ref.load
    monkeypatch.setattr(router_ref, "load", slow_load)

    def use(_):
        gate.wait()
        return ts.RouterRef(ref.path).router

    with ThreadPoolExecutor(8) as pool:
        routers = set(map(id, pool.map(use, range(8))))
    assert len(routers) == len(n_loads) == 1


@pytest.mark.parametrize("start", STARTS)
def test_workers_however_started_decide_alike(ref, vectors, start):
    here = ref.route_batch(vectors).labels
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(start)) as pool:
        answers = list(pool.map(labels_of, [ref] * 4, [vectors] * 4))
    assert all(labels == here for labels, _ in answers)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_a_child_of_a_fork_in_the_midst_of_a_load_loads_its_own(ref, vectors):
    with router_ref._LOCKS.of(ts.RouterRef(ref.path)), router_ref._LOCKS._one:
        router_ref._LOADED.clear()
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
            labels, n_loaded = pool.submit(labels_of, ref, vectors).result(timeout=60)
    assert n_loaded == 1
    assert labels == ref.route_batch(vectors).labels


def test_a_batch_as_mappings_is_what_the_command_line_writes(ref, vectors):
    batch = ref.route_batch(vectors)
    rows = batch.to_dicts()
    assert rows[0].keys() == {"label", "handled", "score", "stage", "reason"}
    assert [row["label"] for row in rows] == batch.labels
    assert json.loads(json.dumps(rows)) == rows
    assert {row["stage"] for row in rows if not row["handled"]} <= {None}

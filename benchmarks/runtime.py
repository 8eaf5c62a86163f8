"""Measure the bundle at work against the peer, tracer-llm 0.3.3, on the same vectors, in one run.

    python -m venv peer-env && peer-env/bin/pip install tracer-llm==0.3.3
    python benchmarks/runtime.py ../shared/data --work runtime-work --peer-python peer-env/bin/python --json runtime.json

DATA holds ``banking77_train.jsonl`` and ``banking77_test.jsonl``. Both sides train the peer's lean zoo (logistic regression
with C = 1 and C = 10, SGD, perceptrons 256 and 256-96) on the same 384-dimensional vectors. Under WORK lie the vectors, the
bundles and the peer's artifact; ``--peer-json FILE`` takes the peer's training, the slow part, from an earlier run there: the
file that this option wrote, or what ``--json`` did.
Without ``--peer-python``, rows that need the peer are skipped, and say so.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import tracer_spec as ts
from tracer_spec.runtime.decision import INPUT, OUTPUTS

PEER = Path(__file__).with_name("peer.py")
FORBIDDEN = ("sklearn", "scipy", "xgboost", "pydantic", "pluggy", "yaml", "pandas", "onnx")
LEAN_ZOO = [
    {"use": "logreg", "as": "logreg-c1", "with": {"C": 1.0}},
    {"use": "logreg", "as": "logreg-c10", "with": {"C": 10.0}},
    "sgd",
    {"use": "mlp", "as": "mlp-256", "with": {"hidden": [256]}},
    {"use": "mlp", "as": "mlp-256-96", "with": {"hidden": [256, 96]}},
]
ONCE = """
import json, sys
import numpy as np
import tracer_spec as ts
decision = ts.load(sys.argv[2]).route(np.load(sys.argv[1]))
packages = sorted({name.partition(".")[0] for name in sys.modules})
# not ru_maxrss, which a child inherits from the process that started it
peak_mb = next(int(line.split()[1]) / 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({"packages": packages, "n_modules": len(sys.modules), "peak_mb": peak_mb}))
"""


# --- what both sides work on -----------------------------------------------------------------------------------------


def read(path: Path) -> tuple[list[str], list[str]]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [row["input"] for row in rows], [row["teacher"] for row in rows]


def prepare(data: Path, work: Path) -> Path:
    """Write the vectors that both sides train and route on: LSA, fitted on the training texts."""
    from tracer_spec.builtin.embedders import lsa

    path = work / "vectors.npz"
    if not path.exists():
        (fit_texts, y_fit), (test_texts, y_test) = (
            read(data / "banking77_train.jsonl"),
            read(data / "banking77_test.jsonl"),
        )
        embedder = lsa.LsaLearner(lsa.LsaOptions(dim=384)).fit(fit_texts, seed=0)
        X_fit, X_test = embedder.embed(fit_texts), embedder.embed(test_texts)
        np.savez(path, X_fit=X_fit, y_fit=np.array(y_fit), X_test=X_test, y_test=np.array(y_test))
        np.save(work / "fit.npy", X_fit)
        np.save(work / "one.npy", X_test[0])
    return path


def spec(data: Path, embedder: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "name": "banking77",
        "traces": {"use": "jsonl", "with": {"path": str(data / "banking77_train.jsonl")}},
        "embedder": embedder,
        "zoo": LEAN_ZOO,
        "target": {"agreement": 0.92, "confidence": 0.95},
    } | changes


def build(work: Path, name: str, what: dict[str, Any]) -> dict[str, Any]:
    """Build by the command line, a process of its own, and time the whole of it."""
    folder = work / name
    folder.mkdir(exist_ok=True)
    (folder / "router.lock").unlink(missing_ok=True)
    (folder / "router.yaml").write_text(json.dumps(what))  # JSON is YAML
    command = [
        sys.executable,
        "-m",
        "tracer_spec",
        "build",
        "router.yaml",
        "--out",
        "out.tracer",
        "--json",
        "-q",
        "--no-cache",
    ]
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"the build of {name} ends in {done.returncode}: {done.stderr}{done.stdout[-2000:]}")
    policy = json.loads(done.stdout)["policy"]
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"build_s": seconds, "cpu_s": cpu_s, "policy": policy, "bundle": str(folder / "out.tracer")}


# --- timing ----------------------------------------------------------------------------------------------------------


def laps_us(*decide: Callable[[Any], Any], over: Sequence[Any], rounds: int = 5) -> list[float]:
    """Return the median of single calls, in the best of several rounds, in which the functions take turns."""
    best = [np.inf] * len(decide)
    for _ in range(rounds):
        for position, function in enumerate(decide):
            laps = []
            for each in over:
                started = time.perf_counter_ns()
                function(each)
                laps.append(time.perf_counter_ns() - started)
            best[position] = min(best[position], float(np.median(laps)) / 1e3)
    return best


def bare_session(bundle: str) -> Callable[[np.ndarray], Any]:
    """Return a function that runs the bundle's graph with onnxruntime and nothing around it."""
    import onnxruntime

    from tracer_spec.runtime import read_bundle

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    graph = read_bundle(bundle).members["policy.onnx"]
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    names = list(OUTPUTS)
    return lambda x: session.run(names, {INPUT: x[None]})


def decisions(bundle: str, X: np.ndarray) -> dict[str, Any]:
    """Time decisions on one row after the other and on all at once."""
    router = ts.load(bundle)
    rows = list(X)
    ours, bare = laps_us(router.route, bare_session(bundle), over=rows)
    seconds = np.inf
    for _ in range(20):
        started = time.perf_counter()
        batch = router.route_batch(X)
        seconds = min(seconds, time.perf_counter() - started)
    return {
        "decision_us": ours,
        "bare_us": bare,
        "batch_rows_per_s": len(X) / seconds,
        "coverage": float(batch.handled.mean()),
        "stages": batch.stages,
    }


def from_text(bundle: str, texts: Sequence[str]) -> dict[str, Any]:
    """Time decisions from texts, and from the vectors of the same texts."""
    from tracer_spec.runtime import read_bundle
    from tracer_spec.runtime.embedding import restore_embedder

    router, contents = ts.load(bundle), read_bundle(bundle)
    embedder = restore_embedder(contents.manifest, contents.members)
    if embedder is None:
        raise SystemExit("the bundle has no embedder")
    rows = list(embedder.embed(texts))
    (text_us,), (vector_us,) = laps_us(router.route, over=texts), laps_us(router.route, over=rows)
    return {"text_us": text_us, "vector_us": vector_us}


def cold(command: list[str], runs: int = 5) -> dict[str, Any]:
    """Start an interpreter, load, decide once; the best of several runs."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    best: dict[str, Any] = {"cold_s": np.inf}
    for _ in range(runs):
        started = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
        seconds = time.perf_counter() - started
        best = min(
            best, {"cold_s": seconds} | json.loads(done.stdout.splitlines()[-1]), key=lambda each: each["cold_s"]
        )
    return best


def peer(python: str, *arguments: object) -> dict[str, Any]:
    """Run one verb of benchmarks/peer.py and time the whole process."""
    started = time.perf_counter()
    done = subprocess.run([python, PEER, *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"the peer failed: {done.stderr[-2000:]}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer | {"process_s": time.perf_counter() - started}


# --- the run ---------------------------------------------------------------------------------------------------------


def measure_ours(data: Path, work: Path) -> dict[str, Any]:
    vectors = {"use": "precomputed", "with": {"path": str(work / "fit.npy")}}
    X = np.load(work / "vectors.npz")["X_test"]
    lean = build(work, "lean", spec(data, vectors))
    cascade = build(work, "cascade", spec(data, vectors, zoo=["logreg", LEAN_ZOO[3]], families=["rsb"], average=False))
    text = build(work, "text", spec(data, {"use": "lsa", "with": {"dim": 384}}, zoo=[LEAN_ZOO[3]], families=["l2d"]))
    lean |= decisions(lean["bundle"], X)
    cascade |= decisions(cascade["bundle"], X)
    deferred = np.flatnonzero(cascade["stages"] != 0)
    np.save(work / "deferred.npy", deferred)
    router = ts.load(cascade["bundle"])
    cascade["deferred_us"] = laps_us(router.route, over=list(X[deferred]))[0]
    cascade["n_deferred"] = len(deferred)
    text |= from_text(text["bundle"], read(data / "banking77_test.jsonl")[0])
    for each in (lean, text):
        each["bundle_mb"] = Path(each["bundle"]).stat().st_size / 1e6
        each |= cold([sys.executable, "-c", ONCE, str(work / "one.npy"), each["bundle"]])
    del lean["stages"], cascade["stages"]
    return {"lean": lean, "cascade": cascade, "text": text}


def recorded_training(path: Path) -> dict[str, Any]:
    """Return the peer's training of an earlier run, from the file of ``--peer-json`` or the report of ``--json``."""
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    training = document if "artifact_mb" in document else (document.get("peer") or {}).get("fit")
    if training is None:
        raise SystemExit(f"{path} holds no training of the peer: it is of a run without --peer-python")
    return training


def measure_peer(python: str, work: Path, recorded: Path | None) -> dict[str, Any]:
    """Time the peer; its training only where no earlier run left one here."""
    artifact = work / "peer"
    if recorded and recorded.exists() and artifact.exists():
        trained = recorded_training(recorded) | {"recorded": True}
    else:
        trained = peer(python, "fit", work / "vectors.npz", artifact)
        (recorded or work / "peer.json").write_text(json.dumps(trained) + "\n", encoding="utf-8")
    routed = peer(python, "route", work / "vectors.npz", artifact, work / "deferred.npy")
    return {
        "fit": trained,
        "route": routed,
        "once": cold([python, str(PEER), "once", str(work / "one.npy"), str(artifact)]),
    }


def table(ours: dict[str, Any], theirs: dict[str, Any] | None) -> list[tuple[str, str, str, str, str, bool | None]]:
    """Return rows of: what, ours, the peer's, the ratio, the target, and whether it is met (None: not measured)."""
    lean, cascade, text = ours["lean"], ours["cascade"], ours["text"]
    rows: list[tuple[str, str, str, str, str, bool | None]] = []

    def against_peer(what: str, mine: float, key: tuple[str, str], unit: str, target: float, *, more: bool) -> None:
        wanted = f"{'≥' if more else '≤'} {target:g}"
        if theirs is None:
            rows.append((what, f"{mine:,.3g} {unit}", "skipped", "", wanted, None))
            return
        other = theirs[key[0]][key[1]]
        faster = mine / other if unit in ("rows/s",) or not more else other / mine
        met = faster >= target if more else faster <= target
        rows.append((what, f"{mine:,.4g} {unit}", f"{other:,.4g} {unit}", f"{faster:.3g}", wanted, met))

    def alone(what: str, mine: str, other: str, ratio: float, target: float) -> None:
        rows.append((what, mine, other, f"{ratio:.3g}", f"≤ {target:g}", ratio <= target))

    against_peer("one decision from a vector, p50", lean["decision_us"], ("route", "decision_us"), "µs", 200, more=True)
    # the target is the feasibility study's: the peer's median decision over ours on rows that its first stage defers
    against_peer(
        "the deferred rows of a cascade", cascade["deferred_us"], ("route", "decision_us"), "µs", 80, more=True
    )
    if theirs is not None:
        mine, other = cascade["deferred_us"], theirs["route"]["deferred_us"]
        what = "… against the peer on those rows, where it skips its gate"
        rows.append((what, f"{mine:,.4g} µs", f"{other:,.4g} µs", f"{other / mine:.3g}", "", None))
    for name, each in (("", lean), (", cascade", cascade)):
        ratio = each["decision_us"] / each["bare_us"]
        alone(
            f"ours to bare onnxruntime{name}",
            f"{each['decision_us']:.1f} µs",
            f"{each['bare_us']:.1f} µs bare",
            ratio,
            1.5,
        )
    ratio = text["text_us"] / text["vector_us"]
    alone(
        "from text with lsa, to the vector",
        f"{text['text_us']:.1f} µs",
        f"{text['vector_us']:.1f} µs vector",
        ratio,
        10,
    )
    against_peer("batch", lean["batch_rows_per_s"], ("route", "batch_rows_per_s"), "rows/s", 30, more=True)
    for name, each in (("", lean), (", with lsa inside", text)):
        against_peer(f"cold start{name}", each["cold_s"], ("once", "cold_s"), "s", 0.5, more=False)
        against_peer(f"peak memory{name}", each["peak_mb"], ("once", "peak_mb"), "MB", 0.5, more=False)
        against_peer(f"size{name}", each["bundle_mb"], ("fit", "artifact_mb"), "MB", 0.5, more=False)
    found = sorted(set(FORBIDDEN) & (set(lean["packages"]) | set(text["packages"])))
    wanted = f"no {', '.join(FORBIDDEN)}"
    rows.append(
        ("modules imported by then", str(text["n_modules"]), "", ", ".join(found) or "none of them", wanted, not found)
    )
    against_peer("build, whole process", lean["build_s"], ("fit", "process_s"), "s", 10, more=True)
    if theirs is not None:
        mine, other = lean["cpu_s"], theirs["fit"]["cpu_s"]
        rows.append(("… in processor seconds", f"{mine:.4g} s", f"{other:.4g} s", f"{other / mine:.3g}", "", None))
    return rows


def about() -> dict[str, Any]:
    """Say what this was measured on and with."""
    names = ("tracer-spec", "numpy", "onnxruntime", "scikit-learn", "onnx", "skl2onnx")
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [
            line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        cpu = models[0] if models else cpu
    load = os.getloadavg() if hasattr(os, "getloadavg") else None
    return {
        "machine": {"cpu": cpu, "processors": os.cpu_count(), "system": platform.system(), "load": load},
        "versions": {"python": platform.python_version()} | {name: version(name) for name in names},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument(
        "--work", type=Path, required=True, help="a folder for vectors, bundles and the peer's artifact"
    )
    parser.add_argument("--peer-python", help="an interpreter that has tracer-llm 0.3.3")
    parser.add_argument(
        "--peer-json", type=Path, help="the peer's training of an earlier run; written where it is not there"
    )
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    data, work = args.data.resolve(), args.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    prepare(data, work)
    started = about()
    ours = measure_ours(data, work)
    theirs = measure_peer(args.peer_python, work, args.peer_json) if args.peer_python else None
    rows = table(ours, theirs)
    if theirs is None:
        print("the peer is not measured: --peer-python names no interpreter that has tracer-llm 0.3.3")
    print("| | ours | the peer, or else | ratio | target | met |\n|---|---|---|---|---|---|")
    for *cells, met in rows:
        print("|", " | ".join([*cells, {True: "yes", False: "NO", None: ""}[met]]), "|")
    print(json.dumps(started, ensure_ascii=False))
    if args.json:
        for each in (ours["lean"], ours["text"]):
            del each["packages"]
        document = started | {"ours": ours, "peer": theirs, "rows": rows}
        args.json.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

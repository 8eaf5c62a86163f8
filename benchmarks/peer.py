"""The peer's half of benchmarks/runtime.py: runs in an environment of its own, which has tracer-llm 0.3.3.

    python peer.py fit VECTORS.npz ARTIFACT       train, print one JSON line
    python peer.py route VECTORS.npz ARTIFACT DEFERRED.npy   time decisions, print one JSON line
    python peer.py once VECTORS.npy ARTIFACT      load, decide once, print one JSON line

VECTORS.npz holds X_fit (n, d) float32, y_fit (n,) str, X_test (m, d) float32.
"""

import json
import resource
import sys
import tempfile
import time
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402
import tracer  # noqa: E402

ZOO = ("logreg_c1", "logreg_c10", "sgd_log", "mlp_1h", "mlp_2h", "dt", "rf", "et", "gbt", "xgb")
LEAN = ZOO[:5]  # what its command line trains by default


def fit(vectors: str, artifact: str) -> dict:
    from tracer.config import FitConfig

    z = np.load(vectors)
    with tempfile.TemporaryDirectory() as folder:
        traces = Path(folder, "traces.jsonl")
        rows = [{"input": f"row {row}", "teacher": str(label)} for row, label in enumerate(z["y_fit"])]
        traces.write_text("".join(json.dumps(row) + "\n" for row in rows))
        config = FitConfig(
            target_teacher_agreement=0.92,
            verbose=False,
            skip_candidates=tuple(name for name in ZOO if name not in LEAN),
        )
        started = time.perf_counter()
        result = tracer.fit(str(traces), artifact, embeddings=z["X_fit"], config=config)
        seconds = time.perf_counter() - started
    if result.manifest.selected_method is None:
        raise SystemExit("the peer deploys no method")
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu_s = sum(each.ru_utime + each.ru_stime for each in used)
    return {
        "fit_s": seconds,
        "cpu_s": cpu_s,
        "method": result.manifest.selected_method,
        "coverage": result.manifest.coverage_cal,
    }


def route(vectors: str, artifact: str, deferred: str) -> dict:
    X = np.load(vectors)["X_test"]
    router = tracer.load_router(artifact)
    router.predict(X[0])
    answer = {"decision_us": _laps(router.predict, X), "deferred_us": _laps(router.predict, X[np.load(deferred)])}
    best = np.inf
    for _ in range(5):
        started = time.perf_counter()
        handled = router.predict_batch(X)["handled"]
        best = min(best, time.perf_counter() - started)
    answer["batch_rows_per_s"] = len(X) / best
    answer["coverage"] = float(np.mean(handled))
    return answer


def _laps(decide, X, rounds: int = 3) -> float:
    """Return the median of single calls, in microseconds, in the best of several rounds, as runtime.py does."""
    best = np.inf
    for _ in range(rounds):
        laps = []
        for x in X:
            started = time.perf_counter()
            decide(x)
            laps.append(time.perf_counter() - started)
        best = min(best, float(np.median(laps)) * 1e6)
    return best


def once(vector: str, artifact: str) -> dict:
    decision = tracer.load_router(artifact).predict(np.load(vector))
    # not ru_maxrss, which a child inherits from the process that started it
    status = Path("/proc/self/status").read_text().splitlines()
    peak_mb = next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
    return {"label": str(decision["label"]), "decision": str(decision["decision"]), "peak_mb": peak_mb}


def main() -> None:
    verb, *arguments = sys.argv[1:]
    answer = {"fit": fit, "route": route, "once": once}[verb](*arguments)
    if verb == "fit":
        answer["artifact_mb"] = (
            sum(each.stat().st_size for each in Path(arguments[1]).rglob("*") if each.is_file()) / 1e6
        )
        from importlib.metadata import version

        answer["versions"] = {name: version(name) for name in ("tracer-llm", "scikit-learn", "numpy")}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()

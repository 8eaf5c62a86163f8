"""Documents of bundles for the tests of the report: a full one, a hostile one, one of any size."""

from __future__ import annotations

import json

from tests.runtime import bundles
from tracer_spec.runtime.bundle import parse_bundle

HOSTILE = (
    "</script><script>window.ran=1</script>",
    "<img src=x onerror='window.ran=2'>",
    "{{ 7 * 7 }}{% raw %}",
    "datum.x]; window.ran = 3; //",
    '"><svg onload=window.ran=4>',
    "javascript:window.ran=5",
    "<!--<script>",
    "\u202e\u2028\x00\x1b[2Jreversed",
    "A" * 5000,
)


def certificate(**changes):
    """Return a certificate of four tests, the third of which ships."""
    counts = [(300, 297, 0.0001), (400, 390, 0.001), (500, 482, 0.004), (600, 555, 0.2)]
    steps = [
        {
            "coverage": 0.3 + 0.1 * number,
            "agreement": 0.99 - 0.01 * number,
            "thresholds": [0.9 - 0.1 * number, 0.5],
            "n": n,
            "k": k,
            "p_value": p,
            "passed": p < 0.05,
        }
        for number, (n, k, p) in enumerate(counts)
    ]
    return {
        "schema_version": 1,
        "status": "certified",
        "calibrator": "pareto-testing",
        "claim": "with 95 % confidence, this router agrees with the teacher on at least 92 % of the traffic it handles",
        "measure": "agreement",
        "target": 0.92,
        "confidence": 0.95,
        "look": 1,
        "level": 0.05,
        "n_certify": 1000,
        "n": 500,
        "k": 482,
        "p_value": 0.004,
        "estimate": {"coverage": 0.5, "agreement": 0.97},
        "walk": steps,
        "assumptions": ["traffic stays as it is"],
        "voided_by": ["a changed teacher"],
        "scores": [],
        **changes,
    }


def frontier(n=40, name="logreg"):
    """Return two chains, of which the first is the front."""
    candidates = [
        {
            "coverage": (number + 1) / n,
            "agreement": 1 - 0.15 * ((number + 1) / n) ** 2,
            "thresholds": [1 - number / n],
            "front": True,
            "chosen": number == n // 2,
        }
        for number in range(n)
    ]
    under = [{**each, "agreement": each["agreement"] - 0.05, "front": False, "chosen": False} for each in candidates]
    return {
        "schema_version": 1,
        "chains": [
            {"family": "l2d", "surrogates": [name], "candidates": candidates},
            {"family": "rsb", "surrogates": [name, "mlp"], "candidates": under},
        ],
        "zoo": [{"name": name, "status": "trained", "agreement": 0.9, "reason": None, "bytes": 1000, "notes": []}],
    }


def audit(labels, *, text=None):
    """Return an audit in which label number i has 100 rows, i of them (at most 90) deferred; a tenth disagrees."""
    tallies = []
    for number, label in enumerate(labels):
        handled = 100 - min(number, 90)
        tallies.append({"label": label, "n": 100, "handled": handled, "agree": handled - handled // 10})
    n, handled = 100 * len(labels), sum(each["handled"] for each in tallies)
    agree = sum(each["agree"] for each in tallies)

    def row(number, label):
        return {"row": number, "label": label, "predicted": labels[0], "score": 0.75} | ({"text": text} if text else {})

    pair = {"handled": row(1, labels[0]), "deferred": row(2, labels[0])}
    bins = [0, 0.25, 0.5, 0.75, 1.0]
    stage = {
        "surrogate": "logreg",
        "acceptor": "logistic",
        "threshold": 0.6,
        "scores": {"edges": bins, "agree": [1, 5, 20, 300], "disagree": [9, 8, 6, 12]},
        "reliability": [
            {"low": low, "high": low + 0.25, "n": 50, "mean_score": low + 0.1, "agree": round(50 * (low + 0.15))}
            for low in bins[:-1]
        ],
    }
    flow = [
        part
        for each in tallies
        for part in (
            {"label": each["label"], "to": "stage 1", "n": each["handled"], "agree": each["agree"]},
            {"label": each["label"], "to": "teacher", "n": 100 - each["handled"], "agree": None},
        )
        if part["n"]
    ]
    parts = [
        {"name": name, "n": 50, "handled": 40, "agree": 38, "interval": [0.83, 0.99]} for name in ("1-20", "21-60")
    ]
    regions = [{**each, "name": f"region {k}", "labels": list(labels[:3])} for k, each in enumerate(parts, 1)]
    return {
        "schema_version": 1,
        "rows": "fit, out of fold",
        "n": n,
        "handled": handled,
        "agree": agree,
        "interval_confidence": 0.95,
        "labels": tallies,
        "n_unknown_labels": 2,
        "unknown_labels": {labels[-1]: 2} if text else {},
        "slices": [
            {"by": "length", "parts": parts},
            {"by": "region", "parts": regions},
        ],
        "flow": flow,
        "reasons": {"handled": handled, "low_score": n - handled, "out_of_distribution": 0, "denied_label": 0},
        "guards": [{"guard": "prototypes", "refused": 7, "would_agree": 3}],
        "confusions": [{"teacher": labels[0], "surrogate": labels[-1], "n": 9, "handled": 4}],
        "stages": [stage, {**stage, "surrogate": "mlp", "threshold": 0.4}],
        "boundary": [{"label": labels[0], "similarity": 0.91, **pair}],
        "examples": {"handled": [row(3, labels[0])], "deferred": [row(4, labels[-1])]},
        "suspects": [{"similarity": 0.999, "a": row(5, labels[0]), "b": row(6, labels[-1])}],
        "cost": {"teacher_usd_per_1k": 2.0, "requests_per_day": 10_000},
    }


def bundle(*, spec="version: 1\nname: support-intents\n", manifest=None, thresholds=bundles.THRESHOLDS, **members):
    """Return a bundle of these documents, read as from a file, whose graph has these thresholds."""
    named = {f"{name}.json": json.dumps(document).encode() for name, document in members.items()}
    graph = bundles.policy_onnx(bundles.graph_text(thresholds=thresholds))
    contents = bundles.members(**named, **{"router.yaml": spec.encode(), "policy.onnx": graph})
    return parse_bundle(bundles.forge(manifest, contents))


def full(labels=("card_arrival", "top_up", "fraud_report"), *, text=None, **changes):
    """Return a bundle that has something for every section."""
    return bundle(certificate=certificate(), frontier=frontier(), audit=audit(labels, text=text), **changes)

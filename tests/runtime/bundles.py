"""Small real bundles, and forged ones whose every digest is right, for the tests of the runtime.

The policy has d = 4, three labels, two stages, a guard and a denied label; :func:`oracle` is the same in
numpy.
"""

from __future__ import annotations

import hashlib
import json

import numpy as np
from onnx import parser

from tracer_spec.runtime import lsa
from tracer_spec.runtime.archive import pack
from tracer_spec.runtime.concat import Concat
from tracer_spec.runtime.field_rules import plain
from tracer_spec.runtime.manifest import EmbedderIdentity, Manifest, PartIdentity, PolicySummary, Probe, StageSummary

LABELS = ("card_arrival", "top_up", "fraud_report")
DIMENSION = 4
THRESHOLDS = (0.9, 0.7)
LIMIT = 20.0
DENIED = (False, False, True)
REASONS = ("handled", "low_score", "out_of_distribution", "denied_label", "unavailable")
W0 = np.array([[3, 0, 0], [0, 3, 0], [0, 0, 3], [0, 0, 0]], np.float32)
W1 = np.array([[0, 0, 0], [0, 0, 0], [0, 0, 2], [0, 3, 0]], np.float32)

GRAPH = """
<ir_version: 10, opset_import: ["" : 18], producer_name: "tests">
policy (float[n, 4] embedding) =>
  (int64[n] label, bool[n] handled, float[n] score, int64[n] stage, int64[n] reason)
<float[4, 3] W0 = {W0}, float[4, 3] W1 = {W1}, float t0 = {{{t0}}}, float t1 = {{{t1}}},
 float limit = {{{limit}}},
 float big = {{3.4028235e38}}, bool[3] allowed = {allowed},
 int64 int_m1 = {{-1}}, int64 int_0 = {{0}}, int64 int_1 = {{1}},
 int64 int_2 = {{2}}, int64 int_3 = {{3}}, int64 int_4 = {{4}},
 int64[1] axis = {{1}}>
{{
  squares = ReduceSumSquare<keepdims = 0>(embedding, axis)
  finite = LessOrEqual(squares, big)
  near = LessOrEqual(squares, limit)
  logits0 = MatMul(embedding, W0)
  p0 = Softmax<axis = 1>(logits0)
  top0 = ArgMax<axis = 1, keepdims = 0>(p0)
  score0 = ReduceMax<keepdims = 0>(p0, axis)
  logits1 = MatMul(embedding, W1)
  p1 = Softmax<axis = 1>(logits1)
  top1 = ArgMax<axis = 1, keepdims = 0>(p1)
  score1 = ReduceMax<keepdims = 0>(p1, axis)
  may0 = Gather(allowed, top0)
  may1 = Gather(allowed, top1)
  sure0 = GreaterOrEqual(score0, t0)
  sure1 = GreaterOrEqual(score1, t1)
  able = And(finite, near)
  yes0 = And(sure0, may0)
  yes1 = And(sure1, may1)
  handled0 = And(able, yes0)
  handled1 = And(able, yes1)
  handled = Or(handled0, handled1)
  score = Where(handled0, score0, score1)
  label1 = Where(handled1, top1, int_m1)
  label = Where(handled0, top0, label1)
  stage1 = Where(handled1, int_1, int_m1)
  stage = Where(handled0, int_0, stage1)
  why_score = Where(may1, int_1, int_3)
  why_guard = Where(near, why_score, int_2)
  why = Where(handled, int_0, why_guard)
  reason = Where(finite, why, int_4)
}}
"""


def graph_text(thresholds=THRESHOLDS, limit=LIMIT, denied=DENIED):
    """Return the policy in ONNX's text form."""
    braces = lambda values: "{" + ", ".join(str(value) for value in values) + "}"  # noqa: E731
    return GRAPH.format(
        W0=braces(W0.ravel()),
        W1=braces(W1.ravel()),
        t0=thresholds[0],
        t1=thresholds[1],
        limit=limit,
        allowed=braces(int(not each) for each in denied),
    )


def policy_onnx(text=None):
    """Return the policy, serialised."""
    return parser.parse_model(text or graph_text()).SerializeToString(deterministic=True)


def oracle(X):
    """Decide as the policy does, row by row, in float64."""
    decisions = []
    for x in np.asarray(X, np.float64):
        if not np.isfinite(x).all() or (x @ x) > 3.4028235e38:
            decisions.append((None, False, 0.0, None, "unavailable"))
            continue
        tried = []
        for position, (W, threshold) in enumerate(zip((W0, W1), THRESHOLDS, strict=True)):
            powers = np.exp(x @ W - (x @ W).max())
            p = powers / powers.sum()
            top = int(p.argmax())
            tried.append((top, float(p.max())))
            if p.max() >= threshold and not DENIED[top] and x @ x <= LIMIT:
                decisions.append((LABELS[top], True, float(p.max()), position, "handled"))
                break
        else:
            top, score = tried[-1]
            why = "out_of_distribution" if x @ x > LIMIT else "denied_label" if DENIED[top] else "low_score"
            decisions.append((None, False, score, None, why))
    return decisions


class Letters:
    """An embedder for tests: how often each of a, b, c, d occurs, times 2."""

    def embed(self, texts):
        return np.array([[2.0 * text.count(letter) for letter in "abcd"] for text in texts], np.float32).reshape(-1, 4)

    def fingerprint(self):
        return "letters-1"

    def state(self):
        return {}


PROBE = Probe(("a", "bd", ""), ((2.0, 0.0, 0.0, 0.0), (0.0, 2.0, 0.0, 2.0), (0.0, 0.0, 0.0, 0.0)))
LETTERS = EmbedderIdentity("letters", "tracer-letters", "1.0", {}, "letters-1", PROBE)
VECTORS = EmbedderIdentity("precomputed", "tracer-spec", "0.1.0", {}, "", None)


def manifest(**changes):
    """Return a manifest that has not been sealed."""
    values = {
        "name": "support-intents",
        "status": "certified",
        "spec_digest": hashlib.sha256(b"spec").hexdigest(),
        "labels": LABELS,
        "dimension": DIMENSION,
        "embedder": VECTORS,
        "policy": PolicySummary(
            "rsb",
            (
                StageSummary("logreg", "logistic", ("prototypes",), THRESHOLDS[0]),
                StageSummary("mlp", "logistic", ("prototypes",), THRESHOLDS[1]),
            ),
            ("fraud_report",),
        ),
        "provenance": {
            "traces": {"digest": "0" * 64, "n_read": 10, "n_kept": 9},
            "plugins": [],
            "libraries": {},
            "seed": 0,
        },
    }
    return Manifest(**{**values, **changes})


def members(**changes):
    """Return the members of a small bundle; keys are names with '/' as '__' and '.' as '_'."""
    values = {
        "certificate.json": b'{"schema_version":1,"status":"certified","claim":"agreement"}\n',
        "policy.onnx": policy_onnx(),
        "frontier.json": b'{"schema_version":1,"chains":[]}\n',
        "audit.json": b'{"schema_version":1,"labels":[]}\n',
        "router.yaml": b"version: 1\nname: support-intents\n",
    }
    return {**values, **changes}


def canonical(document):
    """Write JSON as bundle.json is written; an oracle of its own."""
    return json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def resealed(document, contents):
    """Return a manifest's document with digests and version made right again, as a forger would."""
    document = json.loads(json.dumps(document))
    document["members"] = {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in contents.items()
    }
    return reversioned(document)


def reversioned(document):
    """Return a manifest's document with its version made right again."""
    pinned = {key: value for key, value in document.items() if key not in ("version", "created")}
    return {**document, "version": hashlib.sha256(canonical(pinned)).hexdigest()[:12]}


def forge(document=None, contents=None):
    """Return the bytes of a bundle whose digests are all right, whatever it holds."""
    contents = members() if contents is None else contents
    document = manifest().document() if document is None else document
    return pack({"bundle.json": canonical(resealed(document, contents)) + b"\n", **contents})


def two_words(*words):
    """Return a built-in embedder that knows two words, a dimension each."""
    components = np.array([[9, 0], [0, 9], [9, 0]], np.int8)
    return lsa.Lsa(words, (words[0][:3],), np.full(3, 10, np.uint8), components, max_chars=200, chars=(3, 3))


TWO_PARTS = (two_words("card", "top"), two_words("fraud", "up"))
JOINED_PROBES = ("card", "top up", "fraud")


def lsa_identity(embedder):
    """Return what a manifest says of such a part."""
    return PartIdentity("lsa", "tracer-spec", "0.1.0", {"dim": 2}, embedder.fingerprint())


def joined(parts, identities):
    """Return the document and the members of a bundle whose embedder is made of these parts."""
    whole = Concat(tuple(parts), (2.0, 1.0))
    probe = Probe(JOINED_PROBES, tuple(tuple(map(float, vector)) for vector in whole.embed(JOINED_PROBES)))
    options = {"of": [plain(each) for each in identities], **whole.settings()}
    identity = EmbedderIdentity("concat", "tracer-spec", "0.1.0", options, whole.fingerprint(), probe)
    state = {f"embedder/{name}": content for name, content in whole.state().items()}
    certificate = b'{"schema_version":1,"status":"certified","claim":"agreement","confidence":0.95}\n'
    return manifest(embedder=identity).document(), members(**{**state, "certificate.json": certificate})

"""Signals, and an ONNX Runtime that cannot be imported, while a bundle is read, opened and run."""

from __future__ import annotations

import signal

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from tests.zygote import call
from tracer_spec.cli.failure import failure_of
from tracer_spec.cli.signals import Ended
from tracer_spec.errors import BundleError
from tracer_spec.runtime import limits
from tracer_spec.runtime.graph_check import check_graph

ENDS = [
    (signal.SIGINT, 130, "interrupted"),
    (signal.SIGTERM, 143, "ended by SIGTERM"),
    (signal.SIGHUP, 129, "ended by SIGHUP"),
]
VERBS = [["inspect"], ["route", "--text", "a"]]
# meets SIGHUP, which a run under nohup ignores and hands down
HANGS_UP = "import signal\nsignal.signal(signal.SIGHUP, signal.SIG_DFL)\n"
# ends itself at an event: the signal comes while the function of C that is named second runs, or right after the first
PROGRAM = f"""{HANGS_UP}
import os, signal, sys

number, event = int(sys.argv.pop(1)), sys.argv.pop(1)

def met():
    sys.setprofile(None)
    print("met", file=sys.stderr, flush=True)
    os.kill(os.getpid(), number)

def on_audit(name, arguments):
    if name == "open" and str(arguments[0]).endswith(".tracer") and event == "open":
        met()

def on_call(frame, kind, called):
    if kind == "c_call" and called.__name__ == event or kind == "call" and frame.f_code.co_name == event:
        met()

sys.addaudithook(on_audit)
from tracer_spec.cli import main
if event != "open":
    sys.setprofile(on_call)
sys.exit(main())
"""


def slowest(bundles):
    """Return a policy that takes as many nodes as it may, a forest as large as it may be, and products of constants."""
    model = onnx.load_from_string(bundles.policy_onnx())
    model.opset_import.add(domain="ai.onnx.ml", version=3)
    n = (limits.TREE_NODES - 2) // 3 * 3
    nodes = np.tile([0, 1, 2], n // 3)
    forest = helper.make_node(
        "TreeEnsembleRegressor", ["embedding"], ["forest"], domain="ai.onnx.ml", n_targets=1,
        nodes_treeids=np.repeat(np.arange(n // 3), 3), nodes_nodeids=nodes, nodes_featureids=np.zeros(n, int),
        nodes_truenodeids=np.tile([1, 0, 0], n // 3), nodes_falsenodeids=np.tile([2, 0, 0], n // 3),
        nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"] * (n // 3), nodes_values=np.zeros(n),
        target_treeids=[0], target_nodeids=[1], target_ids=[0], target_weights=[1.0],
    )  # fmt: skip
    products = [helper.make_node("MatMul", ["square", f"m{i}"], [f"m{i + 1}"]) for i in range(2)]
    chain = [helper.make_node("Abs", [f"a{i}"], [f"a{i + 1}"]) for i in range(4000)]
    ends = [helper.make_node("ReduceSum", [name], [f"{name}_sum"], keepdims=0) for name in ("forest", "m2", "a4000")]
    total = helper.make_node("Sum", [end.output[0] for end in ends], ["total"])
    nothing = helper.make_node("Mul", ["total", "zero"], ["nothing"])
    for node in model.graph.node:
        node.output[:] = ["own_score" if name == "score" else name for name in node.output]
    last = helper.make_node("Add", ["own_score", "nothing"], ["score"])
    model.graph.node.extend([forest, *products, *chain, *ends, total, nothing, last])
    square = np.full((800, 800), 1e-3, np.float32)
    constants = {"square": square, "m0": square, "a0": np.float32([1.0]), "zero": np.float32(0)}
    model.graph.initializer.extend(numpy_helper.from_array(np.asarray(each), name) for name, each in constants.items())
    return model.SerializeToString()


@pytest.fixture(scope="module")
def slow_model(bundles):
    return slowest(bundles)


@pytest.fixture(scope="module")
def slow(bundles, slow_model, tmp_path_factory):
    """The bundle of the slowest graph; it needs no embedder to be inspected."""
    contents = {**bundles.members(), "policy.onnx": slow_model}
    place = tmp_path_factory.mktemp("slow") / "slow.tracer"
    place.write_bytes(bundles.forge(contents=contents))
    return place


def test_the_slowest_graph_is_near_the_bounds(slow_model):
    check_graph(slow_model)
    more = onnx.load_from_string(slow_model)
    more.graph.node.extend(helper.make_node("Abs", ["zero"], [f"b{i}"]) for i in range(3000))
    with pytest.raises(BundleError, match="takes too long to compute"):
        check_graph(more.SerializeToString())


@pytest.mark.parametrize(
    ("event", "number", "code", "cause"),
    [(event, *ENDS[0]) for event in ("open", "fullmatch", "check_cost", "lexsort", "run")]
    + [("initialize_session", *each) for each in ENDS[:2]]  # it takes longest to get there
    + [("open", *ENDS[2])],
)
def test_a_signal_ends_inspect_of_the_slowest_graph(slow, tmp_path, event, number, code, cause):
    done = call(str(number.value), event, "inspect", str(slow), cwd=tmp_path, before=PROGRAM)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr == f"met\n{cause}; nothing was written\n"


# as pybind11 does where it is interrupted: what it raises has the interrupt as its cause
INTERRUPTED = """
import os
try:
    os.kill(os.getpid(), {number})
except BaseException as error:
    raise ImportError("initialization failed") from error
"""


@pytest.mark.parametrize(("number", "code", "cause"), ENDS)
@pytest.mark.parametrize("verb", VERBS)
def test_a_signal_while_onnxruntime_is_imported_is_no_fault_of_a_bundle(
    good, save, tmp_path, verb, number, code, cause
):
    (tmp_path / "onnxruntime").mkdir()
    (tmp_path / "onnxruntime" / "__init__.py").write_text(INTERRUPTED.format(number=number.value))
    done = call(verb[0], str(save(good)), *verb[1:], cwd=tmp_path, before=HANGS_UP)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr == f"{cause}; nothing was written\n"


def test_an_interrupt_is_told_where_a_library_raises_another_error_in_its_place():
    for interrupt, code in ((KeyboardInterrupt(), 130), (Ended(signal.SIGTERM), 143), (Ended(signal.SIGHUP), 129)):
        dressed = ImportError("initialization failed", name="sklearn._loss")
        dressed.__cause__ = interrupt
        for error in (dressed, BundleError("does not load")):
            error.__context__ = interrupt if error is not dressed else None
            assert failure_of(error).exit_code == code
    assert failure_of(ImportError("no", name="sklearn")).exit_code == 1


@pytest.mark.parametrize(
    "raised", ["ImportError('initialization failed')", "AttributeError('_ARRAY_API')", "SystemError('no result')"]
)
@pytest.mark.parametrize("verb", VERBS)
def test_an_onnxruntime_that_does_not_fit_is_no_fault_of_a_bundle(good, save, tmp_path, verb, raised):
    (tmp_path / "onnxruntime").mkdir()
    (tmp_path / "onnxruntime" / "__init__.py").write_text(f"raise {raised}\n")
    done = call(verb[0], str(save(good)), *verb[1:], cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("onnxruntime cannot be imported: ")
    assert "pip install --upgrade numpy onnxruntime" in done.stderr

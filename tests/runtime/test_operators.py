"""The list of operators that a bundle's graph may use, in step with what the compiler and the learners write."""

from __future__ import annotations

import contextlib

import numpy as np
import onnx
import pytest

from tracer_spec.errors import PluginError
from tracer_spec.flow.compile import compile_policy
from tracer_spec.graph.average import average
from tracer_spec.graph.walk import all_nodes
from tracer_spec.plugin import Evidence, Fence, Model, Stage
from tracer_spec.plugin.registry import find_plugins
from tracer_spec.runtime.graph_check import check_graph
from tracer_spec.runtime.graph_operators import OPERATORS

D, K = 6, 4
RNG = np.random.default_rng(0)
X = RNG.normal(size=(160, D)).astype(np.float32)
Y = np.argmax(X[:, :K] + 0.1 * RNG.normal(size=(160, K)), axis=1)


def provided(kind):
    return [each.plugin for each in find_plugins().provided if each.kind == kind and each.distribution == "tracer-spec"]


def trained(plugin, y):
    part = plugin.make(plugin.options())
    return part.fit(X, y, n_classes=K, seed=0).to_onnx().SerializeToString(deterministic=True)


def operators(graph):
    return {(node.domain, node.op_type) for node in all_nodes(onnx.load_from_string(graph).graph.node)}


@pytest.fixture(scope="module")
def surrogates():
    """One of each built-in learner: on all classes, with one missing, and with one alone."""
    graphs = []
    for plugin in provided("surrogate"):
        for y in (Y, np.where(Y == 1, 0, Y), np.full(len(Y), 2)):
            with contextlib.suppress(PluginError):  # one that lacks its package, or cannot learn one class
                graphs.append(trained(plugin, y))
    return graphs


def test_what_the_compiler_and_the_learners_write_is_on_the_list(surrogates):
    (guard,) = provided("guard")
    fence = Fence(Model("guard", trained(guard, Y)), 1.0)
    mixed = average(surrogates[:3]).SerializeToString()
    scores = np.eye(K, dtype=np.float32)[Y]
    agrees = RNG.random(len(Y)) < 0.7
    votes = RNG.random((len(Y), 2)).astype(np.float32)

    def accepting(acceptor, votes):
        part = acceptor.make(acceptor.options())
        fitted = part.fit(Evidence(X=X, scores=scores, agrees=agrees, y=Y, votes=votes), seed=0)
        return Model("acceptor", fitted.to_onnx().SerializeToString(deterministic=True))

    stages = [
        Stage(Model("s", graph), accepting(acceptor, None), 0.5, (fence,))
        for graph in surrogates
        for acceptor in provided("acceptor")
    ]
    policies = [
        *((stage,) for stage in stages),
        (Stage(Model("s", surrogates[0]), None, 0.0),),
        *((Stage(Model("mean", mixed), accepting(each, votes), 0.5), *stages[:2]) for each in provided("acceptor")),
    ]
    written = set()
    for policy in policies:
        for denied in ([False] * K, [True] + [False] * (K - 1)):
            for is_open in (False, True):
                graph = compile_policy(policy, dimension=D, denied=denied, open_thresholds=is_open)
                model = graph.SerializeToString(deterministic=True)
                check_graph(model)
                written |= operators(model)
    assert {"If", "NonZero", "ScatterElements", "GatherElements", "TreeEnsembleRegressor"} <= {op for _, op in written}
    assert written <= set(OPERATORS)


def test_what_converters_of_plugins_write_is_on_the_list():
    from skl2onnx import to_onnx
    from sklearn import calibration, discriminant_analysis, ensemble, linear_model, naive_bayes, neural_network, svm
    from sklearn.decomposition import PCA
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import Normalizer, StandardScaler

    for model in (
        linear_model.SGDClassifier(loss="log_loss"),
        naive_bayes.GaussianNB(),
        discriminant_analysis.QuadraticDiscriminantAnalysis(),
        ensemble.AdaBoostClassifier(n_estimators=3),
        ensemble.RandomForestClassifier(5),
        neural_network.MLPClassifier((5,), max_iter=2000),
        calibration.CalibratedClassifierCV(svm.LinearSVC(), cv=2, method="isotonic"),
        make_pipeline(StandardScaler(), PCA(3), Normalizer(), linear_model.LogisticRegression()),
    ):
        model.set_params(**({"random_state": 0} if "random_state" in model.get_params() else {}))
        fitted = model.fit(X, Y)
        graph = to_onnx(fitted, X[:1], options={id(fitted): {"zipmap": False}}, target_opset={"": 18, "ai.onnx.ml": 3})
        check_graph(graph.SerializeToString())

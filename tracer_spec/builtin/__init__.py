"""The built-in plugins, found by the entry point group ``tracer_spec`` as any other."""

from __future__ import annotations

from functools import partial

from tracer_spec.plugin import (
    AcceptorLearner,
    CalibratorPlugin,
    Embedder,
    Family,
    Fittable,
    GuardLearner,
    Plugin,
    Source,
    SurrogateLearner,
    VectorReaderPlugin,
    hookimpl,
)
from tracer_spec.plugin.joining import JoiningPlugin


@hookimpl
def tracer_spec_sources() -> list[Plugin[Source]]:
    """Return the built-in trace sources."""
    from tracer_spec.builtin.sources import delimited, json_document, json_lines, parquet

    return [
        Plugin(
            "jsonl",
            "JSON Lines files: one object per line, compressed or not",
            json_lines.JsonLines,
            json_lines.JsonLinesOptions,
        ),
        Plugin(
            "json",
            "JSON files: objects, or lists of them, compressed or not",
            json_document.JsonDocuments,
            json_document.JsonOptions,
        ),
        Plugin(
            "csv",
            "delimited text files with named columns, compressed or not",
            delimited.Csv,
            delimited.CsvOptions,
        ),
        Plugin("parquet", "Parquet files (needs pyarrow)", parquet.make, parquet.ParquetOptions),
    ]


@hookimpl
def tracer_spec_embedders() -> list[Plugin[Embedder | Fittable] | VectorReaderPlugin | JoiningPlugin]:
    """Return the built-in embedders."""
    from tracer_spec.builtin.embedders import concat, lsa, precomputed

    return [
        Plugin("lsa", "latent semantic analysis of words and character n-grams", lsa.LsaLearner, lsa.LsaOptions),
        JoiningPlugin(
            "concat",
            "several embedders side by side, as one",
            concat.ConcatJoiner,
            concat.ConcatOptions,
            parts=concat.parts_of,
        ),
        VectorReaderPlugin(
            "precomputed",
            "vectors of another model, read beside the traces; the app brings its own",
            precomputed.make,
            precomputed.PrecomputedOptions,
            column=lambda options: options.column,
        ),
    ]


@hookimpl
def tracer_spec_surrogates() -> list[Plugin[SurrogateLearner]]:
    """Return the built-in surrogates; nothing heavy is imported before one is trained."""
    from tracer_spec.builtin.surrogates import forest, gbt, linear, mlp, xgb
    from tracer_spec.builtin.surrogates.learner import Learner

    return [
        Plugin(
            "logreg",
            "multinomial logistic regression: fast, small, hard to beat on good embeddings",
            partial(Learner, "logreg", linear.LOGREG),
            linear.LogregOptions,
            takes_weights=True,
        ),
        Plugin(
            "sgd",
            "one-against-all logistic regression by averaged stochastic gradient descent",
            partial(Learner, "sgd", linear.SGD),
            linear.SgdOptions,
            takes_weights=True,
        ),
        Plugin(
            "mlp",
            "a multi-layer perceptron of one or two hidden layers",
            partial(Learner, "mlp", mlp.MLP),
            mlp.MlpOptions,
            takes_weights=True,
        ),
        Plugin("dt", "one decision tree", partial(Learner, "dt", forest.DT), forest.DtOptions, takes_weights=True),
        Plugin(
            "et",
            "a forest of extremely randomised trees",
            partial(Learner, "et", forest.ET),
            forest.EtOptions,
            takes_weights=True,
        ),
        Plugin("rf", "a random forest", partial(Learner, "rf", forest.RF), forest.RfOptions, takes_weights=True),
        Plugin(
            "gbt",
            "gradient-boosted trees by scikit-learn; for a handful of classes (more: xgboost)",
            partial(Learner, "gbt", gbt.GBT),
            gbt.GbtOptions,
            takes_weights=True,
        ),
        Plugin(
            "xgboost",
            "gradient-boosted trees by XGBoost (optional dependency)",
            xgb.make,
            xgb.XgboostOptions,
            takes_weights=True,
        ),
    ]


@hookimpl
def tracer_spec_acceptors() -> list[Plugin[AcceptorLearner]]:
    """Return the built-in acceptors."""
    from tracer_spec.builtin.acceptors.logistic import LogisticLearner, LogisticOptions
    from tracer_spec.builtin.acceptors.neighbours import NeighboursLearner, NeighboursOptions

    return [
        Plugin(
            "logistic",
            "logistic regression on the two best scores and the entropy",
            LogisticLearner,
            LogisticOptions,
            takes_weights=True,
        ),
        Plugin(
            "neighbours",
            "the same, and how near the request is to fit rows of the two best labels",
            NeighboursLearner,
            NeighboursOptions,
            takes_weights=True,
        ),
    ]


@hookimpl
def tracer_spec_guards() -> list[Plugin[GuardLearner]]:
    """Return the built-in guards."""
    from tracer_spec.builtin.guards.prototypes import PrototypesLearner, PrototypesOptions

    summary = "distance to the nearest k-means prototype of the predicted label"
    return [Plugin("prototypes", summary, PrototypesLearner, PrototypesOptions)]


@hookimpl
def tracer_spec_families() -> list[Plugin[Family]]:
    """Return the built-in families of policies."""
    from tracer_spec.builtin.families.global_ import Global
    from tracer_spec.builtin.families.l2d import L2D
    from tracer_spec.builtin.families.rsb import RSB

    return [
        Plugin("global", "one surrogate that accepts all", lambda _: Global()),
        Plugin("l2d", "one surrogate behind a calibrated acceptor", lambda _: L2D()),
        Plugin("rsb", "a second surrogate, trained on what the first defers", lambda _: RSB()),
    ]


@hookimpl
def tracer_spec_calibrators() -> list[CalibratorPlugin]:
    """Return the built-in calibrators."""
    from tracer_spec.builtin.calibrators.empirical import Empirical
    from tracer_spec.builtin.calibrators.pareto_testing import ParetoTesting
    from tracer_spec.builtin.calibrators.risk_control import RiskControl

    return [
        CalibratorPlugin(
            "pareto-testing",
            "certifies the agreement of what is handled: exact tests along one chain, one error budget for all",
            lambda _: ParetoTesting(),
            tests_labels=True,
            tests_ranks=True,
        ),
        CalibratorPlugin(
            "risk-control",
            "certifies the share of all traffic that gets the teacher's label (target.end_to_end)",
            lambda _: RiskControl(),
            measure="end_to_end",
        ),
        CalibratorPlugin(
            "empirical",
            "no confidence: the largest coverage that reached the target on the rows it was chosen on",
            lambda _: Empirical(),
            tests=False,
        ),
    ]

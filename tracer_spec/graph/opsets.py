"""Conversion of a graph to the operator sets that this project writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx

from tracer_spec.errors import PluginError
from tracer_spec.graph.target import IR_VERSION, OPSETS
from tracer_spec.graph.walk import all_nodes

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

_DEFAULT = "ai.onnx"  # the long name of the default domain
_ML = "ai.onnx.ml"
# their versions 1, 3 and 5 mean the same; 3 only adds other ways to write the same numbers
_SAME_IN_ALL_VERSIONS = frozenset(((_ML, "TreeEnsembleClassifier"), (_ML, "TreeEnsembleRegressor")))


def retarget(model: ModelProto) -> ModelProto:
    """Return a copy of a model whose operators are those of :data:`~tracer_spec.graph.target.OPSETS`, one entry for each.

    Where every operator means the same in both versions, only the version's number changes. Otherwise ONNX's own
    converter is asked.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for node in all_nodes(copy.graph.node):
        node.domain = _domain(node.domain)
        if node.domain not in OPSETS:
            allowed = ", ".join(domain or _DEFAULT for domain in sorted(OPSETS))
            raise PluginError(
                f"the graph uses {node.op_type} of the domain '{node.domain}'; allowed: {allowed}",
                hint="export standard ONNX operators alone",
            )
    versions = _versions(copy)
    changed = {node.domain for node in all_nodes(copy.graph.node) if not _means_the_same(node, versions)}
    if _ML in changed:
        raise _ask_the_converter(
            f"the graph uses operators of {_ML} {versions[_ML]} that differ from version {OPSETS[_ML]}"
        )
    if changed:
        copy = _converted(copy, versions[""])
    copy.ir_version = IR_VERSION
    del copy.opset_import[:]
    copy.opset_import.extend(onnx.helper.make_opsetid(domain, OPSETS[domain]) for domain in sorted(OPSETS))
    return copy


def _domain(name: str) -> str:
    """Return the short form of a domain."""
    return "" if name == _DEFAULT else name


def _versions(model: ModelProto) -> dict[str, int]:
    """Return the version of each domain; converters repeat entries, which is harmless while they agree."""
    versions: dict[str, int] = {}
    for each in model.opset_import:
        domain = _domain(each.domain)
        if versions.setdefault(domain, each.version) != each.version:
            raise _ask_the_converter(
                f"the graph imports {domain or _DEFAULT} as version {versions[domain]} and as {each.version}"
            )
    return versions


def _means_the_same(node: NodeProto, versions: dict[str, int]) -> bool:
    """Say whether an operator is the same in the version it was written for and the one wanted."""
    if (node.domain, node.op_type) in _SAME_IN_ALL_VERSIONS:
        return True
    if node.domain not in versions:
        raise _ask_the_converter(f"the graph uses {node.op_type} but does not import {node.domain or _DEFAULT}")
    written, wanted = (_since(node, version) for version in (versions[node.domain], OPSETS[node.domain]))
    if written is None:
        raise _ask_the_converter(
            f"the graph imports {node.domain or _DEFAULT} {versions[node.domain]}: no {node.op_type}"
        )
    return written == wanted


def _since(node: NodeProto, version: int) -> int | None:
    """Return the version in which an operator last changed, as of ``version``; None before there was one."""
    try:
        return onnx.defs.get_schema(node.op_type, version, node.domain).since_version
    except onnx.defs.SchemaError:
        return None


def _converted(model: ModelProto, version: int) -> ModelProto:
    """Let ONNX's own converter change operators."""
    try:
        return onnx.version_converter.convert_version(model, OPSETS[""])
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        what = f"the graph is of {_DEFAULT} {version} and cannot be brought to {OPSETS['']}: {reason}"
        raise _ask_the_converter(what) from error


def _ask_the_converter(what: str) -> PluginError:
    return PluginError(what, hint=f"ask the converter for target_opset={OPSETS}")

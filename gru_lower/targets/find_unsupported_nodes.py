"""Nodes of a model that a target does not support, each with the limit it breaks and what would help.

====== ====================================================================
GL452  a GRU that the target does not run right
GL453  an operator the target does not take, or not here
====== ====================================================================

The same findings have other codes where a model is only looked at (``gru-lower check``).
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Literal

import onnx
from onnx import TensorProto, helper

from gru_lower.graph import fixed_dims
from gru_lower.graph.scopes import is_onnx, walk
from gru_lower.gru.parse_node import parse
from gru_lower.light_dataclass import dataclass
from gru_lower.targets.alike_axes import alike_axes
from gru_lower.targets.gru_options import options_at
from gru_lower.targets.helpful_flags import helpful_flags
from gru_lower.targets.judge_gru import judge

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from onnx import NodeProto

    from gru_lower.graph.facts import Facts
    from gru_lower.graph.model import Model
    from gru_lower.graph.scopes import Scope
    from gru_lower.targets.profile import OpLimit, Profile

ANOTHER = "remove it from the model, or use another target"
SCAN_DIRECTIONS = ("scan_input_directions", "scan_output_directions")


@dataclass(frozen=True)
class UnsupportedNode:
    """One node that breaks one limit of a target.

    Attributes:
        kind: What is in the way: a GRU that would be wrong, rejected, or that nobody tried; or an operator.
        scope: The scope's path.
        site: The node's id.
        message: What the target makes of it.
        hint: What would help.

    """

    kind: Literal["wrong", "rejected", "unknown", "operator"]
    scope: str
    site: str
    message: str
    hint: str


def find_unsupported_nodes(model: Model, profile: Profile, facts: Facts) -> Iterator[UnsupportedNode]:
    """Yield every node that a target does not support.

    Args:
        model: The model, as it is.
        profile: The target.
        facts: What is known of the model's values.

    """
    open_dims = fixed_dims.open_dims(model)
    for scope in walk(model.proto):
        for index, node in enumerate(scope.nodes):
            if is_onnx(node, "GRU"):
                yield from _gru(scope, index, profile, facts, open_dims)
            elif is_onnx(node):
                for message, hint in _operator(scope, node, profile, facts, open_dims):
                    yield UnsupportedNode("operator", scope.path, scope.site(index), f"{node.op_type}: {message}", hint)


def _gru(
    scope: Scope, index: int, profile: Profile, facts: Facts, open_dims: Collection[str]
) -> Iterator[UnsupportedNode]:
    spec = parse(scope, index, facts).spec
    if spec is None:
        yield UnsupportedNode(
            "unknown", scope.path, scope.site(index), "this GRU cannot be understood", "see gru-lower inspect"
        )
        return
    options = options_at(scope, index, spec, facts)
    found = judge(profile, "gru", options)
    if found.verdict != "right":
        dims = facts.shape(scope, spec.inputs["X"]) or ()
        names = [dim or f"{spec.inputs['X']}:{axis}" for axis, dim in enumerate(dims) if not isinstance(dim, int)]
        near = [name for name in names if name in open_dims]
        given = facts.input_behind_casts(scope, spec.inputs["sequence_lens"]) if "sequence_lens" in spec.inputs else ""
        lengths = f"--set {shlex.quote(f'{given}={fixed_dims.placeholder(open_dims)}')}" if given else ""
        hint = helpful_flags(options, profile, fixed_dims.flags(near or open_dims), lengths)
        yield UnsupportedNode(found.verdict, scope.path, scope.site(index), found.why, hint)
    elif alike := alike_axes(profile, scope, spec):
        message = f"{profile.label} mistakes axes of one length for each other: {alike}"
        yield UnsupportedNode("wrong", scope.path, scope.site(index), message, "use another batch size or length")


def _operator(
    scope: Scope, node: NodeProto, profile: Profile, facts: Facts, open_dims: Collection[str]
) -> Iterator[tuple[str, str]]:
    op = node.op_type
    if not onnx.defs.has(op) and scope.opset <= onnx.defs.onnx_opset_version():
        yield "ONNX has no such operator, and runtimes refuse it", "export the model again, with a newer exporter"
        return
    if op in profile.forbid or (profile.allow and op not in profile.allow):
        yield f"{profile.label} does not take it", ANOTHER
        return
    if op in ("Scan", "Loop"):
        static = f"add {fixed_dims.flags(open_dims)}" if open_dims else ANOTHER
        yield from _control_flow(scope, node, profile, facts, static)
    limit = profile.ops.get(op)
    if limit is not None:
        yield from _limit(scope, node, limit, profile, facts)


def _control_flow(
    scope: Scope, node: NodeProto, profile: Profile, facts: Facts, static: str
) -> Iterator[tuple[str, str]]:
    flow = profile.control_flow
    if not (flow.scan if node.op_type == "Scan" else flow.loop):
        yield f"{profile.label} does not take it", ANOTHER
        return
    attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    if not flow.reverse and any(direction for key in SCAN_DIRECTIONS for direction in attributes.get(key, ())):
        yield f"{profile.label} takes none that runs backwards", ANOTHER
    if flow.dynamic_trip_count:
        return
    if node.op_type == "Loop":
        known = bool(node.input[0]) and facts.constant(scope, node.input[0]) is not None
        static = static if _is_made_of_sizes(scope, node.input[0]) else ANOTHER
    else:
        shape = facts.shape(scope, node.input[-1])
        known = shape is not None and all(isinstance(dim, int) for dim in shape)
    if not known:
        yield f"{profile.label} takes none whose number of turns is dynamic", static


def _is_made_of_sizes(scope: Scope, name: str) -> bool:
    """Whether the length of some axis is in a value."""
    seen, pending = set[str](), [name]
    while pending:
        each = pending.pop()
        home = scope.find(each) if each and each not in seen else None
        seen.add(each)
        if home is not None and each in home.producers:
            node = home.nodes[home.producers[each]]
            if node.op_type in ("Shape", "Size"):
                return True
            pending += node.input
    return False


def _limit(scope: Scope, node: NodeProto, limit: OpLimit, profile: Profile, facts: Facts) -> Iterator[tuple[str, str]]:
    names = [name for name in node.input if name]
    if limit.opset and not limit.opset[0] <= scope.opset <= limit.opset[1]:
        oldest, newest = limit.opset
        helps = oldest <= profile.best_opset <= newest
        raised = f"add --opset {profile.best_opset}" if helps else ANOTHER
        yield f"{profile.label} takes it at opset {oldest} to {newest}; this one is {scope.opset}", raised
    kind = facts.elem_type(scope, names[0]) if names else 0
    spelled = TensorProto.DataType.Name(kind).lower() if kind else ""
    dtype = {"float": "float32", "double": "float64"}.get(spelled, spelled)
    if limit.types and dtype and dtype not in limit.types:
        yield f"{profile.label} takes it of {', '.join(limit.types)}; this one is of {dtype}", "cast its inputs"
    if limit.max_rank is not None:
        ranks = [len(shape) for name in names if (shape := facts.shape(scope, name)) is not None]
        if max(ranks, default=0) > limit.max_rank:
            hint = "reshape its inputs to fewer axes"
            yield f"{profile.label} takes it up to rank {limit.max_rank}; this one has {max(ranks)}", hint
    # What is computed of constants is none here: the target computes it, too.
    if not limit.constants and names and all(facts.stored(scope, name).tensor is not None for name in names):
        yield f"{profile.label} does not take it of constants alone", "fold the constants first"

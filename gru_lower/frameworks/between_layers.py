"""What stands between GRUs, and behind the last one: whether Y goes on as the next one's X, and how directions merge.

Transposes, reshapes and the like can be spelled in many ways, so they are not matched but run: on a Y of random
numbers they have to give what one of the known ways of putting it together gives.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import helper
from onnx.reference import ReferenceEvaluator

from gru_lower.errors import Unsupported
from gru_lower.frameworks.gru_stack import Gru, Stack
from gru_lower.frameworks.layer_cell import MERGES
from gru_lower.graph.external_data import is_external
from gru_lower.graph.scopes import is_onnx

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gru_lower.frameworks.layer_cell import Array, Merge
    from gru_lower.graph.scopes import Scope

VIEWS = {
    *("Concat", "Constant", "Gather", "Identity", "Reshape", "Shape", "Slice", "Split", "Squeeze", "Transpose"),
    *("Add", "Div", "Mul", "ReduceMean", "ReduceProd", "ReduceSum", "Unsqueeze"),
}
"""Operators that only rearrange, add or multiply."""
T, B = 3, 2
"""Sizes to run on where the model's are not static."""
CLOSE = 0.02
"""Half precision differs by less than this, and one way of merging from another by more."""
Way = tuple[str, bool]
"""How directions merge (``"left"``, ``"right"``: one alone), and whether time is turned round."""


def stack(scopes: Sequence[Scope], grus: Sequence[Gru]) -> Stack:
    """Put GRUs together, with what is known of their surroundings.

    Args:
        scopes: Where each stands.
        grus: Them, in the order of the nodes.

    Raises:
        Unsupported: There are several and they are no stack.

    """
    if any(scope.path != scopes[0].path for scope in scopes):
        raise _apart(grus[0], next(gru for gru, s in zip(grus, scopes, strict=True) if s.path != scopes[0].path))
    scope, linked = scopes[0], []
    for gru, after in itertools.pairwise(grus):
        way = _way(scope, gru, after.spec.inputs["X"], states=False, batch_major=bool(after.spec.layout))
        if way is None or way[0] in ("left", "right"):
            raise _apart(gru, after)
        linked.append(_with(gru, way))
    return Stack((*linked, _last(scope, grus[-1])), batch_first=_batch_first(scope, grus[0]))


def _apart(one: Gru, other: Gru) -> Unsupported:
    return Unsupported(
        f"the model holds several GRUs, and {other.site} does not take Y of {one.site} as its X",
        code="GL606",
        hint=f"name the one meant: --node {one.site}, or node=...",
    )


def _with(gru: Gru, way: Way) -> Gru:
    merge: Merge | None = next((known for known in MERGES if known == way[0]), None)
    return replace(gru, merge=merge, flipped=way[1])


def _last(scope: Scope, gru: Gru) -> Gru:
    """Find an output of the graph that is the last GRU's, and how it was made of it."""
    for name in scope.outputs:
        for states in (False, True):
            for batch_major in (False, True):
                way = _way(scope, gru, name, states=states, batch_major=batch_major)
                if way is not None:
                    return _with(gru, way)
    return gru


def _batch_first(scope: Scope, gru: Gru) -> bool:
    """Whether X is batch-major, or the transpose of an input."""
    name = gru.spec.inputs["X"]
    swaps = gru.spec.layout
    while name in scope.producers:
        node = scope.nodes[scope.producers[name]]
        perm = [list(attribute.ints) for attribute in node.attribute if attribute.name == "perm"]
        if not is_onnx(node, "Transpose") or perm != [[1, 0, 2]]:
            break
        name, swaps = node.input[0], swaps + 1
    return swaps % 2 == 1


def _way(scope: Scope, gru: Gru, target: str, *, states: bool, batch_major: bool) -> Way | None:
    """Tell how a value is made of Y, or of Y_h; ``None`` if it is not, or in no known way."""
    source = gru.spec.Y_h if states else gru.spec.Y
    nodes = _between(scope, source, target) if source else None
    if nodes is None:
        return None
    D, H = gru.spec.num_directions, gru.spec.hidden_size
    steps, batch = gru.spec.seq_length or T, gru.spec.batch_size or B
    shape = (D, batch, H) if states else (steps, D, batch, H)
    values = np.random.default_rng(0).uniform(1, 2, shape).astype(gru.W.dtype)
    fed = values if not gru.spec.layout else values.transpose((1, 0, 2) if states else (2, 0, 1, 3))
    try:
        actual = _run(scope, nodes, source, target, np.ascontiguousarray(fed))
    except (ValueError, IndexError, RuntimeError):  # such as a Reshape written for other sizes than these: no known way
        return None
    for way, wanted in _ways(list(np.moveaxis(values.astype(np.float64), -3, 0)), states=states):
        arranged = wanted.swapaxes(0, 1) if batch_major and not states else wanted
        if actual.shape == arranged.shape and np.allclose(actual.astype(np.float64), arranged, atol=CLOSE):
            return way
    return None


def _ways(halves: list[Array], *, states: bool) -> Iterator[tuple[Way, Array]]:
    """Yield every known way with what it makes of one or two arrays [T,B,H], or [B,H] for states."""
    for flipped in (False,) if states else (False, True):
        parts = [half[::-1] for half in halves] if flipped else halves
        if len(parts) == 1:
            yield ("concat", flipped), parts[0]
            continue
        left, right = parts
        yield ("concat", flipped), np.concatenate(parts, axis=-1)
        yield ("sum", flipped), left + right
        yield ("mul", flipped), left * right
        yield ("ave", flipped), (left + right) / 2
        yield ("left", flipped), left
        yield ("right", flipped), right


def computed(scope: Scope, name: str) -> Array | None:
    """Return a value that is rearranged of constants, as some exporters leave weights, or ``None``."""
    nodes = _between(scope, "", name)
    if not nodes:
        return None
    used = {name for node in nodes for name in node.input}
    tensors = [tensor for key, tensor in scope.initializers.items() if key in used]
    if any(is_external(tensor) for tensor in tensors):
        return None
    kind = tensors[0].data_type if tensors else onnx.TensorProto.FLOAT
    graph = helper.make_graph(nodes, "constant", [], [helper.make_tensor_value_info(name, kind, None)], tensors)
    return _evaluated(scope, graph, {})


def _between(scope: Scope, source: str, target: str) -> list[onnx.NodeProto] | None:
    """Return the nodes that make a value of another one and constants alone, in order; of constants for no source."""
    indices: set[int] = set()
    open_names, reached = [target], target == source or not source
    while open_names:
        name = open_names.pop()
        if not name or name in scope.initializers:
            continue
        if name == source:
            reached = True
            continue
        index = scope.producers.get(name)
        if index is None or not (is_onnx(scope.nodes[index]) and scope.nodes[index].op_type in VIEWS):
            return None
        if index not in indices:
            indices.add(index)
            open_names += scope.nodes[index].input
    return [scope.nodes[index] for index in sorted(indices)] if reached else None


def _run(scope: Scope, nodes: list[onnx.NodeProto], source: str, target: str, values: Array) -> Array:
    elem_type = helper.np_dtype_to_tensor_dtype(values.dtype)
    used = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        nodes,
        "between",
        [helper.make_tensor_value_info(source, elem_type, values.shape)],
        [helper.make_tensor_value_info(target, elem_type, None)],
        [tensor for name, tensor in scope.initializers.items() if name in used],
    )
    return _evaluated(scope, graph, {source: values})


def _evaluated(scope: Scope, graph: onnx.GraphProto, feeds: dict[str, Array]) -> Array:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", scope.opset)])
    results: Any = ReferenceEvaluator(model).run(None, feeds)
    return np.asarray(results[0])

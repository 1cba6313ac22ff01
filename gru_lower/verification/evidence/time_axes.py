"""Which axis of an output is time: the one that is as long as the sequences of a GRU in the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.graph.facts import Facts
from gru_lower.graph.scopes import is_onnx

if TYPE_CHECKING:
    import onnx

    from gru_lower.graph.model import Model


def time_axes(*models: Model) -> dict[str, int]:
    """Return the axis of time of each output that has one, as far as the models' own dims say it.

    Args:
        models: Models with the same outputs, of which one may hold GRU nodes, and the other what stands for them.

    """
    found: dict[str, int] = {}
    for model in models:
        facts = Facts(model)
        main = facts.scopes[0]
        lengths: set[int | str] = set()
        for node in main.nodes:
            if is_onnx(node, "GRU"):
                dims = facts.shape(main, node.input[0]) or ()
                lengths.update(dim for dim in dims[_layout(node) : _layout(node) + 1] if dim not in (None, 0, 1))
        for name in main.outputs if lengths else ():
            dims = facts.shape(main, name) or ()
            axis = next((axis for axis, dim in enumerate(dims) if dim in lengths), None)
            if axis is not None:
                found.setdefault(name, axis)
    return found


def site_time_axes(*models: onnx.ModelProto) -> dict[str, int]:
    """Return the axis of time of each output of models of one GRU: of Y, and of Y behind a Transpose."""
    found: dict[str, int] = {}
    for model in models:
        for node in model.graph.node:
            if is_onnx(node, "GRU") and node.output[0]:
                found[node.output[0]] = _layout(node)
            elif is_onnx(node, "Transpose") and node.input[0] in found:
                perm = next((list(each.ints) for each in node.attribute if each.name == "perm"), [])
                axis = found[node.input[0]]
                if axis in perm:
                    found[node.output[0]] = perm.index(axis)
    return found


def _layout(node: onnx.NodeProto) -> int:
    return int(next((each.i for each in node.attribute if each.name == "layout"), 0) != 0)

"""Make one node or none of Squeezes and Unsqueezes that were written one after the other."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import numpy as np
from onnx import helper, numpy_helper

from gru_lower.graph.scopes import is_onnx

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from onnx import NodeProto, TensorProto

RANK = 16
"""More axes than anything has that is written here."""


def without_needless_squeezes(
    nodes: Sequence[NodeProto], initializers: Sequence[TensorProto], wanted: Collection[str]
) -> tuple[list[NodeProto], list[TensorProto]]:
    """Return nodes and constants without those that change nothing or are not read; the nodes are edited.

    Args:
        nodes: What was written; those of one GRU in order.
        initializers: Its constants.
        wanted: The values that are read elsewhere.

    """
    constants = {tensor.name: tensor for tensor in initializers}
    known_axes = {
        name: tuple(numpy_helper.to_array(tensor).reshape(-1).tolist())
        for name, tensor in constants.items()
        if _may_be_axes(tensor)
    }
    makers: dict[str, NodeProto] = {}
    layouts: dict[str, tuple[str, tuple[int | None, ...]]] = {}
    made = []
    for node in nodes:
        axes = _axes_of(node, known_axes)
        if axes is not None:
            root, layout = layouts.get(node.input[0], (node.input[0], tuple(range(RANK))))
            layout = _with_axes_changed(layout, axes, inserted=node.op_type == "Unsqueeze")
            layouts[node.output[0]] = root, layout
            if root != node.input[0]:
                made += _read_from_root(node, root, layout, known_axes, constants)
        for output in filter(None, node.output):
            makers[output] = node
    nodes = _without_copies(nodes, makers, set(wanted))
    nodes = _read_nodes(nodes, wanted)
    used = {name for node in nodes for name in node.input}
    return nodes, [tensor for tensor in (*initializers, *made) if tensor.name in used]


def _may_be_axes(tensor: TensorProto) -> bool:
    return tensor.data_type == tensor.INT64 and len(tensor.dims) == 1 and tensor.dims[0] <= RANK


def _axes_of(node: NodeProto, known: dict[str, tuple[int, ...]]) -> tuple[int, ...] | None:
    """Return the axes of a Squeeze or Unsqueeze, ``None`` for other nodes."""
    if node.op_type not in ("Squeeze", "Unsqueeze") or not is_onnx(node):
        return None
    if len(node.input) > 1:
        axes = known.get(node.input[1])
    else:
        axes = next((tuple(attribute.ints) for attribute in node.attribute if attribute.name == "axes"), None)
    return axes if axes and min(axes) >= 0 else None


def _with_axes_changed(
    layout: tuple[int | None, ...], axes: tuple[int, ...], *, inserted: bool
) -> tuple[int | None, ...]:
    """Return a layout (the root's axis for each axis, ``None`` for a new one) after a Squeeze or an Unsqueeze."""
    if not inserted:
        return tuple(entry for place, entry in enumerate(layout) if place not in axes)
    rest = iter(layout)
    return tuple(None if place in axes else next(rest) for place in range(len(layout) + len(axes)))


def _read_from_root(
    node: NodeProto,
    root: str,
    layout: tuple[int | None, ...],
    known: dict[str, tuple[int, ...]],
    constants: dict[str, TensorProto],
) -> list[TensorProto]:
    """Read a node's root instead of its input where that takes one node or none; return the constants this takes."""
    removed, added = [], []
    place = 0
    blocks = _blocks(layout)
    for first, before, after in blocks:
        removed += list(range(first, first + max(0, before - after)))
        added += list(range(place + before, place + after))
        place += after + 1
    if removed and added:
        return []
    if not removed and not added:
        node.op_type = "Identity"
        node.input[:] = [root]
        del node.attribute[:]
        return []
    old = len(node.input) > 1
    node.op_type, axes = ("Squeeze", removed) if removed else ("Unsqueeze", added)
    if not old:
        del node.attribute[:]
        node.attribute.append(helper.make_attribute("axes", axes))
        node.input[0] = root
        return []
    name = next((name for name, entries in known.items() if entries == tuple(axes)), None)
    made = []
    if name is None:
        base = node.input[1]
        name = next(new for number in count(1) if (new := f"{base}_s{number}") not in constants)
        constants[name] = numpy_helper.from_array(np.array(axes, np.int64), name)
        known[name] = tuple(axes)
        made.append(constants[name])
    node.input[:] = [root, name]
    return made


def _blocks(layout: tuple[int | None, ...]) -> list[tuple[int, int, int]]:
    """Return, before each axis that is kept, the first axis there, how many there were and how many there are."""
    found, last, fresh = [], -1, 0
    for entry in layout:
        if entry is None:
            fresh += 1
            continue
        found.append((last + 1, entry - last - 1, fresh))
        last, fresh = entry, 0
    return found


def _without_copies(nodes: Sequence[NodeProto], makers: dict[str, NodeProto], wanted: set[str]) -> list[NodeProto]:
    """Give a GRU's output the name of its copy."""
    kept = []
    for node in nodes:
        source = makers.get(node.input[0]) if node.op_type == "Identity" else None
        if source is None or source.op_type != "GRU" or node.input[0] in wanted:
            kept.append(node)
            continue
        old, new = node.input[0], node.output[0]
        source.output[list(source.output).index(old)] = new
        makers[new] = source
        wanted.add(new)
        for other in nodes:
            for place, name in enumerate(other.input):
                if name == old:
                    other.input[place] = new
    return kept


def _read_nodes(nodes: Sequence[NodeProto], wanted: Collection[str]) -> list[NodeProto]:
    """Return the nodes whose outputs are read, and GRUs; they need not stand in the order in which they are run."""
    makers = {output: node for node in nodes for output in node.output if output}
    pending = [*(makers[name] for name in wanted if name in makers), *(n for n in nodes if n.op_type == "GRU")]
    read: set[int] = set()
    while pending:
        node = pending.pop()
        if id(node) not in read:
            read.add(id(node))
            pending += [makers[name] for name in node.input if name in makers]
    return [node for node in nodes if id(node) in read]

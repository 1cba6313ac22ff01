"""Write the GRU node: its attributes, inputs and outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from onnx import helper

from gru_lower.gru.activations import activation_attributes
from gru_lower.passes.fuse_gru.writing.weights import write_b, write_r, write_w

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.recognition.cell import Cell
    from gru_lower.passes.fuse_gru.writing.node_writer import NodeWriter


class GruOutputNames(NamedTuple):
    """The names of a GRU's outputs."""

    y: str
    y_h: str


def write_gru(
    writer: NodeWriter, cell: Cell, x: str, initial_h: str | None, *, reverse: bool, sequence_lens: str = ""
) -> GruOutputNames:
    """Write a GRU of one direction.

    Args:
        writer: Where to.
        cell: What it computes in every step.
        x: X, (T, B, I).
        initial_h: (1, B, H), ``None`` for zeros.
        reverse: Whether it runs backwards.
        sequence_lens: (B), ``""`` for none.

    """
    hidden = writer.algebra.width_of(cell.state)
    w, r = write_w(writer, cell, cell.x), write_r(writer, cell)
    inputs = [x, w, r, write_b(writer, cell) or "", sequence_lens, initial_h or ""]
    while not inputs[-1]:
        inputs.pop()
    names = GruOutputNames(*(writer.names.value(f"{writer.prefix}/{key}") for key in ("Y", "Y_h")))
    attributes = gru_attributes(cell, hidden, reverse=reverse)
    writer.nodes.append(helper.make_node("GRU", inputs, list(names), writer.names.node(writer.prefix), **attributes))
    return names


def gru_attributes(cell: Cell, hidden: int, *, reverse: bool) -> dict[str, Any]:
    """Return a GRU's attributes: all that is not the operator's own default, and what runtimes want to see."""
    result: dict[str, Any] = {"hidden_size": hidden, "linear_before_reset": int(bool(cell.linear_before_reset))}
    if reverse:
        result["direction"] = "reverse"
    functions = [cell.f, cell.g]
    if [str(function) for function in functions] != ["Sigmoid", "Tanh"]:
        result |= activation_attributes(functions)
    if cell.clip is not None:
        result["clip"] = cell.clip
    return result

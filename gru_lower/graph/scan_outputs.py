"""Outputs of Scans that onnxruntime corrupts: those whose value is an input of the body, or another output of it, too.

onnxruntime gives a Scan body's outputs the memory of the Scan's own. Such an output is then never written, or twice:
the result is whatever the memory held, without an error. Seen on 1.31.1, for states and scan outputs alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.graph.scopes import is_onnx, subgraphs

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto


def scan_body(node: NodeProto) -> GraphProto | None:
    """Return the body of a Scan, ``None`` for any other node."""
    return next((body for _, body in subgraphs(node)), None) if is_onnx(node, "Scan") else None


def corrupted_outputs(node: NodeProto) -> dict[int, str]:
    """Return the places of a Scan's outputs that onnxruntime corrupts, each with a sentence; other nodes have none."""
    body = scan_body(node)
    if body is None:
        return {}
    inputs = {value.name for value in body.input}
    taken, found = set(inputs), dict[int, str]()
    for place, value in enumerate(body.output):
        if value.name in taken:
            why = "is an input of the body" if value.name in inputs else "is another output of the body, too"
            found[place] = f"output {place} of the Scan, {value.name!r}, {why}: onnxruntime returns garbage"
        taken.add(value.name)
    return found

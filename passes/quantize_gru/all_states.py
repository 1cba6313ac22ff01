"""GRUs that put out the states of all steps, so that their errors can be told step by step."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from onnx import NodeProto

if TYPE_CHECKING:
    from gru_lower.graph.names import Names
    from gru_lower.gru.spec import GruSpec


def with_all_states(spec: GruSpec, names: Names) -> GruSpec:
    """Return a GRU with a name for Y, where it has none yet.

    Args:
        spec: The GRU.
        names: The model's names.

    """
    return spec if spec.Y else replace(spec, Y=names.value(f"{spec.Y_h}/all_states"))


def putting_out(node: NodeProto, spec: GruSpec) -> NodeProto:
    """Return a copy of a GRU node that puts out what a spec names."""
    copy = NodeProto()
    copy.CopyFrom(node)
    copy.output[:] = [spec.Y, spec.Y_h] if spec.Y_h else [spec.Y]
    return copy

"""A Scan around the model of one GRU, to try a GRU in a body; its outputs are added up in the state of the Scan.

The state is what tells: a target may run the GRU in each turn, and what stands beside it in one turn alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from onnx import ValueInfoProto, helper, numpy_helper

from gru_lower.probing.probe_model import ir_version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.probing.probe_model import Array, ProbeModel

STATE, LAST_STATE = "sum", "sum_last"


def scan_around(turns: Sequence[ProbeModel]) -> ProbeModel:
    """Return the model of a Scan whose body is the first model; the state becomes half of itself and the first output.

    Args:
        turns: A model for each turn, of the same graph; their inputs ``X`` are scanned, the others have to be equal.

    Returns:
        A model with a first axis of turns on X and on every output. It is given the first state, ones in the shape of
        the first output, and gives the last one, in that shape.

    """
    first = turns[0]
    body, opset = first.model.graph, first.model.opset_import[0].version
    scanned = next(value for value in body.input if value.name.startswith("X"))
    kept = [value for value in body.input if value is not scanned]
    summed = body.output[0]
    dims = [dim.dim_param or dim.dim_value for dim in summed.type.tensor_type.shape.dim]
    kind = summed.type.tensor_type.elem_type
    half = numpy_helper.from_array(np.array(0.5, helper.tensor_dtype_to_np_dtype(kind)), f"{STATE}_factor")
    inner = helper.make_graph(
        [
            *body.node,
            helper.make_node("Mul", [f"{STATE}_before", half.name], [f"{STATE}_half"]),
            helper.make_node("Add", [f"{STATE}_half", summed.name], [f"{STATE}_after"]),
            *(helper.make_node("Identity", [value.name], [f"{value.name}_kept"]) for value in (*kept, *body.output)),
        ],
        "turn",
        [helper.make_tensor_value_info(f"{STATE}_before", kind, dims), *kept, scanned],
        [
            helper.make_tensor_value_info(f"{STATE}_after", kind, dims),
            *(_renamed(value, f"{value.name}_kept") for value in (*kept, *body.output)),
        ],
        [*body.initializer, half],
    )
    names = [value.name for value in body.output]
    node = helper.make_node(
        "Scan",
        [STATE, *(f"{value.name}_given" for value in kept), f"{scanned.name}_turns"],
        [LAST_STATE, *(f"{value.name}_last" for value in kept), *(f"{name}_turns" for name in names)],
        body=inner,
        num_scan_inputs=1,
    )
    graph = helper.make_graph(
        [node],
        "turns",
        [
            helper.make_tensor_value_info(STATE, kind, dims),
            *(_renamed(value, f"{value.name}_given") for value in kept),
            _stacked(scanned, len(turns)),
        ],
        [
            helper.make_tensor_value_info(LAST_STATE, kind, dims),
            *(_stacked(value, len(turns)) for value in body.output),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version(opset))
    state: Array = np.ones_like(first.expected[names[0]])
    feeds = {STATE: state.astype(helper.tensor_dtype_to_np_dtype(kind))}
    feeds |= {f"{value.name}_given": first.feeds[value.name] for value in kept}
    feeds[f"{scanned.name}_turns"] = np.stack([each.feeds[scanned.name] for each in turns])
    for each in turns:
        state = state / 2 + each.expected[names[0]]
    expected = {LAST_STATE: state} | {
        f"{name}_turns": np.stack([each.expected[name] for each in turns]) for name in names
    }
    return replace(first, model=model, feeds=feeds, expected=expected)


def _renamed(value: ValueInfoProto, name: str) -> ValueInfoProto:
    result = ValueInfoProto()
    result.CopyFrom(value)
    result.name = name
    return result


def _stacked(value: ValueInfoProto, turns: int) -> ValueInfoProto:
    held = value.type.tensor_type
    dims = [dim.dim_param or dim.dim_value for dim in held.shape.dim]
    return helper.make_tensor_value_info(f"{value.name}_turns", held.elem_type, [turns, *dims])

"""The pass ``legalize-bidirectional``: a bidirectional GRU becomes a forward and a reverse one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from onnx import numpy_helper

from gru_lower.graph import tensor_values
from gru_lower.passes.legalize_gru.base import RewritePass
from gru_lower.passes.legalize_gru.replacement_builder import BoundGru
from gru_lower.targets.option_axes import AXIS_OF

if TYPE_CHECKING:
    from onnx import TensorProto

    from gru_lower.passes.legalize_gru.gru_traits import GruTraits
    from gru_lower.passes.legalize_gru.replacement_builder import Outputs, ReplacementBuilder, WriteGru
    from gru_lower.passes.legalize_gru.rewrite_settings import RewriteSettings

NAMES = ("forward", "reverse")


class LegalizeBidirectional(RewritePass):
    """Write a bidirectional GRU as a forward and a reverse one.

        Y   = Concat(GRU(X, W[0], R[0], B[0], sequence_lens, initial_h[0]), GRU_reverse(X, W[1], ...))
        Y_h = Concat of theirs

    Rules:
        1. Constant weights are cut by bytes, external ones become views; others are split in the graph.
        2. Each direction keeps its own activations with their own parameters.
        3. The outputs are joined on the axis of num_directions, which layout puts elsewhere.
    """

    name = "legalize-bidirectional"
    summary = "bidirectional to forward and reverse"

    def outcomes(self, gru: GruTraits, settings: RewriteSettings) -> list[GruTraits] | None:
        """Return the two directions."""
        spec = gru.spec
        computed = "computed_weights" in gru.options or "initial_h" in spec.inputs
        split = settings.may_write("Split") or settings.may_write("Slice")
        if spec.num_directions == 1 or not settings.may_write("Concat") or (computed and not split):
            return None
        found = []
        for name, direction in zip(NAMES, spec.directions, strict=True):
            options = frozenset(option for option in gru.options if AXIS_OF.get(option) not in ("f", "g"))
            options |= {f"f_{direction.f.name}", f"g_{direction.g.name}"}
            alone = replace(spec, directions=(replace(direction, index=0),))
            found.append(replace(gru, options=options).changed(name, "same_functions", spec=alone))
        return found

    def rewrite(self, b: ReplacementBuilder, gru: BoundGru, after: list[GruTraits], write: WriteGru) -> Outputs:
        """Cut what has a direction's axis, and join the outputs."""
        layout = gru.spec.layout
        inputs, constants = [dict(gru.inputs), dict(gru.inputs)], [dict(gru.constants), dict(gru.constants)]
        for key in ("W", "R", "B", "initial_h"):
            if key not in gru.inputs:
                continue
            axis = 1 if key == "initial_h" and layout else 0
            if key in gru.constants:
                for half, tensor in enumerate(_halves(b, gru.constants[key], axis)):
                    inputs[half][key] = b.attach(f"{NAMES[half]}_{key}", tensor)
                    constants[half][key] = tensor
                continue
            parts = b.emitter.split(gru.inputs[key], 1, [f"{name}_{key}" for name in NAMES], axis)
            for half, part in enumerate(parts):
                inputs[half][key] = part
        outputs = [write(BoundGru(after[half], inputs[half], constants[half])) for half in range(2)]
        axes = {"Y": 2 if layout else 1, "Y_h": 1 if layout else 0}
        return {
            key: b.emitter.op("Concat", [each[key] for each in outputs], f"{key}_joined", axis=axes[key])
            for key in outputs[0]
        }


def _halves(b: ReplacementBuilder, tensor: TensorProto, axis: int) -> list[TensorProto]:
    """Cut a constant in two along its axis of directions."""
    if axis == 0:
        return tensor_values.cut(tensor, 2, (1, *tensor.dims[1:]))
    array = b.array(tensor)
    return [numpy_helper.from_array(array[:, half : half + 1].copy()) for half in range(2)]

"""The pass ``legalize-bidirectional``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from onnx import numpy_helper

from gru_lower.graph import tensor_values
from gru_lower.passes.legalize_gru.rewrite import Rewrite
from gru_lower.targets.option_axes import AXIS_OF, with_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from onnx import TensorProto

    from gru_lower.passes.legalize_gru.rewritten_gru import Build, Gru, Means, Results, Situation

NAMES = ("forward", "reverse")


class LegalizeBidirectional(Rewrite):
    """Write a bidirectional GRU as a forward and a reverse one.

        Y   = Concat(GRU(X, W[0], R[0], B[0], sequence_lens, initial_h[0]), GRU_reverse(X, W[1], ...))
        Y_h = Concat of theirs

    Rules:
        1. Constant weights are cut by bytes, external ones become views; others are split in the graph.
        2. Each direction keeps its own activations with their own parameters.
        3. The outputs are joined on the axis of num_directions, which layout puts elsewhere.
    """

    name = "legalize-bidirectional"
    done = "bidirectional to forward and reverse"

    def becomes(self, at: Situation, means: Means) -> list[Situation] | None:
        """Return the two directions."""
        spec = at.spec
        computed = "computed_weights" in at.options or "initial_h" in spec.inputs
        split = means.has("Split") or means.has("Slice")
        if spec.num_directions == 1 or not means.has("Concat") or (computed and not split):
            return None
        found = []
        for name, direction in zip(NAMES, spec.directions, strict=True):
            options = frozenset(option for option in at.options if AXIS_OF.get(option) not in ("f", "g"))
            options |= {f"f_{direction.f.name}", f"g_{direction.g.name}"}
            alone = replace(spec, directions=(replace(direction, index=0),))
            found.append(replace(at, spec=alone, options=with_options(options, name, "same_functions")))
        return found

    def rewrite(self, b: Build, gru: Gru, inner: Callable[[Gru], Results]) -> Results:
        """Cut what has a direction's axis, and join the outputs."""
        layout = gru.at.spec.layout
        halves = self.becomes(gru.at, b.means) or []
        inputs, constants = [dict(gru.inputs), dict(gru.inputs)], [dict(gru.constants), dict(gru.constants)]
        for key in ("W", "R", "B", "initial_h"):
            if key not in gru.inputs:
                continue
            axis = 1 if key == "initial_h" and layout else 0
            if key in gru.constants:
                for half, tensor in enumerate(_pieces(b, gru.constants[key], axis)):
                    inputs[half][key] = b.constant(f"{NAMES[half]}_{key}", tensor)
                    constants[half][key] = tensor
                continue
            parts = b.e.split(gru.inputs[key], 1, [f"{name}_{key}" for name in NAMES], axis)
            for half, part in enumerate(parts):
                inputs[half][key] = part
        results = [
            inner(replace(gru, at=at, inputs=inputs[half], constants=constants[half])) for half, at in enumerate(halves)
        ]
        axes = {"Y": 2 if layout else 1, "Y_h": 1 if layout else 0}
        return {
            key: b.e.op("Concat", [result[key] for result in results], f"{key}_joined", axis=axes[key])
            for key in results[0]
        }


def _pieces(b: Build, tensor: TensorProto, axis: int) -> list[TensorProto]:
    if axis == 0:
        return tensor_values.cut(tensor, 2, (1, *tensor.dims[1:]))
    array = b.array(tensor)
    return [numpy_helper.from_array(array[:, half : half + 1].copy()) for half in range(2)]

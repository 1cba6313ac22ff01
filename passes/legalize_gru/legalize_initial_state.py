"""The pass ``legalize-initial-state``."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from gru_lower.passes.legalize_gru.rewrite import Rewrite
from gru_lower.passes.legalize_gru.rewritten_gru import numpy_type
from gru_lower.targets.option_axes import with_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from gru_lower.passes.legalize_gru.rewritten_gru import Build, Gru, Means, Results, Situation

EXPAND, SHAPE_RANGE = 8, 15


@dataclass(frozen=True)
class StateOptions:
    """Options of ``legalize-initial-state``.

    Attributes:
        zeros: ``write`` the zeros of an absent initial_h, or ``drop`` an initial_h that is known to be zero.

    """

    zeros: str = field(default="write", metadata={"choices": ("write", "drop")})


class LegalizeInitialState(Rewrite):
    """Write the initial_h of zeros that an absent one stands for, or leave out one that is known to be zero.

        initial_h = 0 [D, B, H], [B, D, H] in layout 1

    Rules:
        1. With a static batch the zeros are a constant; else they are expanded to the batch of X.
        2. An initial_h is known to be zero if it is a constant of zeros, or views and joins of such.
    """

    name = "legalize-initial-state"
    Options = StateOptions
    done = "an initial_h of zeros written or left out"

    def becomes(self, at: Situation, means: Means) -> list[Situation] | None:
        """Return the GRU with an initial_h if it had none, without one if it had zeros."""
        spec = at.spec
        if "initial_h" in spec.inputs:
            if "zero_initial_h" not in at.known or "told_batch" in at.options:
                return None
            inputs = {key: name for key, name in spec.inputs.items() if key != "initial_h"}
            options = with_options(at.options, "no_initial_h")
            return [replace(at, spec=replace(spec, inputs=inputs), options=options)]
        if spec.batch_size is None:
            operators = {"Shape", "Concat", "Expand"} | ({"Gather"} if means.opset < SHAPE_RANGE else set())
            if means.opset < EXPAND or not means.has(*operators):
                return None
        fresh = replace(spec, inputs=spec.inputs | {"initial_h": "initial_h"})
        return [replace(at, spec=fresh, options=with_options(at.options, "initial_h"))]

    def wanted(self, at: Situation, after: list[Situation]) -> bool:
        """Whether this is what was asked for."""
        del after
        return bool(("initial_h" in at.spec.inputs) == (self.options.zeros == "drop"))

    def rewrite(self, b: Build, gru: Gru, inner: Callable[[Gru], Results]) -> Results:
        """Attach the zeros, or leave them out."""
        (after,) = self.becomes(gru.at, b.means) or []
        if "initial_h" in gru.inputs:
            inputs = {key: value for key, value in gru.inputs.items() if key != "initial_h"}
            constants = {key: tensor for key, tensor in gru.constants.items() if key != "initial_h"}
            return inner(replace(gru, at=after, inputs=inputs, constants=constants))
        spec, fresh = after.spec, replace(gru, at=after)
        d, h = spec.num_directions, spec.hidden_size
        if spec.batch_size is not None:
            shape = (spec.batch_size, d, h) if spec.layout else (d, spec.batch_size, h)
            return inner(b.with_arrays(fresh, {"initial_h": np.zeros(shape, numpy_type(spec.elem_type))}))
        batch = b.e.dim(gru.inputs["X"], 1 - spec.layout, "batch")
        parts = [batch, b.e.ints("state", [d, h])] if spec.layout else [
            b.e.ints("directions", [d]), batch, b.e.ints("width", [h])
        ]  # fmt: skip
        dims = b.e.op("Concat", parts, "state_shape", axis=0)
        zeros = b.e.op("Expand", [b.e.tensor("zero", [[[0.0]]]), dims], "zero_state")
        return inner(replace(fresh, inputs=gru.inputs | {"initial_h": zeros}))

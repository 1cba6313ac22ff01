"""``packing=double``: a Scan body whose state holds h twice, so that one Gemm makes both gates and one the next state.

    [z | r] = f([h | h] [Rz 0; 0 Rr]ᵀ + [Xz | Xr])
    [n | n] = g(([z | r] ∘ [h | h]) [0 Rh; 0 Rh]ᵀ + [Xh | Xh])                  linear_before_reset = 0
    [q | q] = [h | h] [Rh 0; Rh 0]ᵀ + [Rbh | Rbh]                               linear_before_reset ≠ 0
    [n | n] = g(([z | r] ∘ [q | q]) [0 I; 0 I]ᵀ + [Xh | Xh])
    [h | h]' = ([z | r] ∘ [h - n | h - n]) [I 0; I 0]ᵀ + [n | n]

For small H, where a step costs what its kernels cost to start. With two directions each h is [h_f | h_b], and the
recurrent weights are block-diagonal.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from gru_lower.graph import tensor_values
from gru_lower.graph.bounded_arrays import identity, zeros
from gru_lower.gru.block_diagonal import block_diagonal
from gru_lower.gru.spec import GATES
from gru_lower.passes.lower_gru.forms import scan_packed_directions as directions
from gru_lower.passes.lower_gru.forms.activation_nodes import clipped_activation
from gru_lower.passes.lower_gru.forms.prepare_inputs import prepare_inputs
from gru_lower.passes.lower_gru.forms.scan_body import output_state
from gru_lower.passes.lower_gru.forms.scan_packed_directions import PREFIX
from gru_lower.passes.lower_gru.local_names import prefix_of

if TYPE_CHECKING:
    from gru_lower.emission.emitter import Emitter, Value
    from gru_lower.emission.template import Binding, Template
    from gru_lower.passes.lower_gru.variant import Variant

Array = np.ndarray[Any, np.dtype[Any]]


@lru_cache(maxsize=256)
def template(v: Variant) -> Template:
    """Author the whole replacement of one variant."""
    e, given = prepare_inputs(v)
    projected = directions.project_directions(e, v, given)
    lanes = {"Xzr": projected.z + projected.r, "Xhh": projected.h + projected.h}
    last, y = directions.scan_lanes(e, v, given, lanes, _write_body, copies=2)
    width = len(v.directions) * v.hidden_size
    last = e.slice(last, 0, width, 1, f"{PREFIX}last_once")
    y = y if y is None else e.slice(y, 0, width, 2, f"{PREFIX}Y_once")
    return e.template(directions.split_directions(e, v, given, last, y))


def weights(v: Variant, gates: dict[str, Array]) -> dict[str, Binding]:
    """Build the wide recurrent weights.

    Args:
        v: The variant.
        gates: ``Rz``, ``Rr``, ``Rh`` [H, H] and, where there is one, ``Rbh`` [H] by local name, of every direction.

    """
    prefixes = [prefix_of(direction) for direction in v.directions]
    z, r, h = (block_diagonal([gates[f"{p}R{gate}"] for p in prefixes]) for gate in GATES)
    size = len(z)
    twice = zeros((2 * size, 2 * size), h.dtype)
    half = slice(0, size) if v.linear_before_reset else slice(size, None)
    twice[:size, half] = twice[size:, half] = h
    wide = {"Rzr": block_diagonal([z, r]), "Rqq" if v.linear_before_reset else "Rnn": twice}
    if f"{prefixes[0]}Rbh" in gates:
        wide["Rbqq"] = np.concatenate([gates[f"{p}Rbh"] for p in prefixes] * 2)
    return {f"{PREFIX}{name}": tensor_values.from_array(array) for name, array in wide.items()}


def _write_body(e: Emitter, v: Variant) -> None:
    f, g = v.directions[0].f, v.directions[0].g
    names = ("nn_1", "update_1") if v.carries_summands else ("Ht_1",)
    state = [e.body_input(f"{PREFIX}{name}") for name in names]
    xzr, xhh = e.body_input(f"{PREFIX}Xzrt"), e.body_input(f"{PREFIX}Xhht")
    hh = e.gemm(state[1], _both_from(e, v, "first"), state[0], "HHt_1") if v.carries_summands else state[0]
    zr = clipped_activation(e, f, e.gemm(hh, e.value(f"{PREFIX}Rzr"), xzr, "pre_zr"), v.clip, "ZRt")
    inner = hh
    if v.linear_before_reset:
        bias = e.value(f"{PREFIX}Rbqq") if "B" in v.has else None
        inner = e.gemm(hh, e.value(f"{PREFIX}Rqq"), bias, "recurrent_hh")
    reset = e.op("Mul", [zr, inner], "reset_hh")
    candidate = _both_from(e, v, "second") if v.linear_before_reset else e.value(f"{PREFIX}Rnn")
    nn = clipped_activation(e, g, e.gemm(reset, candidate, xhh, "pre_hh"), v.clip, "nn")
    update = e.op("Mul", [zr, e.sub(hh, nn, "change")], "update")
    if v.carries_summands:
        for value in (nn, update, hh):
            e.body_output(value)
    else:
        output_state(e, v, e.gemm(update, _both_from(e, v, "first"), nn, "Ht"), "Yt")


def _both_from(e: Emitter, v: Variant, half: Literal["first", "second"]) -> Value:
    """Return the matrix that puts the first or the second half of a doubled vector in both places."""
    one = identity(len(v.directions) * v.hidden_size)
    none = np.zeros_like(one)
    row = [one, none] if half == "first" else [none, one]
    return e.tensor(f"{PREFIX}{half}", np.block([row, row]))

"""``packing=triple``: a Scan body whose gates and state each have three parts side by side, with the fewest kernels.

For the smallest H, where a step costs what its kernels cost to start. The third gate is u = 1 - z, which f makes of
z's argument with its sign changed. The first and the last part of the state S = [z ∘ h | r ∘ q | u ∘ n] add up to the
next h. Whatever is linear in h goes into the weights, so nothing has to be cut out or put together between products:

    S = A_1 + U_1                                            the states
    [z | r | u] = f(S [Rz Rr -Rz; 0 0 0; Rz Rr -Rz]ᵀ + [Xz | Xr | -Xz])
    [h | q | 0] = S [I Rh 0; 0 0 0; I Rh 0]ᵀ + [0 | Rbh | 0]     the scan output; linear_before_reset = 0: q = h
    A = [z | r | u] ∘ [h | q | 0]
    [0 | 0 | n] = g(A [0; 0 | 0 I]ᵀ + [0 | 0 | Xh])              linear_before_reset = 0: Rh for I
    U = [z | r | u] ∘ [0 | 0 | n]

Six kernels: as many as ``double`` has for linear_before_reset = 0, and one less than it has otherwise. Two directions
are one GRU twice as wide with block-diagonal weights; each one's projection is added to the other's:

    [Xz | Xr | -Xz] = X_backwards [0 Wz | 0 Wr | 0 -Wz]ᵀ + (X [Wz 0 | Wr 0 | -Wz 0]ᵀ + b)
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from gru_lower.graph import tensor_values
from gru_lower.graph.bounded_arrays import identity, take
from gru_lower.gru.block_diagonal import block_diagonal
from gru_lower.gru.spec import GATES
from gru_lower.passes.lower_gru.forms import scan_node, sequence_lens_masks
from gru_lower.passes.lower_gru.forms import scan_packed_directions as directions
from gru_lower.passes.lower_gru.forms.activation_nodes import clipped_activation
from gru_lower.passes.lower_gru.forms.initial_state import zero_state
from gru_lower.passes.lower_gru.forms.input_projection import CLOSED, as_steps
from gru_lower.passes.lower_gru.forms.prepare_inputs import prepare_inputs
from gru_lower.passes.lower_gru.forms.scan_packed_directions import PREFIX
from gru_lower.passes.lower_gru.local_names import prefix_of

if TYPE_CHECKING:
    from gru_lower.emission.emitter import Emitter, Value
    from gru_lower.emission.template import Binding, Template
    from gru_lower.passes.lower_gru.forms.prepare_inputs import Inputs
    from gru_lower.passes.lower_gru.variant import Variant

Array = np.ndarray[Any, np.dtype[Any]]


@lru_cache(maxsize=256)
def template(v: Variant) -> Template:
    """Author the whole replacement of one variant."""
    e, given = prepare_inputs(v)
    width = len(v.directions) * v.hidden_size
    steps = _project(e, v, given)
    zero = zero_state(e, v, given.x, width=3 * width)
    state: list[Value | None] = [zero, zero]
    if "initial_h" in v.has:
        nothing = zero_state(e, v, given.x, width=2 * width)
        state[0] = e.op("Concat", [*given.states, nothing], f"{PREFIX}initial", axis=1)
    body = v.emitter(e)
    _write_body(body, v)
    state = state[: 1 + v.carries_summands]
    outputs = scan_node.write_scan(e, v, body, state, steps, PREFIX, x=given.x, width=3 * width)
    whole = e.op("Add", outputs[:2], f"{PREFIX}last_parts") if v.carries_summands else outputs[0]
    parts = ((0, "zh"), (2, "un"))
    summands = [e.slice(whole, k * width, (k + 1) * width, 1, f"{PREFIX}last_{name}") for k, name in parts]
    last, y = e.op("Add", summands, f"{PREFIX}last"), None
    if v.carries_summands:
        before = e.slice(outputs[2], 0, width, 2, f"{PREFIX}Y_before_once")
        mask = directions.common_mask(v, given)
        y = scan_node.append_last_state(e, v, before, last, PREFIX, x=given.x, mask=mask, width=width)
    return e.template(directions.split_directions(e, v, given, last, y))


def _project(e: Emitter, v: Variant, given: Inputs) -> list[Value]:
    """Return [Xz | Xr | -Xz] and [0 | 0 | Xh] of all steps, [T, B, 3·D·H] each."""
    views = [directions.reversed_inputs(e, v, given) if d.reverse else given for d in v.directions]
    width = len(v.directions) * v.hidden_size
    steps = []
    for name, closed in (("zru", ("z", "r", "r")), ("h", ("h", "h", "h"))):
        rows = e.value(f"{PREFIX}b{name}") if "B" in v.has else None
        for direction, view in zip(v.directions, views, strict=True):
            p = prefix_of(direction)
            rows = e.gemm(view.rows, e.value(f"{p}{PREFIX}W{name}"), rows, f"{p}{PREFIX}X{name}")
        if views[0].mask is not None:
            padding = np.repeat([CLOSED[gate] for gate in closed], width)
            rows = sequence_lens_masks.fill_rows(e, v, views[0].mask, [rows], padding, f"{PREFIX}X{name}_valid")
        steps.append(as_steps(e, v, given.x, rows, f"{PREFIX}X{name}_steps", 3 * width))
    return steps


def _write_body(e: Emitter, v: Variant) -> None:
    f, g = v.directions[0].f, v.directions[0].g
    names = ("A_1", "U_1") if v.carries_summands else ("S_1",)
    state = [e.body_input(f"{PREFIX}{name}") for name in names]
    xzru, xh = e.body_input(f"{PREFIX}Xzrut"), e.body_input(f"{PREFIX}Xht")
    s = e.op("Add", state, "St") if v.carries_summands else state[0]
    gates = clipped_activation(e, f, e.gemm(s, e.value(f"{PREFIX}Rzru"), xzru, "pre_zru"), v.clip, "ZRUt")
    bias = e.value(f"{PREFIX}Rbq") if v.linear_before_reset and "B" in v.has else None
    inner = e.gemm(s, e.value(f"{PREFIX}Rq"), bias, "recurrent_hq")
    a = e.op("Mul", [gates, inner], "reset_hq")
    n = clipped_activation(e, g, e.gemm(a, e.value(f"{PREFIX}Rn"), xh, "pre_h"), v.clip, "ht")
    u = e.op("Mul", [gates, n], "update")
    if v.carries_summands:
        for value in (a, u, inner):
            e.body_output(value)
    else:
        e.body_output(e.op("Add", [a, u], "St_new"))


def weights(v: Variant, gates: dict[str, Array]) -> dict[str, Binding]:
    """Build the wide weights.

    Args:
        v: The variant.
        gates: Every weight of every direction by local name: ``Wz`` [H, I], ``Rz`` [H, H], ``bz`` [H], ``Rbh`` [H].

    """
    prefixes = [prefix_of(direction) for direction in v.directions]
    z, r, h = (block_diagonal([gates[f"{p}R{gate}"] for p in prefixes]) for gate in GATES)
    take(9 * z.size, z.itemsize)
    one, none = identity(len(z)).astype(z.dtype), np.zeros_like(z)
    lbr = v.linear_before_reset
    wide = {
        f"{PREFIX}Rzru": _from_state(z, r, -z),
        f"{PREFIX}Rq": _from_state(one, h if lbr else one, none),
        f"{PREFIX}Rn": np.block([[none, none, none], [none, none, none], [none, one if lbr else h, none]]),
    }
    for index, p in enumerate(prefixes):
        z, r, h = (_in_place(gates[f"{p}W{gate}"], index, len(prefixes)) for gate in GATES)
        wide[f"{p}{PREFIX}Wzru"] = np.concatenate([z, r, -z])
        wide[f"{p}{PREFIX}Wh"] = np.concatenate([np.zeros_like(h), np.zeros_like(h), h])
    if f"{prefixes[0]}bz" in gates:
        z, r, h = (np.concatenate([gates[f"{p}b{gate}"] for p in prefixes]) for gate in GATES)
        wide[f"{PREFIX}bzru"] = np.concatenate([z, r, -z])
        wide[f"{PREFIX}bh"] = np.concatenate([np.zeros_like(h), np.zeros_like(h), h])
    if f"{prefixes[0]}Rbh" in gates:
        q = np.concatenate([gates[f"{p}Rbh"] for p in prefixes])
        wide[f"{PREFIX}Rbq"] = np.concatenate([np.zeros_like(q), q, np.zeros_like(q)])
    return {name: tensor_values.from_array(array) for name, array in wide.items()}


def _in_place(rows: Array, index: int, parts_of: int) -> Array:
    """Return a direction's rows where they stand among those of all directions, zeros for the others."""
    return np.concatenate([rows if place == index else np.zeros_like(rows) for place in range(parts_of)])


def _from_state(*rows: Array) -> Array:
    """Return the matrix that applies each of some matrices to the sum of a state's first and last part."""
    return np.block([[row, np.zeros_like(row), row] for row in rows])

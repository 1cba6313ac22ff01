"""The Scan form with the fewest kernels a step, for the smallest H: gates and state each in three parts, side by side.

The third gate is u = 1 - z, which f makes of z's argument with its sign changed. The first and the last part of the
state S = [z ∘ h | r ∘ q | u ∘ n] add up to the next h. Whatever is linear in h goes into the weights, so nothing has
to be cut out or put together between products:

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
from onnx import numpy_helper

from gru_lower.emission.emitter import Emitter, Value
from gru_lower.gru.spec import GATES
from gru_lower.passes.lower_gru.forms import (
    activation_nodes,
    around_the_steps,
    scan,
    scan_packed_block_double,
    sequence_masks,
)

if TYPE_CHECKING:
    from gru_lower.emission.template import Binding, Template
    from gru_lower.gru.activations import Activation
    from gru_lower.passes.lower_gru.variant import Variant

Array = np.ndarray[Any, np.dtype[Any]]
P = scan_packed_block_double.P


def applies(v: Variant) -> bool:
    """Whether a variant can be tripled: constant weights, f(x) + f(-x) = 1, g(0) = 0; two directions have two masks."""
    f, g = v.directions[0].f, v.directions[0].g
    one_mask = not v.mask or len(v.directions) == 1
    return scan_packed_block_double.applies(v) and "W" not in v.dynamic and f.complements and g.vanishes and one_mask


@lru_cache(maxsize=256)
def template(v: Variant) -> Template:
    """Author the whole replacement of one variant."""
    e = Emitter(v.opset, v.elem_type, v.vocabulary)
    given = around_the_steps.inputs(e, v)
    views = [scan_packed_block_double.backwards(e, v, given) if d.reverse else given for d in v.directions]
    width = len(v.directions) * v.hidden_size
    steps = []
    for name, closed in (("zru", ("z", "r", "r")), ("h", ("h", "h", "h"))):
        rows = e.value(f"{P}b{name}") if "B" in v.has else None
        for direction, view in zip(v.directions, views, strict=True):
            p = around_the_steps.prefix_of(direction)
            rows = e.gemm(view.rows, e.value(f"{p}{P}W{name}"), rows, f"{p}{P}X{name}")
        if views[0].mask is not None:
            padding = np.repeat([around_the_steps.CLOSED[gate] for gate in closed], width)
            rows = sequence_masks.fill(e, v, views[0].mask, [rows], padding, f"{P}X{name}_valid")
        steps.append(around_the_steps.as_steps(e, v, given.x, rows, f"{P}X{name}_steps", 3 * width))
    zero = around_the_steps.zero_state(e, v, given.x, width=3 * width)
    state: list[Value | None] = [zero, zero]
    if "initial_h" in v.has:
        nothing = around_the_steps.zero_state(e, v, given.x, width=2 * width)
        state[0] = e.op("Concat", [*given.states, nothing], f"{P}initial", axis=1)
    body = Emitter(v.opset, v.elem_type, v.vocabulary, e)
    summands = scan.carries_summands(v)
    _write_body(body, v, summands=summands)
    outputs = scan.run(e, v, body, state[: 1 + summands], steps, P, x=given.x, width=3 * width)
    whole = e.op("Add", outputs[:2], f"{P}last_parts") if summands else outputs[0]
    halves = [e.slice(whole, k * width, (k + 1) * width, 1, f"{P}last_{name}") for k, name in ((0, "zh"), (2, "un"))]
    last, y = e.op("Add", halves, f"{P}last"), None
    if summands:
        before = e.slice(outputs[2], 0, width, 2, f"{P}Y_before_once")
        y = scan.join(e, v, before, last, P, mask=scan_packed_block_double.straight_mask(v, given), width=width)
    return e.template(scan_packed_block_double.split(e, v, given, last, y))


def _write_body(e: Emitter, v: Variant, *, summands: bool) -> None:
    f, g = v.directions[0].f, v.directions[0].g
    state = [e.formal(f"{P}A_1"), e.formal(f"{P}U_1")] if summands else [e.formal(f"{P}S_1")]
    xzru, xh = e.formal(f"{P}Xzrut"), e.formal(f"{P}Xht")
    s = e.op("Add", state, "St") if summands else state[0]

    def act(fn: Activation, x: Value, name: str) -> Value:
        clipped = x if v.clip is None else activation_nodes.clip(e, x, v.clip, f"{x.name}_clipped")
        return activation_nodes.activation(e, fn, clipped, name)

    gates = act(f, e.gemm(s, e.value(f"{P}Rzru"), xzru, "pre_zru"), "ZRUt")
    bias = e.value(f"{P}Rbq") if v.linear_before_reset and "B" in v.has else None
    inner = e.gemm(s, e.value(f"{P}Rq"), bias, "recurrent_hq")
    a = e.op("Mul", [gates, inner], "reset_hq")
    n = act(g, e.gemm(a, e.value(f"{P}Rn"), xh, "pre_h"), "ht")
    u = e.op("Mul", [gates, n], "update")
    if summands:
        for value in (a, u, inner):
            e.result(value)
    else:
        e.result(e.op("Add", [a, u], "St_new"))


def weights(v: Variant, gates: dict[str, Array]) -> dict[str, Binding]:
    """Build the wide weights.

    Args:
        v: The variant.
        gates: Every weight of every direction by local name: ``Wz`` [H, I], ``Rz`` [H, H], ``bz`` [H], ``Rbh`` [H].

    """
    prefixes = [around_the_steps.prefix_of(direction) for direction in v.directions]
    z, r, h = (scan_packed_block_double.diagonal([gates[f"{p}R{gate}"] for p in prefixes]) for gate in GATES)
    one, none = np.eye(len(z), dtype=z.dtype), np.zeros_like(z)
    lbr = v.linear_before_reset
    wide = {
        f"{P}Rzru": _from_state(z, r, -z),
        f"{P}Rq": _from_state(one, h if lbr else one, none),
        f"{P}Rn": np.block([[none, none, none], [none, none, none], [none, one if lbr else h, none]]),
    }
    for index, p in enumerate(prefixes):
        z, r, h = (_in_place(gates[f"{p}W{gate}"], index, len(prefixes)) for gate in GATES)
        wide[f"{p}{P}Wzru"] = np.concatenate([z, r, -z])
        wide[f"{p}{P}Wh"] = np.concatenate([np.zeros_like(h), np.zeros_like(h), h])
    if f"{prefixes[0]}bz" in gates:
        z, r, h = (np.concatenate([gates[f"{p}b{gate}"] for p in prefixes]) for gate in GATES)
        wide[f"{P}bzru"] = np.concatenate([z, r, -z])
        wide[f"{P}bh"] = np.concatenate([np.zeros_like(h), np.zeros_like(h), h])
    if f"{prefixes[0]}Rbh" in gates:
        q = np.concatenate([gates[f"{p}Rbh"] for p in prefixes])
        wide[f"{P}Rbq"] = np.concatenate([np.zeros_like(q), q, np.zeros_like(q)])
    return {name: numpy_helper.from_array(array) for name, array in wide.items()}


def _in_place(rows: Array, index: int, parts_of: int) -> Array:
    """Return a direction's rows where they stand among those of all directions, zeros for the others."""
    return np.concatenate([rows if place == index else np.zeros_like(rows) for place in range(parts_of)])


def _from_state(*rows: Array) -> Array:
    """Return the matrix that applies each of some matrices to the sum of a state's first and last part."""
    return np.block([[row, np.zeros_like(row), row] for row in rows])

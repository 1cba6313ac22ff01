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
are two such blocks side by side.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import numpy_helper

from gru_lower.gru.spec import GATES
from gru_lower.passes.lower import functions, masks, packed, parts, scan
from gru_lower.passes.lower.emit import Emitter, Value
from gru_lower.passes.lower.variant import VANISHES

if TYPE_CHECKING:
    from gru_lower.gru.activations import Activation
    from gru_lower.passes.lower.template import Binding, Template
    from gru_lower.passes.lower.variant import Variant

Array = np.ndarray[Any, np.dtype[Any]]
P = packed.P


def applies(v: Variant) -> bool:
    """Whether a variant can be tripled: constant weights, f(x) + f(-x) = 1, g(0) = 0."""
    return (
        packed.applies(v)
        and "W" not in v.dynamic
        and v.directions[0].f.complements
        and (v.directions[0].g.name in VANISHES)
    )


@lru_cache(maxsize=256)
def template(v: Variant) -> Template:
    """Author the whole replacement of one variant."""
    e = Emitter(v.opset, v.elem_type, v.vocabulary)
    given = parts.inputs(e, v)
    H, D = v.hidden_size, len(v.directions)
    steps = []
    for name, closed in (("zru", ("z", "r", "r")), ("h", ("h", "h", "h"))):
        rows = [
            _project(
                e, v, packed.backwards(e, v, given) if d.reverse else given, f"{parts.prefix_of(d)}{P}", name, closed
            )
            for d in v.directions
        ]
        joined = packed.join(e, rows, 1, f"{P}X{name}_all")
        steps.append(parts.as_steps(e, v, given.x, joined, f"{P}X{name}_steps", 3 * H * D))
    zero = parts.zero_state(e, v, given.x, width=3 * H * D)
    state: list[Value | None] = [zero, zero]
    if any(given.states):
        nothing = parts.zero_state(e, v, given.x, width=2 * H)
        pieces = [piece for initial in given.states for piece in (initial, nothing)]
        state[0] = e.op("Concat", pieces, f"{P}initial", axis=1)
    body = Emitter(v.opset, v.elem_type, v.vocabulary, e)
    summands = scan.carries_summands(v)
    _write_body(body, v, summands=summands)
    outputs = scan.run(e, v, body, state[: 1 + summands], steps, P)
    last = e.op("Add", outputs[:2], f"{P}last") if summands else outputs[0]
    ys, ends = [], []
    for i, direction in enumerate(v.directions):
        p, first = parts.prefix_of(direction), 3 * H * i
        halves = [
            e.slice(last, first + k * H, first + (k + 1) * H, 1, f"{p}last_{n}") for k, n in ((0, "zh"), (2, "un"))
        ]
        ends.append(e.op("Add", halves, f"{p}last"))
        if summands:
            before = e.slice(outputs[2], first, first + H, 2, f"{p}Y_before")
            mask = None if direction.reverse else given.mask
            y = scan.join(e, v, before, ends[-1], p, mask=mask)
            if direction.reverse:
                y = parts.valid_steps(e, v, given.mask, packed.flip(e, y, f"{p}Y_flipped"), f"{p}Y_valid")
            ys.append(y)
    return e.template(parts.finish(e, v, given.mask, e.stack(ys, 1, "Y_stacked") if ys else None, ends))


def _project(e: Emitter, v: Variant, given: parts.Inputs, p: str, name: str, closed: tuple[str, ...]) -> Value:
    """Return three gates' projections side by side, [T·B, 3H]."""
    bias = e.value(f"{p}b{name}") if "B" in v.has else None
    rows = e.gemm(given.rows, e.value(f"{p}W{name}"), bias, f"{p}X{name}")
    if given.mask is None:
        return rows
    padding = np.repeat([parts.CLOSED[gate] for gate in closed], v.hidden_size)
    return masks.fill(e, v, given.mask, [rows], padding, f"{p}X{name}_valid")


def _write_body(e: Emitter, v: Variant, *, summands: bool) -> None:
    f, g = v.directions[0].f, v.directions[0].g
    state = [e.formal(f"{P}A_1"), e.formal(f"{P}U_1")] if summands else [e.formal(f"{P}S_1")]
    xzru, xh = e.formal(f"{P}Xzrut"), e.formal(f"{P}Xht")
    s = e.op("Add", state, "St") if summands else state[0]

    def act(fn: Activation, x: Value, name: str) -> Value:
        clipped = x if v.clip is None else functions.clip(e, x, v.clip, f"{x.name}_clipped")
        return functions.activation(e, fn, clipped, name)

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
    wide: dict[str, Array] = {}
    recurrent: dict[str, list[Array]] = {"Rzru": [], "Rq": [], "Rn": []}
    inner: list[Array] = []
    for direction in v.directions:
        p = parts.prefix_of(direction)
        for key in ("W", "b"):
            if f"{p}{key}z" not in gates:
                continue
            z, r, h = (gates[f"{p}{key}{gate}"] for gate in GATES)
            wide[f"{p}{P}{key}zru"] = np.concatenate([z, r, -z])
            wide[f"{p}{P}{key}h"] = np.concatenate([np.zeros_like(h), np.zeros_like(h), h])
        z, r, h = (gates[f"{p}R{gate}"] for gate in GATES)
        one, none = np.eye(len(z), dtype=z.dtype), np.zeros_like(z)
        lbr = v.linear_before_reset
        recurrent["Rzru"].append(_from_state(z, r, -z))
        recurrent["Rq"].append(_from_state(one, h if lbr else one, none))
        recurrent["Rn"].append(np.block([[none, none, none], [none, none, none], [none, one if lbr else h, none]]))
        if f"{p}Rbh" in gates:
            bias = gates[f"{p}Rbh"]
            inner += [np.zeros_like(bias), bias, np.zeros_like(bias)]
    wide |= {f"{P}{name}": packed.diagonal(blocks) for name, blocks in recurrent.items()}
    if inner:
        wide[f"{P}Rbq"] = np.concatenate(inner)
    return {name: numpy_helper.from_array(array) for name, array in wide.items()}


def _from_state(*rows: Array) -> Array:
    """Return the matrix that applies each of some matrices to the sum of a state's first and last part."""
    return np.block([[row, np.zeros_like(row), row] for row in rows])

"""The Scan form for small H, where a step costs what its kernels cost to start: a wide state and fewer of them.

``block``: both directions in one body. Their states stand side by side, the recurrent weights are block-diagonal, and
the reverse direction reads X backwards, so that both go the same way:

    S = [h_f | h_b]      S' = step(S) with R = diag(R_f, R_b)

``double``: the state stands there twice, S = [h | h], so that one Gemm makes both gates and one the next state:

    [z | r] = f([h | h] [Rz 0; 0 Rr]ᵀ + [Xz | Xr])
    [n | n] = g(([z | r] ∘ [h | h]) [0 Rh; 0 Rh]ᵀ + [Xh | Xh])                  linear_before_reset = 0
    [q | q] = [h | h] [Rh 0; Rh 0]ᵀ + [Rbh | Rbh]                               linear_before_reset ≠ 0
    [n | n] = g(([z | r] ∘ [q | q]) [0 I; 0 I]ᵀ + [Xh | Xh])
    [h | h]' = ([z | r] ∘ [h - n | h - n]) [I 0; I 0]ᵀ + [n | n]
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import numpy_helper

from gru_lower.emission.emitter import Emitter, Value
from gru_lower.gru.spec import GATES
from gru_lower.gru.step_equations import Projection
from gru_lower.passes.lower_gru.forms import activation_nodes, around_the_steps, scan, sequence_masks, step_nodes

if TYPE_CHECKING:
    from gru_lower.emission.template import Binding, Template
    from gru_lower.gru.activations import Activation
    from gru_lower.passes.lower_gru.variant import Variant

Array = np.ndarray[Any, np.dtype[Any]]
P = "packed_"
SLICE_STEPS_OPSET = 10


def applies(v: Variant) -> bool:
    """Whether a variant can be packed: constant R and Rbh, one pair of activations, no Where in the body."""
    same = len({(d.f, d.g) for d in v.directions}) == 1
    return (
        not {"R", "B"} & v.dynamic
        and v.vocabulary.has("Gemm")
        and same
        and v.mask != "where"
        and v.opset >= SLICE_STEPS_OPSET
    )


@lru_cache(maxsize=256)
def template(v: Variant, double: bool) -> Template:  # noqa: FBT001 - part of the cache's key
    """Author the whole replacement of one variant."""
    e = Emitter(v.opset, v.elem_type, v.vocabulary)
    around_the_steps.dynamic_weights(e, v)
    given = around_the_steps.inputs(e, v)
    rows = [around_the_steps.project(e, v, d, backwards(e, v, given) if d.reverse else given) for d in v.directions]
    z, r, h = ([getattr(row, gate) for row in rows] for gate in GATES)
    lanes = [z + r, h + h] if double else [z, r, h]
    names = ["Xzr", "Xhh"] if double else [f"X{gate}" for gate in GATES]
    width = len(v.directions) * v.hidden_size
    wide = width * (2 if double else 1)
    steps = [
        around_the_steps.as_steps(e, v, given.x, join(e, lane, 1, f"{P}{name}"), f"{P}{name}_steps", wide)
        for lane, name in zip(lanes, names, strict=True)
    ]
    state: list[Value | None] = [around_the_steps.zero_state(e, v, given.x, width=wide)]
    if "initial_h" in v.has:
        state = [join(e, given.states * (2 if double else 1), 1, f"{P}initial")]
    if scan.carries_summands(v):
        state.append(around_the_steps.zero_state(e, v, given.x, width=wide))
    body = Emitter(v.opset, v.elem_type, v.vocabulary, e)
    (_double_body if double else _block_body)(body, v)
    outputs = scan.run(e, v, body, state, steps, P, x=given.x, width=wide)
    last, y = scan.finish(e, v, outputs, P, mask=straight_mask(v, given), width=wide)
    if double:
        last = e.slice(last, 0, width, 1, f"{P}last_once")
        y = y if y is None else e.slice(y, 0, width, 2, f"{P}Y_once")
    return e.template(split(e, v, given, last, y))


def straight_mask(v: Variant, given: around_the_steps.Inputs) -> sequence_masks.Mask | None:
    """Return the mask of Y in the order of a packed Scan's steps, if there is one for all it holds."""
    return given.mask if len(v.directions) == 1 and not v.directions[0].reverse else None


def split(e: Emitter, v: Variant, given: around_the_steps.Inputs, last: Value, y: Value | None) -> dict[str, Value]:
    """Return the node's outputs.

    Args:
        e: Where to.
        v: The variant.
        given: What went in.
        last: The last states of all directions, [B, D·H].
        y: The states after all steps in the order of the steps, [T, B, D·H], if Y is asked for.

    """
    prefixes = [around_the_steps.prefix_of(d) for d in v.directions]
    ends = e.split(last, v.hidden_size, [f"{p}last" for p in prefixes], axis=1)
    if y is None:
        return around_the_steps.finish(e, v, given.mask, None, ends)
    each = e.split(y, v.hidden_size, [f"{p}Y_steps" for p in prefixes], axis=2)
    each = [flip(e, x, f"{x.name}_flipped") if d.reverse else x for x, d in zip(each, v.directions, strict=True)]
    if straight_mask(v, given) is None:
        each = [
            around_the_steps.valid_steps(e, v, given.mask, x, f"{p}Y_valid")
            for x, p in zip(each, prefixes, strict=True)
        ]
    return around_the_steps.finish(e, v, given.mask, e.stack(each, 1, "Y_stacked"), ends)


def join(e: Emitter, values: list[Value], axis: int, name: str) -> Value:
    """Join values along an axis; one is itself."""
    return values[0] if len(values) == 1 else e.op("Concat", values, name, axis=axis)


def flip(e: Emitter, x: Value, name: str) -> Value:
    """Reverse the first axis."""
    bounds = [e.ints("flip_start", [-1]), e.ints("flip_end", [-(2**31)]), e.ints("flip_axes", [0])]
    return e.op("Slice", [x, *bounds, e.ints("flip_steps", [-1])], name)


def backwards(e: Emitter, v: Variant, given: around_the_steps.Inputs) -> around_the_steps.Inputs:
    """Return the inputs with time running backwards."""
    x = flip(e, given.x, "X_backwards")
    rows = around_the_steps.as_rows(e, v, x, "X_backwards_rows")
    mask = given.mask
    if mask is not None:
        mask = replace(mask, valid=flip(e, mask.valid, "mask_backwards"))
    return replace(given, x=x, rows=rows, mask=mask)


def _block_body(e: Emitter, v: Variant) -> None:
    direction = v.directions[0]
    v = replace(v, hidden_size=len(v.directions) * v.hidden_size)
    if scan.carries_summands(v):
        summands = [e.formal(f"{P}ht_1"), e.formal(f"{P}update_1")]
        xt = Projection(*(e.formal(f"{P}X{gate}t") for gate in GATES))
        ht_1 = e.op("Add", summands, f"{P}Ht_1")
        _results(e, *step_nodes.emit_summands(e, v, direction, xt, ht_1, P), ht_1)
        return
    ht_1 = e.formal(f"{P}Ht_1")
    xt = Projection(*(e.formal(f"{P}X{gate}t") for gate in GATES))
    _close(e, v, step_nodes.emit_step(e, v, direction, xt, ht_1, None, prefix=P))


def _double_body(e: Emitter, v: Variant) -> None:
    f, g = v.directions[0].f, v.directions[0].g
    names = ("nn_1", "update_1") if scan.carries_summands(v) else ("Ht_1",)
    state = [e.formal(f"{P}{name}") for name in names]
    xzr, xhh = e.formal(f"{P}Xzrt"), e.formal(f"{P}Xhht")
    hh = e.gemm(state[1], _twice(e, v, "first"), state[0], "HHt_1") if scan.carries_summands(v) else state[0]

    def act(fn: Activation, x: Value, name: str) -> Value:
        clipped = x if v.clip is None else activation_nodes.clip(e, x, v.clip, f"{x.name}_clipped")
        return activation_nodes.activation(e, fn, clipped, name)

    zr = act(f, e.gemm(hh, e.value(f"{P}Rzr"), xzr, "pre_zr"), "ZRt")
    inner = hh
    if v.linear_before_reset:
        bias = e.value(f"{P}Rbqq") if "B" in v.has else None
        inner = e.gemm(hh, e.value(f"{P}Rqq"), bias, "recurrent_hh")
    reset = e.op("Mul", [zr, inner], "reset_hh")
    nn = act(
        g, e.gemm(reset, _twice(e, v, "second") if v.linear_before_reset else e.value(f"{P}Rnn"), xhh, "pre_hh"), "nn"
    )
    update = e.op("Mul", [zr, e.sub(hh, nn, "change")], "update")
    if scan.carries_summands(v):
        _results(e, nn, update, hh)
    else:
        _close(e, v, e.gemm(update, _twice(e, v, "first"), nn, "Ht"))


def _close(e: Emitter, v: Variant, ht: Value) -> None:
    _results(e, ht, *([e.op("Identity", [ht], "Yt")] if "Y" in v.wants else []))


def _results(e: Emitter, *values: Value) -> None:
    for value in values:
        e.result(value)


def weights(v: Variant, gates: dict[str, Array], double: bool) -> dict[str, Binding]:  # noqa: FBT001
    """Build the wide recurrent weights.

    Args:
        v: The variant.
        gates: ``Rz``, ``Rr``, ``Rh`` [H, H] and, where there is one, ``Rbh`` [H] by local name, of every direction.
        double: Whether the state stands there twice.

    """
    prefixes = [around_the_steps.prefix_of(direction) for direction in v.directions]
    z, r, h = (diagonal([gates[f"{p}R{gate}"] for p in prefixes]) for gate in GATES)
    bias = np.concatenate([gates[f"{p}Rbh"] for p in prefixes]) if f"{prefixes[0]}Rbh" in gates else None
    wide: dict[str, Array] = {}
    if not double:
        wide = {"Rz": z, "Rr": r, "Rh": h}
        if bias is not None:
            wide["Rbh"] = bias
    else:
        size = len(z)
        wide = {"Rzr": diagonal([z, r])}
        inner = np.zeros((2 * size, 2 * size), h.dtype)
        half = slice(0, size) if v.linear_before_reset else slice(size, None)
        inner[:size, half] = inner[size:, half] = h
        wide["Rqq" if v.linear_before_reset else "Rnn"] = inner
        if bias is not None:
            wide["Rbqq"] = np.concatenate([bias, bias])
    return {f"{P}{name}": numpy_helper.from_array(array) for name, array in wide.items()}


def _twice(e: Emitter, v: Variant, half: str) -> Value:
    """Return the matrix that puts the first or the second half of a doubled vector in both places."""
    one = np.eye(len(v.directions) * v.hidden_size)
    none = np.zeros_like(one)
    row = [one, none] if half == "first" else [none, one]
    return e.tensor(f"{P}{half}", np.block([row, row]))


def diagonal(blocks: list[Array]) -> Array:
    """Return a block-diagonal matrix."""
    if len(blocks) == 1:
        return blocks[0]
    height, width = (sum(block.shape[axis] for block in blocks) for axis in (0, 1))
    result = np.zeros((height, width), blocks[0].dtype)
    row = column = 0
    for block in blocks:
        result[row : row + block.shape[0], column : column + block.shape[1]] = block
        row, column = row + block.shape[0], column + block.shape[1]
    return result

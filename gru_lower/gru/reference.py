"""The GRU operator, literally, in numpy float64: the oracle that everything else is compared with.

It shares nothing with the rest of the project but the error class, so that no bug can be on both sides of a
comparison. Source: https://onnx.ai/onnx/operators/onnx__GRU.html, and where that text is silent or ambiguous,
what onnxruntime 1.31 computes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from gru_lower.errors import InvalidModel

Array = npt.NDArray[np.float64]
Activation = Callable[[Array], Array]

BLOCK: Final = 1 << 22
"""Elements of a matrix that are turned into float64 at once."""
REVERSED: Final = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}


def _sigmoid(x: Array) -> Array:
    e: Array = np.exp(np.minimum(x, 0))  # at most 1, like exp(-|x|), so that nothing overflows
    return e / (1.0 + np.exp(-np.abs(x)))


# name -> (function of x, alpha, beta; default alpha; default beta), None where it takes no such parameter.
ACTIVATIONS: Final[dict[str, tuple[Callable[[Array, float, float], Array], float | None, float | None]]] = {
    "relu": (lambda x, _a, _b: np.maximum(x, 0), None, None),
    "tanh": (lambda x, _a, _b: np.tanh(x), None, None),
    "sigmoid": (lambda x, _a, _b: _sigmoid(x), None, None),
    "softsign": (lambda x, _a, _b: x / (1 + np.abs(x)), None, None),
    "softplus": (lambda x, _a, _b: np.logaddexp(x, 0), None, None),
    "leakyrelu": (lambda x, a, _b: np.where(x >= 0, x, a * x), 0.01, None),
    "thresholdedrelu": (lambda x, a, _b: np.where(x > a, x, 0), 0.0, None),
    "elu": (lambda x, a, _b: np.where(x >= 0, x, a * np.expm1(np.minimum(x, 0))), 1.0, None),
    "affine": (lambda x, a, b: a * x + b, 0.0, 0.0),
    "scaledtanh": (lambda x, a, b: a * np.tanh(b * x), 0.0, 0.0),
    "hardsigmoid": (lambda x, a, b: np.clip(a * x + b, 0, 1), 0.2, 0.5),
}


def gru(
    X: npt.ArrayLike,
    W: npt.ArrayLike,
    R: npt.ArrayLike,
    B: npt.ArrayLike | None = None,
    sequence_lens: npt.ArrayLike | None = None,
    initial_h: npt.ArrayLike | None = None,
    *,
    activation_alpha: Sequence[float] | None = None,
    activation_beta: Sequence[float] | None = None,
    activations: Sequence[str | bytes] | None = None,
    clip: float | None = None,
    direction: str | bytes = "forward",
    hidden_size: int | None = None,
    layout: int = 0,
    linear_before_reset: int = 0,
    zero_length_state: Literal["zero", "initial"] = "zero",
) -> tuple[Array, Array]:
    """Compute the GRU operator in float64, whatever the inputs' type.

    Sizes: T steps, B sequences, I inputs, H hidden units, D = 2 if bidirectional, else 1. Gate order z, r, h::

        zt = f(clip(Xt Wz' + Ht-1 Rz' + Wbz + Rbz))
        rt = f(clip(Xt Wr' + Ht-1 Rr' + Wbr + Rbr))
        ht = g(clip(Xt Wh' + (rt * Ht-1) Rh' + Rbh + Wbh))      linear_before_reset = 0
        ht = g(clip(Xt Wh' + rt * (Ht-1 Rh' + Rbh) + Wbh))      linear_before_reset != 0
        Ht = (1 - zt) * ht + zt * Ht-1

    Float attributes are rounded to float32, which is all a model can hold. ThresholdedRelu passes x > alpha. The
    operator leaves the defaults of ThresholdedRelu, Affine and ScaledTanh ambiguous; onnxruntime's are taken:
    alpha 0 for the first, alpha 0 and beta 0 (so a constant 0) for the others. Overflow gives infinities and NaN
    as IEEE has it, without a warning.

    Args:
        X: [T,B,I], or [B,T,I] in layout 1.
        W: [D,3H,I].
        R: [D,3H,H].
        B: [D,6H] = Wbz Wbr Wbh Rbz Rbr Rbh; zeros if None.
        sequence_lens: [B] integers in 0..T; T for all if None. What X holds past a length is never read.
        initial_h: [D,B,H], or [B,D,H] in layout 1; zeros if None.
        activation_alpha: Consumed in order, only by the functions that take an alpha; defaults once exhausted.
        activation_beta: The same for beta.
        activations: f and g for each direction, names in any case; Sigmoid and Tanh if None or empty.
        clip: Bounds each whole pre-activation of z, r and h to [-clip, clip]; no bound if None.
        direction: "forward", "reverse" or "bidirectional", in lower case as onnxruntime demands it.
        hidden_size: H; taken from R if None.
        layout: 0 or 1.
        linear_before_reset: 0, or anything else for the second equation of ht.
        zero_length_state: Y_h of a sequence of length 0: "zero" as onnxruntime has it, or "initial" for initial_h.

    Returns:
        Y [T,D,B,H], or [B,T,D,H] in layout 1, zero past each length; and Y_h [D,B,H], or [B,D,H] in layout 1, the
        state after the last processed step. With T = 0 and no sequence_lens, Y_h is initial_h.

    Raises:
        InvalidModel: The inputs or attributes break the operator's rules.

    """
    direction = _text(direction)
    if direction not in REVERSED:
        raise _invalid(f"direction is {direction!r}", f"use one of {', '.join(REVERSED)}, in lower case")
    if layout not in {0, 1}:
        raise _invalid(f"layout is {layout}", "use 0 (X is [T,B,I]) or 1 (X is [B,T,I])")
    if clip is not None and not clip > 0:
        raise _invalid(f"clip is {clip}", "use a clip above 0, or leave it out")
    if zero_length_state not in {"zero", "initial"}:
        raise _invalid(f"zero_length_state is {zero_length_state!r}", 'use "zero" or "initial"')

    limited = _limiter(clip)
    x = _floats("X", X, (None, None, None))
    x = x.swapaxes(0, 1) if layout else x
    steps, batch, inputs = x.shape
    directions = len(REVERSED[direction])
    hidden = _shaped("R", R, (None, None, None)).shape[2] if hidden_size is None else hidden_size
    w = _shaped("W", W, (directions, 3 * hidden, inputs))
    r = _shaped("R", R, (directions, 3 * hidden, hidden))
    b = np.zeros((directions, 6 * hidden)) if B is None else _floats("B", B, (directions, 6 * hidden))
    lens = np.full(batch, steps) if sequence_lens is None else _lengths(sequence_lens, steps, batch)
    shortest = int(lens.min(initial=steps))
    state_shape = (batch, directions, hidden) if layout else (directions, batch, hidden)
    h0 = np.zeros(state_shape) if initial_h is None else _floats("initial_h", initial_h, state_shape)
    functions = _functions(activations, directions, activation_alpha, activation_beta)

    Y = np.zeros((steps, directions, batch, hidden))
    Y_h = h0.swapaxes(0, 1).copy() if layout else h0.copy()
    with np.errstate(over="ignore", invalid="ignore"):
        for d, backward in enumerate(REVERSED[direction]):
            f, g = functions[d]
            Wzr, Wh = map(_double, (w[d, : 2 * hidden], w[d, 2 * hidden :]))
            Rzr, Rh = map(_double, (r[d, : 2 * hidden], r[d, 2 * hidden :]))
            Wbz, Wbr, Wbh, Rbz, Rbr, Rbh = b[d].reshape(6, hidden)
            Wbzr, Rbzr = np.concatenate([Wbz, Wbr]), np.concatenate([Rbz, Rbr])
            for t in reversed(range(steps)) if backward else range(steps):
                # The rows whose sequence has a step t: no other row of X is read.
                live = slice(None) if t < shortest else t < lens
                Xt, Ht_1 = x[t, live], Y_h[d, live]
                zrt = f(limited(_times(Xt, Wzr) + _times(Ht_1, Rzr) + Wbzr + Rbzr))
                zt, rt = zrt[:, :hidden], zrt[:, hidden:]
                if linear_before_reset == 0:
                    ht = g(limited(_times(Xt, Wh) + _times(rt * Ht_1, Rh) + Rbh + Wbh))
                else:
                    ht = g(limited(_times(Xt, Wh) + rt * (_times(Ht_1, Rh) + Rbh) + Wbh))
                Y[t, d, live] = Y_h[d, live] = (1 - zt) * ht + zt * Ht_1
    if sequence_lens is not None and zero_length_state == "zero":
        Y_h[:, lens == 0] = 0
    return (Y.transpose(2, 0, 1, 3), Y_h.swapaxes(0, 1)) if layout else (Y, Y_h)


def _limiter(clip: float | None) -> Callable[[Array], Array]:
    """Return what bounds pre-activations."""
    if clip is None:
        return lambda x: x
    bound = float(np.float32(clip))
    return lambda x: np.clip(x, -bound, bound)


def _functions(
    activations: Sequence[str | bytes] | None,
    directions: int,
    alphas: Sequence[float] | None,
    betas: Sequence[float] | None,
) -> list[tuple[Activation, Activation]]:
    """Return f and g of each direction."""
    names = activations or ("Sigmoid", "Tanh") * directions
    if len(names) != 2 * directions:
        raise _invalid(
            f"activations has {len(names)} names for {directions} direction(s)",
            f"give f and g for each direction: {2 * directions} names, or leave the attribute out",
        )
    alpha, beta = iter(alphas or ()), iter(betas or ())
    functions = [_function(_text(name), alpha, beta) for name in names]
    return list(zip(functions[::2], functions[1::2], strict=True))


def _function(name: str, alphas: Iterator[float], betas: Iterator[float]) -> Activation:
    """Return the function with its parameters, taken from the iterators only if it has such a parameter."""
    if name.lower() not in ACTIVATIONS:
        raise _invalid(f"activation {name!r} is unknown", f"use one of {', '.join(ACTIVATIONS)}")
    function, default_alpha, default_beta = ACTIVATIONS[name.lower()]
    alpha = 0.0 if default_alpha is None else float(np.float32(next(alphas, default_alpha)))
    beta = 0.0 if default_beta is None else float(np.float32(next(betas, default_beta)))
    return lambda x: function(x, alpha, beta)


def _floats(name: str, value: npt.ArrayLike, shape: tuple[int | None, ...]) -> Array:
    """Return the input as float64, if it has the shape wanted (None: any size)."""
    return _shaped(name, value, shape).astype(np.float64)


def _shaped(name: str, value: npt.ArrayLike, shape: tuple[int | None, ...]) -> npt.NDArray[Any]:
    """Return the input as it is, if it has the shape wanted (None: any size)."""
    array = np.asarray(value)
    if array.ndim != len(shape) or any(n not in {None, m} for n, m in zip(shape, array.shape, strict=True)):
        wanted = f"{len(shape)} axes" if None in shape else f"shape {list(shape)}"
        raise _invalid(f"{name} has shape {list(array.shape)}, not {wanted}", "check direction, hidden_size and layout")
    return array


def _double(matrix: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a matrix in float64; a large one as it is, to be turned block by block wherever it is used."""
    return matrix if matrix.size > BLOCK else matrix.astype(np.float64)


def _times(x: Array, matrix: npt.NDArray[Any]) -> Array:
    """Return x [B,I] times the transposed of a matrix [H,I], in float64."""
    if matrix.size <= BLOCK:
        small: Array = x @ matrix.T
        return small
    rows = max(1, BLOCK // matrix.shape[1])
    return np.concatenate([x @ matrix[i : i + rows].astype(np.float64).T for i in range(0, len(matrix), rows)], axis=1)


def _lengths(value: npt.ArrayLike, steps: int, batch: int) -> npt.NDArray[np.int64]:
    lens = np.asarray(value)
    if lens.shape != (batch,) or not (np.issubdtype(lens.dtype, np.integer) or lens.size == 0):
        raise _invalid(f"sequence_lens is {lens.dtype} {list(lens.shape)}", f"give one integer per sequence: [{batch}]")
    if np.any((lens < 0) | (lens > steps)):
        raise _invalid(f"sequence_lens holds {lens.tolist()}", f"give lengths from 0 to T = {steps}")
    return lens.astype(np.int64)


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _invalid(what: str, hint: str) -> InvalidModel:
    return InvalidModel(f"GRU: {what}", hint=hint)

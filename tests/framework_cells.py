"""The layers' own equations, as their documentation has them, in numpy: one step each, and weights at random."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Array = np.ndarray[Any, np.dtype[Any]]
Arrays = dict[str, Array]


def sigmoid(x: Array) -> Array:
    result: Array = 1 / (1 + np.exp(-x))
    return result


FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "relu": lambda x: np.maximum(x, 0),
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "linear": lambda x: x,
    "softsign": lambda x: x / (1 + np.abs(x)),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x),
}


def torch_step(w: Mapping[str, Array], suffix: str, x: Array, h: Array) -> Array:
    """Return the next state of torch.nn.GRU: weights [3H, I] in the order r, z, n."""
    from_x, from_h = x @ w[f"weight_ih{suffix}"].T, h @ w[f"weight_hh{suffix}"].T
    if f"bias_ih{suffix}" in w:
        from_x, from_h = from_x + w[f"bias_ih{suffix}"], from_h + w[f"bias_hh{suffix}"]
    (xr, xz, xn), (hr, hz, hn) = np.split(from_x, 3, -1), np.split(from_h, 3, -1)
    r, z = sigmoid(xr + hr), sigmoid(xz + hz)
    return np.asarray((1 - z) * np.tanh(xn + r * hn) + z * h)


def keras_step(w: Mapping[str, Array], x: Array, h: Array, act: str, ract: str, *, reset_after: bool) -> Array:
    """Return the next state of keras.layers.GRU: kernels [I, 3H] in the order z, r, h."""
    bias = w.get("bias", np.zeros(1))
    rows = bias if bias.ndim == 2 else (bias, np.zeros(1))
    xz, xr, xh = np.split(x @ w["kernel"] + rows[0] + np.zeros(w["kernel"].shape[1]), 3, -1)
    f, g, U = FUNCTIONS[ract], FUNCTIONS[act], np.split(w["recurrent_kernel"], 3, -1)
    hz, hr, hh = np.split(h @ w["recurrent_kernel"] + rows[1] + np.zeros(w["kernel"].shape[1]), 3, -1)
    z, r = f(xz + hz), f(xr + hr)
    return np.asarray(z * h + (1 - z) * g(xh + (r * hh if reset_after else (r * h) @ U[2])))


def mlx_step(w: Mapping[str, Array], x: Array, h: Array | None) -> Array:
    """Return the next state of mlx.nn.GRU up to 0.31.1: weights [3H, I] in the order r, z, n; no state, no bhn."""
    xr, xz, xn = np.split(x @ w["Wx"].T + w.get("b", np.zeros(1)), 3, -1)
    if h is None:
        return np.asarray((1 - sigmoid(xz)) * np.tanh(xn))
    hr, hz, hn = np.split(h @ w["Wh"].T, 3, -1)
    r, z = sigmoid(xr + hr), sigmoid(xz + hz)
    return np.asarray((1 - z) * np.tanh(xn + r * (hn + w.get("bhn", np.zeros(1)))) + z * h)


def drawn(rng: np.random.Generator, shapes: Mapping[str, tuple[int, ...]], dtype: str = "float32") -> Arrays:
    """Return arrays of these shapes, small enough for states to stay small."""
    return {name: (rng.normal(0, 0.4, shape)).astype(dtype) for name, shape in shapes.items()}


def torch_shapes(I: int, H: int, layers: int = 1, D: int = 1, *, bias: bool = True) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for k in range(layers):
        for suffix in ("", "_reverse")[:D]:
            end = f"_l{k}{suffix}"
            shapes |= {f"weight_ih{end}": (3 * H, D * H if k else I), f"weight_hh{end}": (3 * H, H)}
            shapes |= {f"bias_ih{end}": (3 * H,), f"bias_hh{end}": (3 * H,)} if bias else {}
    return shapes


def keras_shapes(I: int, H: int, *, bias: bool = True, reset_after: bool = True) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {"kernel": (I, 3 * H), "recurrent_kernel": (H, 3 * H)}
    return shapes | ({"bias": (2, 3 * H) if reset_after else (3 * H,)} if bias else {})


def mlx_shapes(I: int, H: int, *, bias: bool = True) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {"Wx": (3 * H, I), "Wh": (3 * H, H)}
    return shapes | ({"b": (3 * H,), "bhn": (H,)} if bias else {})

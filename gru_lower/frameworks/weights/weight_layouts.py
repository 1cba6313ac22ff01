"""Conversion of a cell's weights between ONNX's layout and that of each framework, as its description says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gru_lower.errors import InvalidModel
from gru_lower.frameworks import gate_orders
from gru_lower.frameworks.gate_orders import reordered
from gru_lower.frameworks.weights.cell import Array, Cell, Weights
from gru_lower.gru.activations import SIGMOID, TANH
from gru_lower.gru.spec import FLOAT_TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from gru_lower.frameworks.descriptions.framework import Framework, Weight
    from gru_lower.gru.activations import Activation


def weights_of_cell(framework: Framework, cell: Cell) -> Weights:
    """Return the weights of a cell in a framework's layout.

    Args:
        framework: Whose names, layout and gate order.
        cell: The cell.

    """
    result = {weight.name: _weight_of_cell(framework, weight, cell) for weight in framework.weights}
    return {name: np.ascontiguousarray(array) for name, array in result.items() if array is not None}


def _weight_of_cell(framework: Framework, weight: Weight, cell: Cell) -> Array | None:
    if weight.part in ("W", "R"):
        blocks = reordered(cell.W if weight.part == "W" else cell.R, gate_orders.ONNX, framework.gates)
        return blocks.T if weight.transposed else blocks
    if cell.Wb is None or cell.Rb is None:
        return None
    Wb, Rb = (reordered(bias, gate_orders.ONNX, framework.gates) for bias in (cell.Wb, cell.Rb))
    if weight.part == "rows":
        return np.stack([Wb, Rb]) if cell.linear_before_reset else add_biases(Wb, Rb)
    H = cell.hidden_size
    if weight.part == "folded":
        return np.concatenate([add_biases(Wb[: 2 * H], Rb[: 2 * H]), Wb[2 * H :]])
    return {"Wb": Wb, "Rb": Rb, "Rbh": Rb[2 * H :]}[weight.part]


def cell_of_weights(
    framework: Framework,
    arrays: Mapping[str, Any],
    *,
    site: str = "",
    f: Activation = SIGMOID,
    g: Activation = TANH,
    linear_before_reset: bool | None = None,
) -> Cell:
    """Make a cell of a framework's weights.

    Args:
        framework: Whose names, layout and gate order.
        arrays: The weights by their names in the framework; biases may be absent.
        site: What to call the layer in an error.
        f: The activation of the update and reset gates.
        g: The activation of the candidate.
        linear_before_reset: Where the reset gate acts; by default what the bias's shape tells, and else after.

    Raises:
        InvalidModel: A weight is missing or unknown, or has another shape than the others ask for.

    """
    given = {name: np.asarray(array) for name, array in arrays.items()}
    names = [weight.name for weight in framework.weights]
    odd = [name for name in given if name not in names]
    if odd:
        raise _unfit(framework, site, f"{odd[0]!r} is none of a GRU's weights", f"its weights are {', '.join(names)}")
    missing = [name for name in names[:2] if name not in given]
    biases = [name for name in names[2:] if name in given]
    if missing or len(biases) not in (0, len(names) - 2):
        missing += [name for name in names[2:] if name not in given]
        raise _unfit(framework, site, f"the weight {missing[0]!r} is missing", "hand in all weights of the layer")
    W, R = (given[weight.name].T if weight.transposed else given[weight.name] for weight in framework.weights[:2])
    H = R.shape[-1] if R.ndim == 2 else 0
    if not H or R.shape[0] != 3 * H or W.ndim != 2 or W.shape[0] != 3 * H:
        shapes = ", ".join(f"{name} {list(array.shape)}" for name, array in given.items())
        wanted = ", ".join(f"{weight.name} {weight.shape}" for weight in framework.weights)
        raise _unfit(framework, site, f"the shapes are no GRU's: {shapes}", f"a GRU has {wanted}")
    kinds = sorted({str(array.dtype) for array in given.values()})
    if len(kinds) != 1 or kinds[0] not in FLOAT_TYPES.values():
        taken = ", ".join(FLOAT_TYPES.values())
        raise _unfit(framework, site, f"the weights are of type {', '.join(kinds)}", f"they have to be one of {taken}")
    W, R = (reordered(array, framework.gates, gate_orders.ONNX) for array in (W, R))
    Wb, Rb, rows = _biases(framework, given, H, site)
    if rows is not None and linear_before_reset not in (None, rows):
        what = f"bias is {list(given['bias'].shape)}, which is not of reset_after={linear_before_reset}"
        raise _unfit(framework, site, what, f"say reset_after={rows}")
    if linear_before_reset is None:
        linear_before_reset = rows is not False
    return Cell(W, R, Wb, Rb, f, g, linear_before_reset)


def _biases(
    framework: Framework, given: Mapping[str, Array], H: int, site: str
) -> tuple[Array | None, Array | None, bool | None]:
    """Return Wb and Rb, and where the shape tells it, linear_before_reset."""
    parts = {weight.part: given.get(weight.name) for weight in framework.weights[2:]}
    if all(array is None for array in parts.values()):
        return None, None, None
    sizes: dict[str, list[tuple[int, ...]]] = {
        "Wb": [(3 * H,)],
        "Rb": [(3 * H,)],
        "rows": [(2, 3 * H), (3 * H,)],
        "folded": [(3 * H,)],
        "Rbh": [(H,)],
    }
    for weight in framework.weights[2:]:
        shape = given[weight.name].shape
        if shape not in sizes[weight.part]:
            wanted = f"{weight.shape} with H = {H}"
            raise _unfit(framework, site, f"{weight.name} has shape {list(shape)}", f"{weight.name} is {wanted}")
    rows = parts.get("rows")
    if rows is not None:
        both = rows if rows.ndim == 2 else np.stack([rows, np.zeros_like(rows)])
        Wb, Rb = (reordered(row, framework.gates, gate_orders.ONNX) for row in both)
        return Wb, Rb, rows.ndim == 2
    folded, Rbh = parts.get("folded"), parts.get("Rbh")
    if folded is not None and Rbh is not None:
        zeros = np.zeros(2 * H, folded.dtype)
        return reordered(folded, framework.gates, gate_orders.ONNX), np.concatenate([zeros, Rbh]), None
    Wb, Rb = (reordered(given[weight.name], framework.gates, gate_orders.ONNX) for weight in framework.weights[2:])
    return Wb, Rb, None


def activation_name(activations: Mapping[str, Activation], function: Activation) -> str | None:
    """Return what a framework calls a function, ``name(alpha)`` where its own default is another, or ``None``."""
    for name, entry in activations.items():
        if entry == function:
            return name
    for name, entry in activations.items():
        if entry.name == function.name and function.name in ("Elu", "LeakyRelu"):
            return f"{name}({function.alpha!r})"
    return None


def _unfit(framework: Framework, site: str, what: str, hint: str) -> InvalidModel:
    return InvalidModel(f"{framework.title}: {what}", code="GL604", node=site or None, hint=hint)


def add_biases(left: Array, right: Array) -> Array:
    """Add two biases, rounding once; where the right one is 0 the left one stays as it is, to the bit."""
    total = (left.astype(np.float64) + right.astype(np.float64)).astype(left.dtype)
    folded: npt.NDArray[Any] = np.where(right == 0, left, total)
    return folded

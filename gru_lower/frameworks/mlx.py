"""mlx.nn.GRU, into ONNX and back.

The mlx package is imported to make a layer and, where it matters, to see what the installed one computes; weights
travel as numpy arrays.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gru_lower.frameworks.framework_data import MLX
from gru_lower.frameworks.layer_cell import Array, Cell, Half, Weights, fold
from gru_lower.frameworks.model_builder import Builder
from gru_lower.frameworks.read_grus import read
from gru_lower.frameworks.refusals import chain, check, load, not_a_layer, stranger, unfit
from gru_lower.frameworks.weight_layouts import of_cell, to_cell

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx

    from gru_lower.frameworks.gru_stack import Gru

NAME = re.compile(rf"(?:layers\.(?P<layer>\d+)\.)?(?P<weight>{'|'.join(weight.name for weight in MLX.weights)})")
TAKES = "an mlx.nn.GRU, a Sequential or list of them, or a dict of their weights"


def to_onnx(
    layer: Any,  # noqa: ANN401 - mlx's layers, without mlx
    *,
    config: Mapping[str, Any] | None = None,
    batched: bool = True,
    initial_state: bool = False,
    omits_bhn: bool | None = None,
    seq_length: int | None = None,
    batch_size: int | None = None,
    opset: int | None = None,
) -> onnx.ModelProto:
    """Write an MLX GRU as a model of GRU nodes.

    Inputs are X, [B,T,I], and initial_h, [B,H] (numbered for a stack), if asked for. The output is Y, [B,T,H].

    MLX up to 0.31.1, called without ``hidden``, leaves r ∘ bhn out of the first step. Unless bhn is 0 that is not one
    GRU: the first step then stands alone, and its state is the initial_h of a GRU over the other steps::

        z1 = sigmoid(X1 Wz' + bz)      h1 = (1 - z1) * tanh(X1 Wh' + bn)

    Args:
        layer: An ``mlx.nn.GRU``; a Sequential or list of them; or a dict of numpy arrays by their names.
        config: What goes with weights: the arguments of ``mlx.nn.GRU``, or a list of such as ``layers``; held against
            them.
        batched: Whether X has a batch axis; without one it is [T,I], and states are [H].
        initial_state: Whether the model has inputs for ``hidden``; otherwise it computes what a call without does.
        omits_bhn: Whether the first step leaves r ∘ bhn out; by default what the installed mlx does, or, for weights
            where none is installed, what the newest does: False.
        seq_length: T, where it is static.
        batch_size: B, where it is static.
        opset: The model's; 17 by default, 22 for bfloat16.

    Raises:
        Unsupported: It is no GRU, or the opset is too old.
        InvalidModel: Weights do not fit each other.

    """
    cells = _cells(layer)
    if config is not None:
        _configured(cells, config)
    b = Builder(cells[0].dtype, opset)
    B: list[int | str] = [batch_size or "B"] if batched else []
    T: int | str = seq_length or "T"
    x = b.input("X", [*B, T, cells[0].input_size])
    initial = [""] * len(cells)
    if initial_state:
        names = ["initial_h"] if len(cells) == 1 else [f"initial_h_{k}" for k in range(len(cells))]
        initial = [b.input(name, [*B, cell.hidden_size]) for name, cell in zip(names, cells, strict=True)]
        initial = [b.unsqueezed(state, 0) if batched else b.unsqueezed(b.unsqueezed(state, 0), 0) for state in initial]
    x = b.swapped(x) if batched else b.unsqueezed(x, 1)
    if omits_bhn is None:
        omits_bhn = not initial_state and any(_bhn(cell) for cell in cells) and _omits_bhn(layer)
    for cell, state in zip(cells, initial, strict=True):
        if omits_bhn and not state and _bhn(cell):
            x = _peeled(b, x, cell, seq_length)
        else:
            x = b.squeezed(b.gru(x, [Half(cell)], state)[0], 1)
    b.output("Y", b.swapped(x) if batched else b.squeezed(x, 1), [*B, T, cells[-1].hidden_size])
    return b.model()


def _configured(cells: Sequence[Cell], config: Mapping[str, Any]) -> None:
    """Hold a configuration against the weights, which tell all of it."""
    entries = config.get("layers", [config] * len(cells))
    if len(entries) != len(cells):
        raise unfit(MLX, f"{len(cells)} layers of weights, {len(entries)} of configuration", "one for each")
    for cell, entry in zip(cells, entries, strict=True):
        known = _arguments(cell)
        for key, value in entry.items():
            if known.get(key, value) != value or key not in known:
                says = f"the weights say {known[key]}" if key in known else f"the layer has {', '.join(known)}"
                raise unfit(MLX, f"{key} is {value}, but {says}", "correct the configuration")


def _bhn(cell: Cell) -> bool:
    return cell.Rb is not None and bool(np.any(cell.Rb[2 * cell.hidden_size :]))


def _omits_bhn(layer: object) -> bool:
    """Whether mlx, called without a state, computes something else than from a state of zeros."""
    if not _kind(layer) and isinstance(layer, Mapping):
        return False
    mx, nn = load(MLX, "mlx.core"), load(MLX, "mlx.nn")
    probe = nn.GRU(1, 1)
    probe.Wx, probe.Wh, probe.b, probe.bhn = mx.zeros((3, 1)), mx.zeros((3, 1)), mx.zeros((3,)), mx.ones((1,))
    return bool((probe(mx.zeros((1, 1, 1))) == 0.0).item())


def _peeled(b: Builder, x: str, cell: Cell, seq_length: int | None) -> str:
    """Write the first step without r ∘ bhn and a GRU over the others; return [T,B,H].

    A GRU over no steps at all aborts onnxruntime, so where T may be 1 the first step is walked once more, behind the
    last, and what comes of it is dropped.
    """
    H = cell.hidden_size
    bias = np.zeros(3 * H, cell.dtype) if cell.Wb is None or cell.Rb is None else _first_bias(cell.Wb, cell.Rb, H)
    x1 = b.op("Slice", [x, b.ints([0]), b.ints([1]), b.ints([0])])
    z, h = (
        b.op("Add", [b.op("MatMul", [x1, b.tensor(cell.W[rows].T, "first_W")]), b.tensor(bias[rows], "first_B")])
        for rows in (slice(H), slice(2 * H, 3 * H))
    )
    z = b.op("Sub", [b.float(1.0), b.op("Sigmoid", [z])])
    h1 = b.op("Mul", [z, b.op("Tanh", [h])])
    if seq_length == 1:
        return h1
    rest = b.op("Slice", [x, b.ints([1]), b.ints([int(np.iinfo(np.int64).max)]), b.ints([0])])
    if seq_length is None:
        rest = b.op("Concat", [rest, x1], axis=0)
    y = b.squeezed(b.gru(rest, [Half(cell)], h1)[0], 1)
    if seq_length is None:
        y = b.op("Slice", [y, b.ints([0]), b.ints([-1]), b.ints([0])])
    return b.op("Concat", [h1, y], axis=0)


def _first_bias(Wb: Array, Rb: Array, H: int) -> Array:
    """Return what is added in the first step: both biases of z, the input's of h; r has no part in it."""
    return np.concatenate([fold(Wb[: 2 * H], Rb[: 2 * H]), Wb[2 * H :]])


def from_onnx(
    model: Any,  # noqa: ANN401 - whatever holds a model
    *,
    node: str | None = None,
    into: Any = None,  # noqa: ANN401 - mlx's classes and layers
) -> Any:  # noqa: ANN401 - an mlx layer
    """Make an mlx.nn.GRU of a model's GRU, or a Sequential of them where the GRUs are one stack.

    The layer is batch-major, and the state before the first step is an argument of its call. With an MLX up to
    0.31.1 call it with zeros where the model has no initial_h, unless bhn is 0: see :func:`to_onnx`.

    Args:
        model: What :func:`gru_lower.lower` takes, or a :class:`gru_lower.frameworks.gru_stack.Gru`.
        node: The name or site of the GRU meant.
        into: ``mlx.nn.GRU`` (the default), or a layer that the weights are put into.

    Raises:
        Unsupported: The GRU is beyond MLX, or mlx is not installed.
        InvalidModel: ``into`` is a layer of another shape.

    """
    grus = _checked(model, node)
    mx, nn = load(MLX, "mlx.core"), load(MLX, "mlx.nn")
    if into is not None and into is not nn.GRU:
        layers = _layers(into)
        if len(layers) != len(grus):
            raise unfit(MLX, f"{len(layers)} GRUs to fill, {len(grus)} in the model", "name one with node=...")
        for layer, gru in zip(layers, grus, strict=True):
            _fill(mx, layer, gru)
        return into
    made = [_fill(mx, nn.GRU(**_config(gru)), gru) for gru in grus]
    return made[0] if len(made) == 1 else nn.Sequential(*made)


def to_weights(model: Any, *, node: str | None = None) -> Weights:  # noqa: ANN401 - whatever holds a model
    """Return the weights of a model's GRU as mlx.nn.GRU names them; of a stack, as a Sequential of GRUs does.

    Raises:
        Unsupported: The GRU is beyond MLX.

    """
    grus = _checked(model, node)
    prefixes = [""] if len(grus) == 1 else [f"layers.{k}." for k in range(len(grus))]
    return {
        f"{prefix}{name}": array
        for prefix, gru in zip(prefixes, grus, strict=True)
        for name, array in of_cell(MLX, gru.halves()[0].cell).items()
    }


def to_config(model: Any, *, node: str | None = None) -> dict[str, Any]:  # noqa: ANN401 - whatever holds a model
    """Return the arguments of mlx.nn.GRU that go with :func:`to_weights`; of a stack, a list of them as ``layers``."""
    configs = [_config(gru) for gru in _checked(model, node)]
    return configs[0] if len(configs) == 1 else {"layers": configs}


def _checked(model: Any, node: str | None) -> tuple[Gru, ...]:  # noqa: ANN401
    grus = read(model, node).grus
    for gru in grus:
        check(MLX, gru)
    return grus


def _config(gru: Gru) -> dict[str, Any]:
    return _arguments(gru.halves()[0].cell)


def _arguments(cell: Cell) -> dict[str, Any]:
    return {"input_size": cell.input_size, "hidden_size": cell.hidden_size, "bias": cell.Wb is not None}


def _fill(mx: Any, layer: Any, gru: Gru) -> Any:  # noqa: ANN401 - mlx's layers
    weights = of_cell(MLX, gru.halves()[0].cell)
    for weight in MLX.weights:
        array, old = weights.get(weight.name), getattr(layer, weight.name)
        if (array is None) != (old is None) or (array is not None and tuple(old.shape) != array.shape):
            shapes = [None if value is None else tuple(value.shape) for value in (old, array)]
            what = f"{weight.name} is {shapes[0] or 'absent'} in the layer and {shapes[1] or 'absent'} in the model"
            raise unfit(MLX, what, "make the layer with to_config(model), or leave out into=")
        setattr(layer, weight.name, None if array is None else _tensor(mx, array))
    return layer


def _tensor(mx: Any, array: Array) -> Any:  # noqa: ANN401 - mlx's arrays
    if array.dtype.name == "bfloat16":
        return mx.array(array.view(np.uint16)).view(mx.bfloat16)
    return mx.array(array, dtype=getattr(mx, array.dtype.name))


def _array(value: Any) -> Array:  # noqa: ANN401 - mlx's arrays, or numpy's
    if str(getattr(value, "dtype", "")) == "mlx.core.bfloat16":
        from ml_dtypes import bfloat16

        return np.array(value.view(load(MLX, "mlx.core").uint16)).view(bfloat16)
    return np.array(value)


def _cells(layer: Any) -> list[Cell]:  # noqa: ANN401 - mlx's layers
    if not _kind(layer) and isinstance(layer, Mapping):  # mlx's own layers are dicts, too
        groups: dict[int, Weights] = {}
        for name, value in layer.items():
            match = NAME.fullmatch(name)
            if match is None:
                raise stranger(MLX, name)
            groups.setdefault(int(match["layer"] or 0), {})[match["weight"]] = np.asarray(value)
        cells = [to_cell(MLX, groups[k], site=f"layer {k}") for k in sorted(groups)]
    else:
        cells = []
        for one in _layers(layer):
            values = {weight.name: getattr(one, weight.name, None) for weight in MLX.weights}
            cells.append(to_cell(MLX, {name: _array(value) for name, value in values.items() if value is not None}))
    if not cells:
        raise unfit(MLX, "there are no weights", "hand in those of the GRU: Wx, Wh, b, bhn")
    chain(MLX, [[Half(cell)] for cell in cells])
    return cells


def _layers(layer: Any) -> list[Any]:  # noqa: ANN401 - mlx's layers
    """Return the GRUs of a layer or a stack; dropout between them is nothing at inference."""
    kind = _kind(layer)
    if kind == "GRU":
        return [layer]
    if kind == "Sequential" or isinstance(layer, (list, tuple)):
        parts = layer if isinstance(layer, (list, tuple)) else layer.layers
        found = [one for part in parts if _kind(part) not in ("Dropout", "Identity") for one in _layers(part)]
        if found:
            return found
    raise not_a_layer(MLX, layer, TAKES)


def _kind(layer: Any) -> str:  # noqa: ANN401
    """Name the mlx class whose call the layer runs, ``""`` for anything else."""
    for base in type(layer).__mro__:
        if base.__module__.startswith("mlx.nn.layers."):
            return base.__name__ if type(layer).__call__ is base.__call__ else ""
    return ""

"""mlx.nn.GRU, into ONNX and back.

The mlx package is imported to make a layer and, where it matters, to see what the installed one computes; weights
are numpy arrays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gru_lower.frameworks.descriptions.mlx import MLX
from gru_lower.frameworks.mlx_layers.configure_layers import check_configuration, config_of
from gru_lower.frameworks.mlx_layers.make_layers import expressible_grus, make_layers
from gru_lower.frameworks.mlx_layers.read_layers import read_layers
from gru_lower.frameworks.mlx_layers.write_model import has_bhn, omits_bhn_in_first_step, write_model
from gru_lower.frameworks.weights.weight_layouts import weights_of_cell

if TYPE_CHECKING:
    from collections.abc import Mapping

    import onnx

    from gru_lower.frameworks.weights.cell import Weights


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
    GRU: the first step is then written by itself, and its state is the initial_h of a GRU over the other steps::

        z1 = sigmoid(X1 Wz' + bz)      h1 = (1 - z1) * tanh(X1 Wh' + bn)

    Args:
        layer: An ``mlx.nn.GRU``; a Sequential or list of them; or a dict of numpy arrays by their names.
        config: What goes with weights: the arguments of ``mlx.nn.GRU``, or a list of such as ``layers``; they have
            to agree with the weights.
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
    cells = read_layers(layer)
    if config is not None:
        check_configuration(cells, config)
    if omits_bhn is None:
        omits_bhn = not initial_state and any(has_bhn(cell) for cell in cells) and omits_bhn_in_first_step(layer)
    return write_model(
        cells,
        batched=batched,
        initial_state=initial_state,
        omits_bhn=omits_bhn,
        seq_length=seq_length,
        batch_size=batch_size,
        opset=opset,
    )


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
        model: What :func:`gru_lower.lower` takes, or a :class:`gru_lower.frameworks.onnx_models.gru_stack.Gru`.
        node: The name or site of the GRU meant.
        into: ``mlx.nn.GRU`` (the default), or a layer that the weights are put into.

    Raises:
        Unsupported: The GRU is beyond MLX, or mlx is not installed.
        InvalidModel: ``into`` is a layer of another shape.

    """
    return make_layers(expressible_grus(model, node), into)


def to_weights(model: Any, *, node: str | None = None) -> Weights:  # noqa: ANN401 - whatever holds a model
    """Return the weights of a model's GRU as mlx.nn.GRU names them; of a stack, as a Sequential of GRUs does.

    Raises:
        Unsupported: The GRU is beyond MLX.

    """
    grus = expressible_grus(model, node)
    prefixes = [""] if len(grus) == 1 else [f"layers.{k}." for k in range(len(grus))]
    return {
        f"{prefix}{name}": array
        for prefix, gru in zip(prefixes, grus, strict=True)
        for name, array in weights_of_cell(MLX, gru.cells()[0].cell).items()
    }


def to_config(model: Any, *, node: str | None = None) -> dict[str, Any]:  # noqa: ANN401 - whatever holds a model
    """Return the arguments of mlx.nn.GRU that go with :func:`to_weights`; of a stack, a list of them as ``layers``."""
    configs = [config_of(gru.cells()[0].cell) for gru in expressible_grus(model, node)]
    return configs[0] if len(configs) == 1 else {"layers": configs}

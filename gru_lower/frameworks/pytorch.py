"""torch.nn.GRU and torch.nn.GRUCell, into ONNX and back.

The torch package is imported by :func:`from_onnx` alone: layers are read through their own methods, and weights
are numpy arrays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gru_lower.frameworks.descriptions.pytorch import TORCH
from gru_lower.frameworks.import_framework import import_framework
from gru_lower.frameworks.onnx_models.read_grus import read
from gru_lower.frameworks.pytorch_layers.configure_layers import check_configuration, config_of
from gru_lower.frameworks.pytorch_layers.make_layers import check_stack, grouped_by_layer, make_layers, state_dict_of
from gru_lower.frameworks.pytorch_layers.read_layers import read_layers
from gru_lower.frameworks.pytorch_layers.write_model import write_model
from gru_lower.frameworks.refusals import unfit

if TYPE_CHECKING:
    from collections.abc import Mapping

    import onnx

    from gru_lower.frameworks.weights.cell import Weights


def to_onnx(
    layer: Any,  # noqa: ANN401 - torch's layers, without torch
    *,
    config: Mapping[str, Any] | None = None,
    batch_first: bool | None = None,
    batched: bool = True,
    initial_state: bool = False,
    packed: bool = False,
    seq_length: int | None = None,
    batch_size: int | None = None,
    opset: int | None = None,
) -> onnx.ModelProto:
    """Write a torch GRU as a model of GRU nodes. Dropout does nothing, as at inference.

    Inputs are X, [T,B,I] or [B,T,I], then initial_h, [layers · D,B,H], and sequence_lens, [B] int32, if asked for.
    Outputs are Y, [T,B,D·H] or [B,T,D·H], and Y_h, [layers · D,B,H]; a cell takes X [B,I] and gives Y [B,H].

    Args:
        layer: A ``torch.nn.GRU`` or ``GRUCell``; a list, ModuleList or Sequential of GRUs, each fed the output of the
            one before (then initial_h and Y_h are numbered); or a dict of numpy arrays by the names of a state_dict.
        config: What goes with weights: the arguments of ``torch.nn.GRU``, which have to agree with them.
        batch_first: The layout of X and Y; by default that of the layer, for weights time-major.
        batched: Whether X has a batch axis; without one it is [T,I], and states are [layers · D,H].
        initial_state: Whether the model has an input for h_0; zeros otherwise.
        packed: Whether the model has an input sequence_lens, as after ``pack_padded_sequence``.
        seq_length: T, where it is static.
        batch_size: B, where it is static.
        opset: The model's; 17 by default, 22 for bfloat16.

    Raises:
        Unsupported: It is no GRU, or the opset is too old.
        InvalidModel: Weights do not fit each other.

    """
    read = read_layers(layer)
    major = read.batch_first
    if config is not None:
        major = check_configuration(read.stacks[0], config)
    return write_model(
        read,
        batch_first=major if batch_first is None else batch_first,
        batched=batched,
        initial_state=initial_state,
        packed=packed,
        seq_length=seq_length,
        batch_size=batch_size,
        opset=opset,
    )


def from_onnx(
    model: Any,  # noqa: ANN401 - whatever holds a model
    *,
    node: str | None = None,
    into: Any = None,  # noqa: ANN401 - torch's classes and layers
    packed: bool = False,
) -> Any:  # noqa: ANN401 - a torch layer
    """Make a torch layer of a model's GRU, or of its GRUs where they are one stack.

    The state before the first step is an argument of the layer's call, whatever the model takes for it.

    Args:
        model: What :func:`gru_lower.lower` takes, or a :class:`gru_lower.frameworks.onnx_models.gru_stack.Gru`.
        node: The name or site of the GRU meant.
        into: ``torch.nn.GRU`` (the default), ``torch.nn.GRUCell``, or a layer that the weights are put into.
        packed: Accept sequence_lens: the layer will be called with ``pack_padded_sequence``.

    Returns:
        The layer; a ModuleList of layers where the GRUs of a stack are of several hidden sizes.

    Raises:
        Unsupported: The GRU is beyond torch, or torch is not installed.
        InvalidModel: ``into`` is a layer of another shape.

    """
    stack = check_stack(read(model, node), packed=packed)
    return make_layers(import_framework(TORCH), grouped_by_layer(stack), into, batch_first=stack.batch_first)


def to_weights(model: Any, *, node: str | None = None, packed: bool = False) -> Weights:  # noqa: ANN401
    """Return the weights of a model's GRU, or stack of GRUs, under the names of torch.nn.GRU's state_dict.

    Args:
        model: What :func:`gru_lower.lower` takes.
        node: The name or site of the GRU meant.
        packed: Accept sequence_lens.

    Raises:
        Unsupported: The GRU is beyond torch, or a stack of several hidden sizes.

    """
    groups = grouped_by_layer(check_stack(read(model, node), packed=packed))
    if len(groups) > 1:
        raise unfit(TORCH, "the stack is of several sizes, one torch.nn.GRU is of one", "name one with node=")
    return state_dict_of(groups[0])


def to_config(model: Any, *, node: str | None = None, packed: bool = False) -> dict[str, Any]:  # noqa: ANN401
    """Return the arguments of torch.nn.GRU that go with :func:`to_weights`.

    Args:
        model: What :func:`gru_lower.lower` takes.
        node: The name or site of the GRU meant.
        packed: Accept sequence_lens.

    Raises:
        Unsupported: The GRU is beyond torch.

    """
    stack = check_stack(read(model, node), packed=packed)
    return config_of(grouped_by_layer(stack)[0], batch_first=stack.batch_first)

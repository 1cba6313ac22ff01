"""keras.layers.GRU, GRUCell, RNN of GRUCells and Bidirectional, into ONNX and back, on whichever backend.

The keras package is imported by :func:`from_onnx` alone: layers are read through their own attributes, and weights
travel as numpy arrays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gru_lower.frameworks import keras_calls
from gru_lower.frameworks.framework_data import KERAS
from gru_lower.frameworks.keras_read_layers import activations_of
from gru_lower.frameworks.refusals import load

if TYPE_CHECKING:
    from collections.abc import Mapping

    import onnx

    from gru_lower.frameworks.layer_cell import Weights


def to_onnx(
    layer: Any,  # noqa: ANN401 - Keras layers, without Keras
    *,
    config: Mapping[str, Any] | None = None,
    initial_state: bool = False,
    lengths: bool = False,
    assume: str | None = None,
    seq_length: int | None = None,
    batch_size: int | None = None,
    opset: int | None = None,
) -> onnx.ModelProto:
    """Write a Keras layer, or a stack of them, as a model of GRU nodes. Dropout is nothing, as at inference.

    Inputs are X, [B,T,I] ([B,I] for a cell), then initial_h, [B,H] for each state and numbered where there are
    several, and sequence_lens, [B] int32, if asked for. Outputs are Y, what the layer returns first (Y_0 and Y_1 with
    ``merge_mode=None``), and with ``return_state`` Y_h, numbered where there are several.

    Args:
        layer: A GRU, Bidirectional(GRU), RNN of GRUCells, GRUCell or StackedRNNCells; a Sequential or list of these;
            or a dict of numpy arrays: kernel, recurrent_kernel and bias.
        config: What goes with weights: the layer's own arguments, and ``merge_mode``; ``layers`` for several layers.
        initial_state: Whether the model has inputs for the states; zeros otherwise. A stateful layer needs it, and
            then has its states as outputs, too.
        lengths: Whether the model has an input sequence_lens, which stands for a mask that is padded to the right;
            refused where Keras's masked steps and the operator's do not agree.
        assume: ``"right-padded"`` for what a Masking layer in front leaves out: that it is to the right.
        seq_length: T, where it is static.
        batch_size: B, where it is static.
        opset: The model's; 17 by default, 22 for bfloat16.

    Raises:
        Unsupported: It is no GRU, or beyond ONNX's: an activation, a mask, a state kept between calls.
        InvalidModel: It has no weights yet, or weights and configuration do not fit each other.

    """
    return keras_calls.to_onnx(
        KERAS,
        layer,
        config,
        initial_state=initial_state,
        lengths=lengths,
        assume=assume,
        seq_length=seq_length,
        batch_size=batch_size,
        opset=opset,
    )


def from_onnx(
    model: Any,  # noqa: ANN401 - whatever holds a model
    *,
    node: str | None = None,
    into: Any = None,  # noqa: ANN401 - Keras classes and layers
    flipped: bool = False,
) -> Any:  # noqa: ANN401 - a Keras layer
    """Make a Keras layer of a model's GRU, or a Sequential of them where the GRUs are one stack.

    The layer is batch-major, and the state before the first step is an argument of its call, whatever the model takes
    for it. It returns sequences if the model uses Y, and the state as well if it uses both Y and Y_h.

    Args:
        model: What :func:`gru_lower.lower` takes, or a :class:`gru_lower.frameworks.gru_stack.Gru`.
        node: The name or site of the GRU meant.
        into: ``keras.layers.GRU`` (the default; a Bidirectional around it where the GRU is), ``GRUCell``, ``RNN``, or a
            layer that the weights are put into.
        flipped: Accept a reverse GRU whose Y is used: the layer hands its steps out in the order it walked.

    Raises:
        Unsupported: The GRU is beyond Keras, or Keras is not installed.
        InvalidModel: ``into`` is a layer of another shape.

    """
    keras = load(KERAS)
    found = keras_calls.grus(KERAS, model, node, activations_of(KERAS, keras), flipped=flipped)
    return keras_calls.make(KERAS, keras, found, into)


def to_weights(model: Any, *, node: str | None = None, flipped: bool = False) -> Weights:  # noqa: ANN401
    """Return the weights of a model's GRU as Keras names them: kernel, recurrent_kernel, bias.

    Those of a Bidirectional stand behind ``forward/`` and ``backward/``, those of several layers behind ``0/``, ``1/``.

    Raises:
        Unsupported: The GRU is beyond Keras.

    """
    return keras_calls.to_weights(KERAS, keras_calls.grus(KERAS, model, node, KERAS.activations, flipped=flipped))


def to_config(model: Any, *, node: str | None = None, flipped: bool = False) -> dict[str, Any]:  # noqa: ANN401
    """Return the configuration that goes with :func:`to_weights`; several layers' as a list under ``layers``."""
    found = keras_calls.grus(KERAS, model, node, KERAS.activations, flipped=flipped)
    return keras_calls.to_config(found)

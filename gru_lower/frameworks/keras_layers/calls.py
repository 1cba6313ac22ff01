"""The calls of the modules keras and tensorflow, declared once: TensorFlow has the layers of Keras."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gru_lower.frameworks.import_framework import import_framework
from gru_lower.frameworks.keras_layers import configure_layers
from gru_lower.frameworks.keras_layers.activations import activations_of
from gru_lower.frameworks.keras_layers.make_layers import make_layers
from gru_lower.frameworks.keras_layers.read_layers import read_layers
from gru_lower.frameworks.keras_layers.read_weights import read_weights
from gru_lower.frameworks.keras_layers.write_model import write_model
from gru_lower.frameworks.refusals import unfit

if TYPE_CHECKING:
    from collections.abc import Callable

    import onnx

    from gru_lower.frameworks.descriptions.framework import Framework
    from gru_lower.frameworks.weights.cell import Weights


class KerasCalls:
    """What can be done with the layers of one Keras.

    Args:
        framework: Its description.
        keras_of: Returns the module ``keras``, given the imported framework.

    """

    def __init__(self, framework: Framework, keras_of: Callable[[Any], Any]) -> None:
        """Import nothing yet."""
        self._framework = framework
        self._keras_of = keras_of

    def to_onnx(
        self,
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
        """Write a layer, or a stack of them, as a model of GRU nodes. Dropout does nothing, as at inference.

        Inputs are X, [B,T,I] ([B,I] for a cell), then initial_h, [B,H] for each state and numbered where there are
        several, and sequence_lens, [B] int32, if asked for. Outputs are Y, what the layer returns first (Y_0 and Y_1
        with ``merge_mode=None``), and with ``return_state`` Y_h, numbered where there are several.

        Args:
            layer: A GRU, Bidirectional(GRU), RNN of GRUCells, GRUCell or StackedRNNCells; a Sequential or list of
                these; or a dict of numpy arrays: kernel, recurrent_kernel and bias.
            config: What goes with weights: the layer's own arguments, and ``merge_mode``; ``layers`` for several
                layers.
            initial_state: Whether the model has inputs for the states; zeros otherwise. A stateful layer needs it, and
                then has its states as outputs, too.
            lengths: Whether the model has an input sequence_lens in place of a mask that is padded to the right;
                refused where Keras's masked steps and the operator's do not agree.
            assume: ``"right-padded"`` for what a Masking layer in front leaves open: that padding is to the right.
            seq_length: T, where it is static.
            batch_size: B, where it is static.
            opset: The model's; 17 by default, 22 for bfloat16.

        Raises:
            Unsupported: It is no GRU, or beyond ONNX's: an activation, a mask, a state kept between calls.
            InvalidModel: It has no weights yet, or weights and configuration do not fit each other.

        """
        if isinstance(layer, Mapping):
            stack = read_weights(self._framework, layer, config or {})
        elif config is not None:
            what = "a configuration goes with weights; a layer has its own"
            raise unfit(self._framework, what, "leave out config=")
        else:
            stack = read_layers(self._framework, layer)
        return write_model(
            self._framework,
            stack,
            initial_state=initial_state,
            lengths=lengths,
            assume=assume,
            seq_length=seq_length,
            batch_size=batch_size,
            opset=opset,
        )

    def from_onnx(
        self,
        model: Any,  # noqa: ANN401 - whatever holds a model
        *,
        node: str | None = None,
        into: Any = None,  # noqa: ANN401 - Keras classes and layers
        flipped: bool = False,
    ) -> Any:  # noqa: ANN401 - a Keras layer
        """Make a layer of a model's GRU, or a Sequential of layers where the GRUs are one stack.

        The layer is batch-major, and the state before the first step is an argument of its call, whatever the model
        takes for it. It returns sequences if the model uses Y, and the state as well if it uses both Y and Y_h.

        Args:
            model: What :func:`gru_lower.lower` takes, or a :class:`gru_lower.frameworks.onnx_models.gru_stack.Gru`.
            node: The name or site of the GRU meant.
            into: ``layers.GRU`` of ``keras`` or ``tf.keras`` (the default; in a Bidirectional where the GRU has two
                directions), ``GRUCell``, ``RNN``, or a layer that the weights are put into.
            flipped: Accept a reverse GRU whose Y is used: the layer returns its sequence last step first.

        Raises:
            Unsupported: The GRU is beyond Keras, or the framework is not installed.
            InvalidModel: ``into`` is a layer of another shape.

        """
        keras = self._keras_of(import_framework(self._framework))
        known = activations_of(self._framework, keras)
        found = configure_layers.configured_grus(self._framework, model, node, known, flipped=flipped)
        return make_layers(self._framework, keras, found, into)

    def to_weights(
        self,
        model: Any,  # noqa: ANN401 - whatever holds a model
        *,
        node: str | None = None,
        flipped: bool = False,
    ) -> Weights:
        """Return the weights of a model's GRU as Keras names them: kernel, recurrent_kernel, bias.

        The names of a Bidirectional begin with ``forward/`` and ``backward/``, those of several layers with ``0/``,
        ``1/`` and so on.

        Args:
            model: What :func:`gru_lower.lower` takes.
            node: The name or site of the GRU meant.
            flipped: Accept a reverse GRU whose Y is used.

        Raises:
            Unsupported: The GRU is beyond Keras.

        """
        return configure_layers.to_weights(self._framework, self._grus(model, node, flipped=flipped))

    def to_config(
        self,
        model: Any,  # noqa: ANN401 - whatever holds a model
        *,
        node: str | None = None,
        flipped: bool = False,
    ) -> dict[str, Any]:
        """Return the configuration that goes with :meth:`to_weights`; several layers' as a list under ``layers``.

        Args:
            model: What :func:`gru_lower.lower` takes.
            node: The name or site of the GRU meant.
            flipped: Accept a reverse GRU whose Y is used.

        Raises:
            Unsupported: The GRU is beyond Keras.

        """
        return configure_layers.to_config(self._grus(model, node, flipped=flipped))

    def _grus(
        self,
        model: Any,  # noqa: ANN401
        node: str | None,
        *,
        flipped: bool,
    ) -> tuple[configure_layers.ConfiguredGru, ...]:
        known = self._framework.activations
        return configure_layers.configured_grus(self._framework, model, node, known, flipped=flipped)

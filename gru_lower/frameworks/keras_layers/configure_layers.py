"""Configurations of the Keras layers that a model's GRUs become, and their weights.

Keras returns the sequence of a layer that goes backwards in the order of its steps, last step first. So the sequence
between two layers may run against time, and a layer fed such a sequence goes backwards where the operator goes forward.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from gru_lower.errors import Unsupported
from gru_lower.frameworks.onnx_models.read_grus import read
from gru_lower.frameworks.refusals import check_expressible
from gru_lower.frameworks.weights.weight_layouts import activation_name, weights_of_cell

if TYPE_CHECKING:
    from gru_lower.frameworks.descriptions.framework import Framework
    from gru_lower.frameworks.onnx_models.gru_stack import Gru
    from gru_lower.frameworks.weights.cell import Weights
    from gru_lower.gru.activations import Activation


Known = Mapping[str, "Activation"]
"""Activations by their names in Keras."""


class ConfiguredGru(NamedTuple):
    """A GRU of a model and the configuration of the Keras layer it becomes."""

    gru: Gru
    config: dict[str, Any]


def configured_grus(
    framework: Framework,
    model: Any,  # noqa: ANN401 - whatever holds a model
    node: str | None,
    known: Known,
    *,
    flipped: bool,
) -> tuple[ConfiguredGru, ...]:
    """Read the GRUs of a model and return each with its layer's configuration.

    Args:
        framework: Keras or TensorFlow.
        model: What :func:`gru_lower.lower` takes.
        node: The name or site of the one meant.
        known: The activations it has by name.
        flipped: Whether the caller reverses the last layer's sequence.

    Raises:
        Unsupported: Keras cannot express a GRU: GL602.

    """
    found, result, turned = read(model, node).grus, [], False
    for k, gru in enumerate(found):
        check_expressible(framework, gru, activations=known)
        last = k == len(found) - 1
        config = config_of(gru, known, last=last, turned=turned)
        turned = gru.spec.direction == "reverse"
        if last and turned and gru.spec.Y and not gru.flipped and not flipped:
            raise Unsupported(
                f"{framework.title} cannot express direction {gru.spec.direction} with Y in the order of time: a layer "
                "that goes backwards hands out its steps in the order it walked",
                code="GL602",
                node=gru.site or None,
                hint="flipped=True, if you turn the layer's output round yourself",
            )
        turned ^= gru.flipped
        result.append(ConfiguredGru(gru, config))
    return tuple(result)


def config_of(gru: Gru, known: Known, *, last: bool, turned: bool) -> dict[str, Any]:
    """Return the configuration of one layer.

    Its keys are those of :data:`gru_lower.frameworks.keras_layers.read_weights.DEFAULTS`.

    Args:
        gru: The GRU.
        known: The activations Keras has by name.
        last: Whether it is the last of its stack.
        turned: Whether the layer is fed against the order of time.

    """
    cells = gru.cells()
    cell, other = cells[0].cell, cells[-1].cell
    config: dict[str, Any] = {
        "units": cell.hidden_size,
        "activation": activation_name(known, cell.g),
        "recurrent_activation": activation_name(known, cell.f),
        "use_bias": cell.Wb is not None,
        "reset_after": cell.linear_before_reset,
        "return_sequences": not last or bool(gru.spec.Y),
        "return_state": last and bool(gru.spec.Y) and bool(gru.spec.Y_h),
        "go_backwards": cells[0].reverse != turned,
    }
    if len(cells) == 2:
        config["merge_mode"] = gru.merge
        if (cell.f, cell.g) != (other.f, other.g):
            config["backward_activation"] = activation_name(known, other.g)
            config["backward_recurrent_activation"] = activation_name(known, other.f)
    return config


def to_weights(framework: Framework, found: tuple[ConfiguredGru, ...]) -> Weights:
    """Return the weights of a stack under the names that :func:`to_onnx` reads."""
    result: Weights = {}
    for k, (gru, _) in enumerate(found):
        cells = gru.cells()
        for each, side in zip(cells, ("forward/", "backward/"), strict=False):
            prefix = (f"{k}/" if len(found) > 1 else "") + (side if len(cells) == 2 else "")
            result |= {f"{prefix}{name}": array for name, array in weights_of_cell(framework, each.cell).items()}
    return result


def to_config(found: tuple[ConfiguredGru, ...]) -> dict[str, Any]:
    """Return the configuration that goes with :func:`to_weights`."""
    return found[0].config if len(found) == 1 else {"layers": [config for _, config in found]}

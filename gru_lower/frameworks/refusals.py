"""Refusals: what a framework, or ONNX's GRU, cannot express; each names the attribute and says what would help."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from gru_lower.errors import InvalidModel, Unsupported
from gru_lower.frameworks.weights.weight_layouts import activation_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gru_lower.frameworks.descriptions.framework import Framework
    from gru_lower.frameworks.onnx_models.gru_stack import Gru
    from gru_lower.frameworks.weights.cell import DirectedCell
    from gru_lower.gru.activations import Activation


def check_expressible(
    framework: Framework, gru: Gru, *, activations: Mapping[str, Activation] | None = None, packed: bool = False
) -> None:
    """Refuse a GRU that a framework cannot express.

    Args:
        framework: The framework.
        gru: The GRU.
        activations: The activations it has by name, where these are not those of its description.
        packed: Whether the lengths of sequences are given in another way.

    Raises:
        Unsupported: GL602, naming the attribute.

    """
    for attribute, value, hint in _inexpressible(framework, gru, activations or framework.activations, packed=packed):
        rule = framework.operator[attribute]
        raise Unsupported(
            f"{framework.title} cannot express {attribute} {value}: {rule.text.replace('`', '')}",
            code="GL602",
            node=gru.site or None,
            hint=hint,
        )


def _inexpressible(
    framework: Framework, gru: Gru, activations: Mapping[str, Activation], *, packed: bool
) -> Iterable[tuple[str, str, str]]:
    """Yield attribute, value and hint of everything that the framework cannot express."""
    spec = gru.spec
    others = "gru_lower.lower writes it in plain operators"
    if int(spec.linear_before_reset) not in framework.linear_before_reset:
        yield "linear_before_reset", str(int(spec.linear_before_reset)), "Keras can: reset_after=False"
    if spec.clip is not None:
        yield "clip", f"{spec.clip:g}", f"remove it where no value comes near it; {others}"
    for direction in spec.directions:
        for function in (direction.f, direction.g):
            if activation_name(activations, function) is None:
                yield "activations", str(function), f"known are {', '.join(map(str, activations.values()))}"
    if spec.direction not in framework.directions:
        hint = "take the forward direction alone, or a layer for each" if "bi" in spec.direction else "flip X and Y"
        yield "direction", spec.direction, hint
    if gru.lens and not packed:
        hint = "drop the input where all are of full length"
        if framework.key == "torch":
            hint = "packed=True, if the layer will be called with pack_padded_sequence"
        yield "sequence_lens", "below T", hint


def check_order_of_time(framework: Framework, grus: Sequence[Gru]) -> None:
    """Refuse a stack in which the sequence is turned round between two GRUs, for a framework whose layers do not.

    Raises:
        Unsupported: GL602.

    """
    for gru, following in itertools.pairwise(grus):
        if gru.flipped:
            raise Unsupported(
                f"{framework.title} cannot express a stack whose sequence is turned round before {following.site}",
                code="GL602",
                node=gru.site or None,
                hint=f'name one GRU: node="{gru.site}", and turn the sequence round between the layers',
            )


def not_a_layer(framework: Framework, layer: object, takes: str) -> Unsupported:
    """Return the error for what is no GRU layer of a framework."""
    kind = type(layer)
    return Unsupported(
        f"{framework.title}: cannot take a {kind.__module__}.{kind.__qualname__} for a GRU",
        code="GL601",
        hint=f"hand in {takes}",
    )


def beyond_onnx(framework: Framework, what: str, hint: str) -> Unsupported:
    """Return the error for a layer that ONNX's GRU cannot express."""
    return Unsupported(f"{framework.title}: {what}", code="GL603", hint=hint)


def unfit(framework: Framework, what: str, hint: str) -> InvalidModel:
    """Return the error for weights or a layer of other sizes."""
    return InvalidModel(f"{framework.title}: {what}", code="GL604", hint=hint)


def check_sizes_and_types(
    framework: Framework, layers: Sequence[Sequence[DirectedCell]], *, size: int | None = None
) -> None:
    """Check that each layer's inputs are as many as the one before has outputs, and that all are of one type.

    Args:
        framework: For the message.
        layers: The directions of each layer.
        size: How many outputs the layer before the first one has, if there is one.

    Raises:
        InvalidModel: Sizes or types do not fit each other.

    """
    for layer in layers:
        for each in layer:
            if size is not None and each.cell.input_size != size:
                what = f"a layer takes {each.cell.input_size} inputs, the one before gives {size}"
                raise unfit(framework, what, "hand in layers that follow each other")
        size = sum(each.cell.hidden_size for each in layer)
    kinds = sorted({str(each.cell.dtype) for layer in layers for each in layer})
    if len(kinds) > 1:
        raise unfit(framework, f"the layers are of types {', '.join(kinds)}", "convert them to one type")


def unknown_weight(framework: Framework, name: str) -> InvalidModel:
    """Return the error for an array that is no weight of a GRU, such as one of another layer of the same network."""
    own = ", ".join(weight.name for weight in framework.weights)
    hint = f"hand in the GRU's alone, as {own}; on the command line --node LAYER takes those whose names begin so"
    return unfit(framework, f"{name!r} is none of a GRU's weights", hint)

"""What a framework cannot say of a GRU: each refusal names the attribute, in the words of the framework's own data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gru_lower.errors import GruLowerError, InvalidModel, Unsupported
from gru_lower.frameworks.weight_layouts import activation_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import ModuleType

    from gru_lower.frameworks.framework_schema import Framework
    from gru_lower.frameworks.gru_stack import Gru
    from gru_lower.frameworks.layer_cell import Half
    from gru_lower.gru.activations import Activation


def check(
    framework: Framework, gru: Gru, *, activations: Mapping[str, Activation] | None = None, packed: bool = False
) -> None:
    """Refuse a GRU of which a framework cannot say something.

    Args:
        framework: Which.
        gru: The GRU.
        activations: What it can name, where that is not what its data say.
        packed: Whether lengths are given some other way.

    Raises:
        Unsupported: GL602, naming the attribute.

    """
    for attribute, value, hint in _beyond(framework, gru, activations or framework.activations, packed=packed):
        rule = framework.operator[attribute]
        raise Unsupported(
            f"{framework.title} cannot express {attribute} {value}: {rule.text.replace('`', '')}",
            code="GL602",
            node=gru.site or None,
            hint=hint,
        )


def _beyond(
    framework: Framework, gru: Gru, activations: Mapping[str, Activation], *, packed: bool
) -> Iterable[tuple[str, str, str]]:
    """Yield attribute, value and hint of all that is beyond the framework."""
    spec = gru.spec
    others = "gru-lower lower writes it in plain operators"
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
            hint = "from_onnx(..., packed=True) if you will call it with pack_padded_sequence"
        yield "sequence_lens", "below T", hint


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


def chain(framework: Framework, layers: Sequence[Sequence[Half]], *, size: int | None = None) -> None:
    """Check that each layer's inputs are as many as the one before has outputs, and that all are of one type.

    Args:
        framework: For the message.
        layers: The directions of each layer.
        size: How many outputs stand before the first one, if it is known.

    Raises:
        InvalidModel: They are not.

    """
    for layer in layers:
        for half in layer:
            if size is not None and half.cell.input_size != size:
                what = f"a layer takes {half.cell.input_size} inputs, the one before gives {size}"
                raise unfit(framework, what, "hand in layers that follow each other")
        size = sum(half.cell.hidden_size for half in layer)
    kinds = sorted({str(half.cell.dtype) for layer in layers for half in layer})
    if len(kinds) > 1:
        raise unfit(framework, f"the layers are of types {', '.join(kinds)}", "convert them to one type")


def stranger(framework: Framework, name: str) -> InvalidModel:
    """Return the error for an array that is none of a GRU's, such as another layer's of the same network."""
    own = ", ".join(weight.name for weight in framework.weights)
    hint = f"hand in the GRU's alone, as {own}; on the command line --node LAYER takes those whose names begin so"
    return unfit(framework, f"{name!r} is none of a GRU's weights", hint)


def load(framework: Framework, module: str | None = None) -> Any:  # noqa: ANN401 - a module
    """Import a framework.

    Args:
        framework: Which.
        module: The module to import, by default its package.

    Raises:
        Unsupported: It is not installed.

    """
    import importlib

    try:
        found: ModuleType = importlib.import_module(module or framework.package)
    except ImportError as error:
        raise missing(framework.title, framework.extra, error) from error
    return found


def missing(title: str, extra: str, error: ImportError) -> GruLowerError:
    """Return the error for a package that cannot be imported."""
    return Unsupported(f"{title} cannot be imported ({error})", code="GL607", hint=f'pip install "gru-lower[{extra}]"')

"""``--set``: make constants of a model's inputs, which leave the interface.

A number is the value of all elements, a list or an .npy file holds them all, and a dim's name means its length. Where
the input's own shape, or that length, is known when the model runs only, it is computed of another input's shape.
"""

from __future__ import annotations

import math
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from gru_lower.emission.edit_writer import EditWriter
from gru_lower.errors import Unsupported
from gru_lower.graph import budget, fixed_dims, splice
from gru_lower.graph.names import Names
from gru_lower.graph.scopes import walk
from gru_lower.graph.tensor_types import dims_of
from gru_lower.light_dataclass import dataclass
from gru_lower.nearest_word import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    import onnx

    from gru_lower.graph.model import Model

Array = np.ndarray[Any, np.dtype[Any]]
NUMBERS = frozenset(TensorProto.DataType.values()) - {TensorProto.UNDEFINED, TensorProto.STRING}
EXPAND = 8
"""The opset from which Expand is there."""
FREE_INITIALIZERS_IR_VERSION = 4
"""The IR version from which an initializer need not be an input."""


class Place(NamedTuple):
    """An axis of an input."""

    name: str
    axis: int


@dataclass(frozen=True)
class SetInput:
    """What an input is set to.

    Attributes:
        name: The input.
        elem_type: Its element type.
        value: The value of all elements, [] or whole; the axis whose length it is.
        dims: Its shape: numbers, or axes of other inputs.
        binds: The lengths of symbols that follow.

    """

    name: str
    elem_type: int
    value: Array | Place
    dims: tuple[int | Place, ...]
    binds: dict[str, int] = field(default_factory=dict)

    @property
    def array(self) -> Array | None:
        """The constant, ``None`` where it is known when the model runs only.

        Raises:
            Unsupported: It has more elements than are computed beforehand.

        """
        sizes = [dim for dim in self.dims if isinstance(dim, int)]
        if isinstance(self.value, Place) or len(sizes) < len(self.dims):
            return None
        try:
            budget.current().spend(math.prod(sizes), self.value.itemsize, f"--set {self.name}")
        except budget.OverBudgetError as error:
            raise budget.over_budget(error) from error
        return np.ascontiguousarray(np.broadcast_to(self.value, sizes))


def write_interface(model: Model, wanted: Mapping[str, int], inputs: Mapping[str, Any]) -> list[SetInput]:
    """Write lengths and values into a model's inputs, and nothing that follows from them.

    Args:
        model: Edited in place.
        wanted: Length by symbol (``"batch"``), or by input and axis (``"X:0"``).
        inputs: What inputs are set to, by name: a number, a list or an array, an .npy file's path, or a dim's name.

    Returns:
        The inputs that became constants.

    Raises:
        Unsupported: There is no such symbol, axis, input or dim, or the value does not fit the input.

    """
    named = dims_by_name(model)
    fixed_dims.fix(model, wanted)
    settings = read_settings(model, inputs, named)
    fixed_dims.fix(model, {symbol: size for each in settings for symbol, size in each.binds.items()})
    apply_settings(model, settings)
    return settings


def dims_by_name(model: Model) -> dict[str, Place]:
    """Return where each symbol of the inputs' shapes stands, and each axis as ``INPUT:AXIS``."""
    found: dict[str, Place] = {}
    for value in model.proto.graph.input:
        for axis, dim in enumerate(dims_of(value) if value.type.HasField("tensor_type") else ()):
            place = Place(value.name, axis)
            found[f"{value.name}:{axis}"] = place
            if isinstance(dim, str):
                found.setdefault(dim, place)
    return found


def read_settings(model: Model, wanted: Mapping[str, Any], named: Mapping[str, Place]) -> list[SetInput]:
    """Work out what inputs are set to.

    Args:
        model: The model, with the lengths of its inputs as far as they are fixed.
        wanted: What is wanted by input: a number, a list or an array, the path of an .npy file, or a dim's name.
        named: What :func:`dims_by_name` gave before lengths were fixed.

    Raises:
        Unsupported: There is no such input or dim, or the value does not fit the input.

    """
    inputs = {value.name: value for value in model.proto.graph.input}
    others = {name: value for name, value in inputs.items() if name not in wanted}
    return [_setting(name, value, inputs, others, named) for name, value in wanted.items()]


def apply_settings(model: Model, settings: list[SetInput]) -> None:
    """Make constants of inputs.

    Args:
        model: Edited in place.
        settings: What they become.

    """
    graph, names = model.proto.graph, Names(model.proto)
    gone = {each.name for each in settings}
    containers: tuple[Any, ...] = graph.input, graph.initializer  # protobuf's repeated containers
    for container in containers:
        kept = [each for each in container if each.name not in gone]
        del container[:]
        container.extend(kept)
    main = next(walk(model.proto))
    edits = []
    for each in settings:
        array = each.array
        if array is not None:
            graph.initializer.append(numpy_helper.from_array(array, each.name))
            if main.ir_version < FREE_INITIALIZERS_IR_VERSION:
                graph.input.append(helper.make_tensor_value_info(each.name, each.elem_type, array.shape))
            continue
        if main.opset < EXPAND:
            raise _refused(f"{each.name} would have to be computed of shapes, which needs opset {EXPAND}", "--opset 17")
        writer = EditWriter(main.opset, names, each.name)
        _write(each, writer)
        edits.append(splice.Edit(main, [], writer.nodes, writer.initializers))
    splice.apply(model, edits)
    model.modified = True


def _write(each: SetInput, writer: EditWriter) -> None:
    """Write the nodes that compute a value of the shapes of other inputs."""

    def size(place: Place, index: Any, local: str) -> str:  # noqa: ANN401 - what makes the constant
        shape, found = writer.value_name(f"{local}_shape"), writer.value_name(local)
        writer.node("Shape", [place.name], [shape], f"{local}_shape")
        writer.node("Gather", [shape, writer.constant(np.asarray(index), f"{local}_axis")], [found], local, axis=0)
        return found

    if isinstance(each.value, Place):
        length = size(each.value, np.int64(each.value.axis), "length")
        value = each.name if not each.dims else writer.value_name("value")
        writer.node("Cast", [length], [value], "value", to=each.elem_type)
    else:
        value = writer.constant(each.value, "value")
    if not each.dims:
        return
    parts = [
        writer.constant(np.array([dim]), f"size_{axis}")
        if isinstance(dim, int)
        else size(dim, np.array([dim.axis]), f"dim_{axis}")
        for axis, dim in enumerate(each.dims)
    ]
    shape = writer.value_name("shape")
    writer.node("Concat", parts, [shape], "shape", axis=0)
    writer.node("Expand", [value, shape], [each.name], "expanded")


def _setting(
    name: str,
    value: Any,  # noqa: ANN401 - what a user gives
    inputs: Mapping[str, onnx.ValueInfoProto],
    others: Mapping[str, onnx.ValueInfoProto],
    named: Mapping[str, Place],
) -> SetInput:
    info = inputs.get(name)
    if info is None:
        hint = did_you_mean(name, inputs, f"inputs: {', '.join(inputs)}")
        raise _refused(f"there is no input {name!r}", hint)
    tensor = info.type.tensor_type
    kind = tensor.elem_type
    if kind not in NUMBERS:
        raise _refused(f"{name} is no tensor of numbers", "leave it an input")
    if not tensor.HasField("shape"):
        raise _refused(f"the rank of {name} is not known", "export the model with the shapes of its inputs")
    given = _given(name, value, named)
    declared = dims_of(info)
    if isinstance(given, Place):
        length = dims_of(inputs[given.name])[given.axis]
        if isinstance(length, int):
            given = np.asarray(length)
        elif given.name not in others:
            found = next((place for key, place in _symbols(others).items() if key == length), None)
            if found is None:
                raise _refused(f"no input that stays has the dim {value!r}", f"fix it: --fix-dim {value}=N")
            given = found
    binds: dict[str, int] = {}
    if not isinstance(given, Place):
        given = _typed(name, given, kind)
        if given.ndim:
            _check_shape(name, given, declared)
            sizes = zip(declared, given.shape, strict=True)
            binds = {dim: size for dim, size in sizes if isinstance(dim, str) and dim in _symbols(others)}
            return SetInput(name, kind, given, given.shape, binds)
    return SetInput(name, kind, given, tuple(_dim(name, axis, dim, others) for axis, dim in enumerate(declared)))


def _given(name: str, value: Any, named: Mapping[str, Place]) -> Array | Place:  # noqa: ANN401 - what a user gives
    if isinstance(value, Path) or (isinstance(value, str) and value.endswith(".npy")):
        try:
            return np.asarray(np.load(value, allow_pickle=False))
        except (OSError, ValueError, EOFError) as error:
            raise _refused(f"{name}: {value} cannot be read: {error}", "write it with numpy.save") from error
    if isinstance(value, str):
        if value not in named:
            hint = did_you_mean(value, named, "a number, a list, an .npy file, or a dim's name")
            raise _refused(f"{name} cannot be set to {value!r}: no input has such a dim", hint)
        return named[value]
    try:
        return np.asarray(value)
    except ValueError as error:
        raise _refused(f"{name}: what is given is no array: {error}", "give a number or a list") from error


def _typed(name: str, array: Array, kind: int) -> Array:
    """Return values in the type of an input, if all of them survive that."""
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    if array.dtype.kind not in "biuf":
        raise _refused(f"{name} cannot be set to values of type {array.dtype}", "give numbers")
    with np.errstate(all="ignore"):
        typed = array.astype(dtype)
        whole = dtype.kind in "biu"
        survives = (typed.astype(np.float64) == array.astype(np.float64)).all() if whole else True
    if not survives:
        raise _refused(f"{name} is {dtype}, which does not hold {array.flat[0]:g}", "give values of its type")
    return typed


def _check_shape(name: str, array: Array, declared: tuple[int | str | None, ...]) -> None:
    sizes: dict[str, int] = {}
    fits = len(declared) == array.ndim
    for dim, size in zip(declared, array.shape, strict=False):
        fits &= not isinstance(dim, int) or dim == size
        fits &= not isinstance(dim, str) or sizes.setdefault(dim, size) == size
    if not fits:
        shape = ", ".join("?" if dim is None else str(dim) for dim in declared)
        raise _refused(f"{name} has shape [{shape}], and what is given {list(array.shape)}", "give it in that shape")


def _dim(name: str, axis: int, dim: int | str | None, others: Mapping[str, onnx.ValueInfoProto]) -> int | Place:
    if isinstance(dim, int) and dim >= 0:
        return dim
    place = _symbols(others).get(dim) if isinstance(dim, str) and dim else None
    if place is None:
        flag = f"--fix-dim {dim or f'{name}:{axis}'}=N"
        raise _refused(f"the length of axis {axis} of {name} is not known, nor is it that of another input", flag)
    return place


def _symbols(inputs: Mapping[str, onnx.ValueInfoProto]) -> dict[str, Place]:
    found: dict[str, Place] = {}
    for name, value in inputs.items():
        for axis, dim in enumerate(dims_of(value) if value.type.HasField("tensor_type") else ()):
            if isinstance(dim, str):
                found.setdefault(dim, Place(name, axis))
    return found


def _refused(message: str, hint: str) -> Unsupported:
    return Unsupported(f"--set: {message}", code="GL008", hint=hint)

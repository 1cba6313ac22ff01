"""Compare the interfaces of two models: whether they take the same inputs and give the same outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.verification.inputs.model_inputs import Input, inputs_of, type_name

if TYPE_CHECKING:
    import onnx


def interface_difference(a: onnx.ModelProto, b: onnx.ModelProto) -> str:
    """Return the first difference between the inputs or outputs of two models in one line; "" if there is none.

    Inputs may come in any order, dims may be static in one and unknown in the other, and inputs that need not be fed
    may be missing; outputs must come in the same order.
    """
    ours, theirs = inputs_of(a), inputs_of(b)
    for name, spec in ours.items():
        if name not in theirs and spec.default is None:
            return f"input {name!r} is gone"
        if name in theirs and (difference := _input_difference(spec, theirs[name])):
            return difference
    for name, spec in theirs.items():
        if name not in ours and spec.default is None and name not in {value.name for value in a.graph.input}:
            return f"input {name!r} is new"
    before, after = ([output.name for output in model.graph.output] for model in (a, b))
    if before != after:
        return f"outputs {before} became {after}"
    for first, second in zip(a.graph.output, b.graph.output, strict=True):
        types = first.type.tensor_type.elem_type, second.type.tensor_type.elem_type
        if all(types) and types[0] != types[1]:
            return f"output {first.name!r} is {type_name(types[0])} in one model and {type_name(types[1])} in the other"
    return ""


def _input_difference(a: Input, b: Input) -> str:
    if a.elem_type != b.elem_type:
        return f"input {a.name!r} is {type_name(a.elem_type)} in one model and {type_name(b.elem_type)} in the other"
    if a.dims is None or b.dims is None:
        return ""
    fits = len(a.dims) == len(b.dims) and all(
        isinstance(x, str) or isinstance(y, str) or x == y for x, y in zip(a.dims, b.dims, strict=True)
    )
    return "" if fits else f"input {a.name!r} has shape {list(a.dims)} in one model and {list(b.dims)} in the other"

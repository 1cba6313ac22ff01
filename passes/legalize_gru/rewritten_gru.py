"""A GRU on its way to another one: what rewrites read and change, and how the node at the end is written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from gru_lower.graph import tensor_values
from gru_lower.gru.spec import INPUTS

if TYPE_CHECKING:
    from pathlib import Path

    from gru_lower.emission.emitter import Emitter, Value
    from gru_lower.emission.template import Binding
    from gru_lower.gru.spec import GruSpec

Results = dict[str, "Value"]
Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Situation:
    """What a rewrite decides by.

    Attributes:
        spec: The GRU; of its inputs and outputs only which there are counts.
        options: What :func:`gru_lower.targets.gru_options.options_of` says of it.
        known: What is known of its constants: ``zero_initial_h``, ``constant_lens``, ``full_lens``, ``reset_idle``
            (both settings of linear_before_reset give the same, but for Rbh), ``no_Rbh`` (it is zero).

    """

    spec: GruSpec
    options: frozenset[str]
    known: frozenset[str]


@dataclass(frozen=True)
class Means:
    """What a rewrite may use.

    Attributes:
        opset: The opset of the scope.
        forbidden: Operators that may not be written.
        only: The only operators that may be written, if any are named.
        cast_to: The type to compute in where the GRU's own is not taken, ``""`` where that was not asked for.
        zero_length_state: What Y_h is for a sequence of length 0: ``"zero"`` or ``"initial"``.

    """

    opset: int
    forbidden: frozenset[str] = frozenset()
    only: frozenset[str] = frozenset()
    cast_to: str = ""
    zero_length_state: str = "zero"

    def has(self, *operators: str) -> bool:
        """Whether all of these may be written."""
        return not self.forbidden.intersection(operators) and (not self.only or self.only.issuperset(operators))


@dataclass(frozen=True)
class Gru:
    """One GRU with its values.

    Attributes:
        at: Its situation.
        inputs: The emitter's values by ONNX's input names.
        constants: The tensors of those that are constant.

    """

    at: Situation
    inputs: dict[str, Value]
    constants: dict[str, TensorProto]


class Build:
    """Where a rewrite writes to.

    Args:
        emitter: Writes the nodes.
        means: What may be written.
        base_dir: Where external data lies.

    """

    def __init__(self, emitter: Emitter, means: Means, base_dir: Path | None) -> None:
        """Start with nothing."""
        self.e, self.means, self.base_dir = emitter, means, base_dir
        self.bindings: dict[str, Binding] = {}

    def constant(self, local: str, tensor: TensorProto) -> Value:
        """Return the value of a tensor to attach."""
        name, count = local, 0
        while name in self.bindings:
            count += 1
            name = f"{local}_{count}"
        self.bindings[name] = tensor
        return self.e.value(name)

    def array(self, tensor: TensorProto) -> Array:
        """Return the values of a constant."""
        return tensor_values.to_array(tensor, self.base_dir)

    def with_arrays(self, gru: Gru, arrays: dict[str, Array]) -> Gru:
        """Return a GRU with other constants in some of its inputs."""
        tensors = {key: numpy_helper.from_array(np.ascontiguousarray(array)) for key, array in arrays.items()}
        return self.with_tensors(gru, tensors)

    def with_tensors(self, gru: Gru, tensors: dict[str, TensorProto], prefix: str = "") -> Gru:
        """Return a GRU with other tensors in some of its inputs."""
        values = {key: self.constant(f"{prefix}{key}", tensor) for key, tensor in tensors.items()}
        return replace(gru, inputs=gru.inputs | values, constants=gru.constants | tensors)


def write_node(b: Build, gru: Gru) -> Results:
    """Write the GRU node itself, with hidden_size; what else is written out is what its options say."""
    spec, options = gru.at.spec, gru.at.options
    attributes = spec.attributes()
    attributes.pop("output_sequence", None)
    if "no_parameters" in options:
        attributes.pop("activation_alpha", None)
        attributes.pop("activation_beta", None)
    if "default_activations" in options:
        attributes.pop("activations", None)
    inputs: list[Any] = [gru.inputs.get(key) for key in INPUTS]
    while inputs[-1] is None:
        inputs.pop()
    names = ["Y" if spec.Y else "", "Y_h" if spec.Y_h else ""]
    outputs = b.e.multi("GRU", inputs, names if spec.Y_h else names[:1], **attributes)
    return {key: value for key, value in zip(("Y", "Y_h"), outputs, strict=False) if getattr(spec, key)}


def elem_type(dtype: str) -> int:
    """Return the ``TensorProto.DataType`` of a float type as numpy spells it."""
    return {"float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE, "float16": TensorProto.FLOAT16}.get(
        dtype, TensorProto.BFLOAT16
    )


def numpy_type(kind: int) -> np.dtype[Any]:
    """Return numpy's type of a ``TensorProto.DataType``."""
    return np.dtype(helper.tensor_dtype_to_np_dtype(kind))

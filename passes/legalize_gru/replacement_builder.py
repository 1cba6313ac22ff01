"""Where a rewrite writes the nodes that replace a GRU: the emitter, the tensors to attach, and the GRU nodes left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import helper, numpy_helper

from gru_lower.graph import tensor_values
from gru_lower.gru.spec import INPUTS
from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from pathlib import Path

    from onnx import TensorProto

    from gru_lower.emission.emitter import Emitter, Value
    from gru_lower.emission.template import Binding
    from gru_lower.gru.spec import GruSpec
    from gru_lower.passes.legalize_gru.gru_traits import GruTraits
    from gru_lower.passes.legalize_gru.rewrite_settings import RewriteSettings

Outputs = dict[str, "Value"]
"""The values of ``Y`` and ``Y_h``, of those that are asked for."""
Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class BoundGru:
    """A GRU that is not written yet, with the values it reads.

    Attributes:
        traits: What rewrites decide by.
        inputs: The emitter's values by ONNX's input names.
        constants: The tensors of those that are constants.

    """

    traits: GruTraits
    inputs: dict[str, Value]
    constants: dict[str, TensorProto]

    @property
    def spec(self) -> GruSpec:
        """The GRU."""
        return self.traits.spec

    def with_traits(self, traits: GruTraits) -> BoundGru:
        """Return the GRU with other traits, reading the same values."""
        return replace(self, traits=traits)

    def without_input(self, key: str) -> BoundGru:
        """Return the GRU without one of its inputs."""
        inputs = {each: value for each, value in self.inputs.items() if each != key}
        constants = {each: tensor for each, tensor in self.constants.items() if each != key}
        return replace(self, inputs=inputs, constants=constants)

    def reading(self, values: dict[str, Value]) -> BoundGru:
        """Return the GRU with computed values in some of its inputs."""
        constants = {key: tensor for key, tensor in self.constants.items() if key not in values}
        return replace(self, inputs={**self.inputs, **values}, constants=constants)


WriteGru = Callable[[BoundGru], Outputs]
"""Writes a GRU that comes of a rewrite."""


class ReplacementBuilder:
    """Collects what replaces one GRU.

    Args:
        emitter: Writes the nodes.
        settings: What may be written.
        base_dir: Where external data lies.

    """

    def __init__(self, emitter: Emitter, settings: RewriteSettings, base_dir: Path | None) -> None:
        """Start with nothing."""
        self.emitter, self.settings, self.base_dir = emitter, settings, base_dir
        self.bindings: dict[str, Binding] = {}

    def attach(self, local: str, tensor: TensorProto) -> Value:
        """Return the value of a tensor that goes with the nodes."""
        name, count = local, 0
        while name in self.bindings:
            count += 1
            name = f"{local}_{count}"
        self.bindings[name] = tensor
        return self.emitter.value(name)

    def array(self, tensor: TensorProto) -> Array:
        """Return the values of a constant."""
        return tensor_values.to_array(tensor, self.base_dir)

    def with_array(self, gru: BoundGru, key: str, array: Array) -> BoundGru:
        """Return a GRU with another constant in one of its inputs."""
        tensor = numpy_helper.from_array(np.ascontiguousarray(array))
        value = self.attach(key, tensor)
        return replace(gru, inputs=gru.inputs | {key: value}, constants=gru.constants | {key: tensor})


def write_gru_node(b: ReplacementBuilder, gru: BoundGru) -> Outputs:
    """Write a GRU as a node with hidden_size; which other attributes are written out is what its options say."""
    spec, options = gru.spec, gru.traits.options
    attributes = spec.attributes()
    attributes.pop("output_sequence", None)
    if spec.direction == "forward" and b.settings.leaves_out_forward:
        attributes.pop("direction", None)
    if "no_parameters" in options:
        attributes.pop("activation_alpha", None)
        attributes.pop("activation_beta", None)
    if "default_activations" in options:
        attributes.pop("activations", None)
    inputs: list[Any] = [gru.inputs.get(key) for key in INPUTS]
    while inputs[-1] is None:
        inputs.pop()
    names = ["Y" if spec.Y else "", "Y_h" if spec.Y_h else ""]
    outputs = b.emitter.multi("GRU", inputs, names if spec.Y_h else names[:1], **attributes)
    return {key: value for key, value in zip(("Y", "Y_h"), outputs, strict=False) if getattr(spec, key)}


def numpy_type(elem_type: int) -> np.dtype[Any]:
    """Return numpy's type of a ``TensorProto.DataType``."""
    return np.dtype(helper.tensor_dtype_to_np_dtype(elem_type))

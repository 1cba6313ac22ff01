"""A site's weights, gate by gate: slices of constants as they are, bytes untouched; sums only for biases.

Rows of W [D, 3H, I] and R [D, 3H, H] that belong to one gate of one direction lie together, so each
gate's tensor is a range of bytes; with external data it is a view and nothing is read. B [D, 6H] holds
Wbz Wbr Wbh Rbz Rbr Rbh; both biases of a gate are added, in the model's own type, except Rbh with
linear_before_reset ≠ 0, which the reset gate scales.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import TensorProto, numpy_helper

from gru_lower.graph import external
from gru_lower.gru.spec import GATES, GruSpec
from gru_lower.passes.lower import packed
from gru_lower.passes.lower.parts import prefix_of

if TYPE_CHECKING:
    from pathlib import Path

    from gru_lower.passes.lower.template import Binding
    from gru_lower.passes.lower.variant import Variant


def gate_tensors(spec: GruSpec, constants: dict[str, TensorProto], base_dir: Path | None) -> dict[str, Binding]:
    """Cut constant weights into the tensors the templates name.

    Args:
        spec: The site.
        constants: Those of ``W``, ``R`` and ``B`` that are constant.
        base_dir: Where external data lies; only biases are read.

    Returns:
        Tensors by local name: ``Wz`` [H, I], ``Rz`` [H, H], ``bz`` [H], ``Rbh`` [H] and so on.

    Raises:
        InvalidModel: A tensor's data is missing or does not fit its shape.

    """
    h = spec.hidden_size
    result: dict[str, Binding] = {}
    for direction in spec.directions:
        p = prefix_of(direction)
        for key in ("W", "R"):
            if key in constants:
                width = constants[key].dims[2]
                for i, gate in enumerate(GATES):
                    start = (3 * direction.index + i) * h
                    result[f"{p}{key}{gate}"] = external.rows(constants[key], start, h, (width,))
        if "B" in constants:
            result.update(_biases(spec, constants["B"], direction.index, p, base_dir))
    return result


def packed_tensors(
    spec: GruSpec, v: Variant, constants: dict[str, TensorProto], base_dir: Path | None, *, double: bool
) -> dict[str, Binding]:
    """Build the wide recurrent weights of the packed form; these are read, not sliced.

    Args:
        spec: The site.
        v: Its variant.
        constants: Those of ``W``, ``R`` and ``B`` that are constant; R has to be.
        base_dir: Where external data lies.
        double: Whether the state stands there twice.

    """
    gates = {
        name: external.to_array(tensor, base_dir)
        for name, tensor in gate_tensors(spec, constants, base_dir).items()
        if isinstance(tensor, TensorProto) and name.removeprefix("reverse_").startswith("R")
    }
    return packed.weights(v, gates, double)


def _biases(spec: GruSpec, tensor: TensorProto, index: int, p: str, base_dir: Path | None) -> dict[str, Binding]:
    h = spec.hidden_size
    biases = external.to_array(external.rows(tensor, 6 * index, 6, (h,)), base_dir)
    result: dict[str, Binding] = {}
    for i, gate in enumerate(GATES):
        if gate == "h" and spec.linear_before_reset:
            result[f"{p}bh"] = numpy_helper.from_array(biases[2])
            result[f"{p}Rbh"] = numpy_helper.from_array(biases[5])
        else:
            result[f"{p}b{gate}"] = numpy_helper.from_array(biases[i] + biases[3 + i])
    return result

"""Cut two small models to run side by side: what a fusion replaces, and what comes for it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import onnx
from onnx import NodeProto, TensorProto, ValueInfoProto, helper

from gru_lower.graph.node_order import sort_nodes
from gru_lower.graph.scopes import node_uses
from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Affine
from gru_lower.passes.fuse_gru.tensors.tensor import ConstTensor, PolyTensor
from gru_lower.passes.fuse_gru.writing.region_inputs import RegionInputs
from gru_lower.verification.sites.site import SitePair

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
    from gru_lower.passes.fuse_gru.writing.batch_axes import BatchAxis

BATCH = "gru_lower.batch"
BODY_INITIALIZERS_IR_VERSION = 4


class VerificationPairs:
    """Cuts pairs of small models out of one scope: what a fusion replaces, and what comes for it.

    Args:
        model: The whole model.
        interpreter: Where the nodes stand, with what is known of the values there.
        base_dir: Where external data lies.

    """

    def __init__(self, model: onnx.ModelProto, interpreter: Interpreter, base_dir: Path | None) -> None:
        """Hold the parts."""
        self.model, self.interpreter, self.base_dir = model, interpreter, base_dir
        self.scope, self.facts = interpreter.scope, interpreter.facts

    @cached_property
    def _region_inputs(self) -> RegionInputs:
        return RegionInputs(self.model, self.interpreter)

    @cached_property
    def _drawn(self) -> frozenset[str]:
        return self._region_inputs.drawn()

    def pair(
        self,
        site: str,
        outputs: Sequence[str],
        nodes: Sequence[NodeProto],
        initializers: Sequence[TensorProto],
        batches: Sequence[Sequence[BatchAxis]] = (),
    ) -> SitePair | None:
        """Return the two models that make some values, the old way and the new.

        Args:
            site: Its id.
            outputs: The values.
            nodes: The nodes that come.
            initializers: The constants that come with them.
            batches: Axes of values that are one batch, and so of one length, for each batch there is.

        Returns:
            The pair; ``None`` where the type of a value that both read is not known.

        """
        new = _nodes_behind(outputs, nodes)
        read = _values_read(new)
        # Sizes have to fit the other inputs, and so are computed, not given.
        sizes = [name for name in read if isinstance(self.interpreter.values.get(name), ConstTensor)]
        boundary = (frozenset(read) - frozenset(sizes)) | self._drawn
        made_anew = frozenset(name for node in new for name in node.output)
        new = [*_nodes_behind(sizes, list(self.scope.nodes), boundary | made_anew), *new]
        sort_nodes(new)
        old = self._replaced_nodes(outputs, boundary)
        made = {tensor.name for tensor in initializers}
        reads = [{name: None for name in _values_read(part) if name not in made} for part in (old, new)]
        both = self._region_inputs.computing(reads[0], reads[1], made_anew | set(outputs))
        if both:
            old, new = _joined(both, old), _joined(both, new)
        given = {name: None for part in (old, new) for name in _values_read(part) if name not in made}
        lengths = _lengths_of_batches(batches)
        inputs: list[ValueInfoProto] = []
        constants: list[TensorProto] = []
        for name in given:
            tensor = self.facts.constant(self.scope, name)
            if tensor is not None:
                copy = TensorProto()
                copy.CopyFrom(tensor)
                copy.name = name
                constants.append(copy)
                continue
            info = self._info(name)
            if info is None:
                return None
            for axis, dim in enumerate(info.type.tensor_type.shape.dim):
                length = lengths.get((name, axis))
                if isinstance(length, int) and not dim.HasField("dim_value"):
                    dim.dim_value = length
                elif length is not None and not dim.HasField("dim_value"):
                    dim.dim_param = str(length)
            inputs.append(info)
        wanted = [self._info(name) or ValueInfoProto(name=name) for name in outputs]
        original = self._model(old, inputs, wanted, constants)
        replacement = self._model(new, inputs, wanted, [*constants, *initializers])
        return SitePair(site, original, replacement, base_dir=self.base_dir, either_runtime=False)

    def _replaced_nodes(self, outputs: Sequence[str], boundary: frozenset[str]) -> list[NodeProto]:
        """Return the nodes that made some values; a value equal to one of the boundary's is taken from it."""
        names: dict[tuple[object, ...], list[str]] = {}
        for name, known in self.interpreter.values.items():
            if isinstance(known, PolyTensor):
                names.setdefault((known.axes, known.pieces), []).append(name)
        same: dict[str, str] = {}
        for name in boundary:
            known = self.interpreter.values.get(name)
            if isinstance(known, PolyTensor):
                same.update((other, name) for other in names[known.axes, known.pieces] if other not in boundary)
        old = _nodes_behind(outputs, list(self.scope.nodes), boundary | same.keys())
        read = _values_read(old)
        return [
            *(helper.make_node("Identity", [same[name]], [name]) for name in dict.fromkeys(read) if name in same),
            *old,
        ]

    def _info(self, name: str) -> ValueInfoProto | None:
        elem_type = self.facts.elem_type(self.scope, name)
        if not elem_type:
            return None
        dims = self.facts.shape(self.scope, name)
        # A length of 0 in a body's declarations stands for one that the exporter did not know.
        shape = None if dims is None or 0 in dims else list(dims)
        known = self.interpreter.values.get(name)
        if isinstance(known, PolyTensor) and (shape is None or len(shape) == len(known.dims)):
            declared = shape or [None] * len(known.dims)
            shape = [_dim(length, given) for length, given in zip(known.dims, declared, strict=True)]
        return helper.make_tensor_value_info(name, elem_type, shape)

    def _model(
        self,
        nodes: Sequence[NodeProto],
        inputs: Sequence[ValueInfoProto],
        outputs: Sequence[ValueInfoProto],
        initializers: Sequence[TensorProto],
    ) -> onnx.ModelProto:
        used = {name for node in nodes for name in node_uses(node)}
        kept = [tensor for tensor in initializers if tensor.name in used]
        graph = helper.make_graph(nodes, "site", inputs, [_without_shape(info) for info in outputs], kept)
        imports = [helper.make_opsetid(domain, number) for domain, number in self.scope.opsets.items()]
        version = max(self.model.ir_version, BODY_INITIALIZERS_IR_VERSION)
        made = helper.make_model(graph, opset_imports=imports, ir_version=version)
        made.functions.extend(self.model.functions)
        return made


def _dim(length: Count, declared: int | str | None) -> int | str | None:
    """Return what a test is told of an axis: equal lengths have one name, so that loops take as many steps."""
    if isinstance(length, Affine):
        return str(length) if length.is_unknown else declared
    return length if length > 0 else declared


def _joined(first: Sequence[NodeProto], then: Sequence[NodeProto]) -> list[NodeProto]:
    """Return nodes behind others, but for those that make what these make already, sorted."""
    made = {name for node in first for name in node.output if name}
    nodes = [*first, *(node for node in then if not made & set(node.output))]
    sort_nodes(nodes)
    return nodes


def _without_shape(info: ValueInfoProto) -> ValueInfoProto:
    """Leave out an output's shape: what runs says it, and a declared one might only warn."""
    return helper.make_tensor_value_info(info.name, info.type.tensor_type.elem_type or TensorProto.FLOAT, None)


def _lengths_of_batches(batches: Sequence[Sequence[BatchAxis]]) -> dict[tuple[str, int], int | str]:
    """Return how long the axes of batches are, a number or a name; batches with an axis in common are one."""
    groups: list[dict[tuple[str, int], Count]] = []
    for axes in batches:
        group: dict[tuple[str, int], Count] = {(name, axis): length for name, axis, length in axes}
        for other in [other for other in groups if other.keys() & group.keys()]:
            groups.remove(other)
            group |= other
        groups.append(group)
    found: dict[tuple[str, int], int | str] = {}
    for number, group in enumerate(groups):
        fixed = next((length for length in group.values() if isinstance(length, int)), None)
        found.update(dict.fromkeys(group, f"{BATCH}_{number}" if fixed is None else fixed))
    return found


def _nodes_behind(
    outputs: Sequence[str], nodes: Sequence[NodeProto], stop: frozenset[str] = frozenset()
) -> list[NodeProto]:
    """Return the nodes that values depend on, in order; looking back ends at some other values."""
    producer = {name: index for index, node in enumerate(nodes) for name in node.output if name}
    found: set[int] = set()
    pending = list(outputs)
    while pending:
        name = pending.pop()
        index = producer.get(name)
        if index is not None and index not in found and name not in stop:
            found.add(index)
            pending += node_uses(nodes[index])
    return [nodes[index] for index in sorted(found)]


def _values_read(nodes: Sequence[NodeProto]) -> list[str]:
    """Return the values that nodes use and do not make."""
    made = {name for node in nodes for name in node.output}
    return [name for node in nodes for name in node_uses(node) if name not in made]

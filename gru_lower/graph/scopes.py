"""Scopes of a model: the main graph, the bodies of If, Loop and Scan at any depth, local functions.

Scopes are walked here and nowhere else. A body sees the values of the scopes around it; a
function sees only its own. Values are looked up by (scope, name), since sibling bodies may use
the same names.
"""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any

import onnx
from onnx import AttributeProto, FunctionProto, GraphProto, NodeProto

from gru_lower.graph.node_columns import HOLD_NO_GRAPH, NodeColumns, read_columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

ONNX_DOMAINS = ("", "ai.onnx")


class Scope:
    """One graph or function of a model, with its definitions and uses.

    The indices are built when first asked for and are not kept up to date over edits:
    :func:`gru_lower.graph.splice.apply` is done with the scopes it was given.

    Attributes:
        path: ``main``, ``main/if_7.then_branch`` or ``function my.domain::Wrap``.
        proto: The GraphProto or FunctionProto.
        parent: The scope around it whose values it sees; ``None`` for the main graph and functions.
        opsets: Opset version by domain, ``""`` for ONNX's own.
        ir_version: The model's.
        repeated: Whether it is a body of a Scan or Loop, or inside one.

    """

    def __init__(
        self,
        path: str,
        proto: GraphProto | FunctionProto,
        parent: Scope | None,
        opsets: dict[str, int],
        ir_version: int,
        *,
        repeated: bool = False,
    ) -> None:
        """Hold on to the parts; :func:`walk` makes the scopes of a model."""
        self.path = path
        self.proto = proto
        self.parent = parent
        self.opsets = opsets
        self.ir_version = ir_version
        self.repeated = repeated

    @property
    def nodes(self) -> Any:  # noqa: ANN401 - protobuf's repeated container has no public type
        """The scope's nodes, in order."""
        return self.proto.node

    @cached_property
    def columns(self) -> NodeColumns:
        """What is asked of nodes most, read once: for who looks at all of them, and edits none on the way."""
        return read_columns(self.nodes)

    def of_operators(self, *op_types: str) -> Iterator[tuple[int, NodeProto]]:
        """Yield the nodes of some of ONNX's operators, each with its index."""
        read = self.columns
        wanted = set(op_types).intersection(read.op_types)
        for index, op_type in enumerate(read.op_types if wanted else ()):
            if op_type in wanted and read.domains[index] in ONNX_DOMAINS:
                yield index, read.nodes[index]

    @property
    def opset(self) -> int:
        """The version of ONNX's own opset in this scope, 0 if it is not imported."""
        return self.opsets.get("", 0)

    @property
    def function(self) -> FunctionProto | None:
        """The function this scope is in, if it is in one."""
        scope: Scope | None = self
        while scope is not None:
            if isinstance(scope.proto, FunctionProto):
                return scope.proto
            scope = scope.parent
        return None

    @property
    def holds_initializers(self) -> bool:
        """Whether constants may be initializers here: not in functions, and not where every one must be an input."""
        return isinstance(self.proto, GraphProto) and self.ir_version >= 4

    @cached_property
    def inputs(self) -> dict[str, onnx.ValueInfoProto | None]:
        """Formal inputs by name; a function's have no type."""
        if isinstance(self.proto, FunctionProto):
            return dict.fromkeys(self.proto.input)
        return {value.name: value for value in self.proto.input}

    @cached_property
    def outputs(self) -> list[str]:
        """The names of the formal outputs."""
        if isinstance(self.proto, FunctionProto):
            return list(self.proto.output)
        return [value.name for value in self.proto.output]

    @cached_property
    def initializers(self) -> dict[str, onnx.TensorProto]:
        """Dense initializers by name."""
        if isinstance(self.proto, FunctionProto):
            return {}
        return {tensor.name: tensor for tensor in self.proto.initializer}

    @cached_property
    def producers(self) -> dict[str, int]:
        """Index of the node that produces a value."""
        read = self.__dict__.get("columns")
        outputs = (node.output for node in self.nodes) if read is None else read.outputs
        return {name: index for index, names in enumerate(outputs) for name in names if name}

    @cached_property
    def uses(self) -> Counter[str]:
        """How often a value is used here: by nodes, by bodies inside them, by annotations, as a formal output."""
        count: Counter[str] = Counter(self.outputs)
        read = self.__dict__.get("columns")
        count.update(chain.from_iterable(read.inputs if read else (node.input for node in self.nodes)))
        del count[""]
        for node in [read.nodes[index] for index in read.holders] if read else self.nodes:
            if node.attribute:
                for _, body in subgraphs(node):
                    count.update(captures(body))
        for names in self.annotations.values():
            count.update(names)
        return count

    def used_by(self, index: int) -> Sequence[str]:
        """Return every value that a node uses, the captures of its bodies included."""
        read = self.__dict__.get("columns")
        if read is None or index in read.holding:
            return list(node_uses(self.nodes[index]))
        names: list[str] = read.inputs[index]
        return [name for name in names if name] if "" in names else names

    @cached_property
    def readers(self) -> dict[str, list[int]]:
        """Indices of the nodes that use a value, themselves or in their bodies."""
        found: dict[str, list[int]] = {}
        for index in range(len(self.nodes)):
            for name in dict.fromkeys(self.used_by(index)):
                found.setdefault(name, []).append(index)
        return found

    @cached_property
    def annotations(self) -> dict[str, list[str]]:
        """The tensors that say how a value is quantised, by the value's name."""
        if isinstance(self.proto, FunctionProto):
            return {}
        return {
            annotation.tensor_name: [entry.value for entry in annotation.quant_parameter_tensor_names]
            for annotation in self.proto.quantization_annotation
        }

    def defines(self, name: str) -> bool:
        """Whether the value is defined in this very scope."""
        return name in self.producers or name in self.inputs or name in self.initializers or name in self._sparse

    @cached_property
    def _sparse(self) -> set[str]:
        if isinstance(self.proto, FunctionProto):
            return set()
        return {tensor.values.name for tensor in self.proto.sparse_initializer}

    def find(self, name: str) -> Scope | None:
        """Return the scope that defines a value visible from here."""
        scope: Scope | None = self
        while scope is not None:
            if scope.defines(name):
                return scope
            scope = scope.parent
        return None

    def site(self, index: int) -> str:
        """Return the id of a node: ``scope#index:first_output``; names may be empty or double."""
        node = self.nodes[index]
        first = next((name for name in node.output if name), "")
        return f"{self.path}#{index}:{first}"


def is_onnx(node: NodeProto, op_type: str | None = None) -> bool:
    """Whether a node is of ONNX's own domain, and of the given operator if one is given."""
    return (op_type is None or node.op_type == op_type) and node.domain in ONNX_DOMAINS


def count_nodes(model: onnx.ModelProto, op_type: str) -> int:
    """Count the nodes of one of ONNX's operators over every scope."""
    return sum(node.op_type == op_type and node.domain in ONNX_DOMAINS for scope in walk(model) for node in scope.nodes)


def subgraphs(node: NodeProto) -> Iterator[tuple[str, GraphProto]]:
    """Yield ``(attribute name, body)`` for every graph a node holds."""
    for attribute in node.attribute:
        if attribute.type in HOLD_NO_GRAPH:
            continue
        if attribute.type == AttributeProto.GRAPH or attribute.HasField("g"):
            yield attribute.name, attribute.g
        for position, graph in enumerate(attribute.graphs):
            yield f"{attribute.name}[{position}]", graph


def node_uses(node: NodeProto) -> Iterator[str]:
    """Yield every value a node uses, the captures of its bodies included."""
    yield from filter(None, node.input)
    if node.attribute:
        for _, body in subgraphs(node):
            yield from captures(body)


def captures(graph: GraphProto) -> Iterator[str]:
    """Yield the values a body uses that it does not define itself."""
    own = {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
    own.update(tensor.values.name for tensor in graph.sparse_initializer)
    for node in graph.node:
        own.update(node.output)
    for node in graph.node:
        yield from (name for name in node_uses(node) if name not in own)
    yield from (value.name for value in graph.output if value.name not in own)


def _opsets(imports: Iterable[onnx.OperatorSetIdProto]) -> dict[str, int]:
    return {("" if entry.domain in ONNX_DOMAINS else entry.domain): entry.version for entry in imports}


def opset_of(model: onnx.ModelProto) -> int:
    """Return the version of ONNX's own opset that a model imports, 0 for none."""
    return next((entry.version for entry in model.opset_import if entry.domain in ONNX_DOMAINS), 0)


def function_path(function: FunctionProto) -> str:
    """Return the path of a function's own scope."""
    name = f"function {function.domain}::{function.name}"
    return f"{name}:{function.overload}" if getattr(function, "overload", "") else name


def walk(model: onnx.ModelProto) -> Iterator[Scope]:
    """Yield every scope of a model, a scope before the bodies inside it: the main graph first, then functions."""
    opsets = _opsets(model.opset_import)
    taken: set[str] = set()
    yield from _descend(Scope("main", model.graph, None, opsets, model.ir_version), taken)
    for function in model.functions:
        function_opsets = _opsets(function.opset_import) or opsets
        yield from _descend(Scope(function_path(function), function, None, function_opsets, model.ir_version), taken)


def _descend(scope: Scope, taken: set[str]) -> Iterator[Scope]:
    yield scope
    read = scope.__dict__.get("columns")
    if read is None:
        holders = [(index, node) for index, node in enumerate(scope.nodes) if node.attribute and _holds_graph(node)]
    else:
        holders = [(index, read.nodes[index]) for index in read.holders]
    names = Counter(node.name for _, node in holders)
    for index, node in holders:
        numbered = f"{node.op_type.lower()}#{index}"
        unique = names[node.name] == 1 and "#" not in str(node.name)  # str: a damaged name comes as bytes
        label = node.name if node.name and unique else numbered
        repeated = scope.repeated or node.op_type in ("Scan", "Loop")
        for attribute, body in subgraphs(node):
            path = f"{scope.path}/{label}.{attribute}"
            if path in taken:  # names may hold slashes and dots, too
                path = f"{scope.path}/{numbered}.{attribute}"
            taken.add(path)
            yield from _descend(Scope(path, body, scope, scope.opsets, scope.ir_version, repeated=repeated), taken)


def _holds_graph(node: NodeProto) -> bool:
    for attribute in node.attribute:
        if attribute.type not in HOLD_NO_GRAPH and (attribute.HasField("g") or attribute.graphs):
            return True
    return False

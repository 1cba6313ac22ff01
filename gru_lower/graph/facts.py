"""What is known of a model's values without running it: for each its constant, element type and shape.

Constants are followed through Identity and Constant nodes into the scopes around. Types and
shapes come from the model's own declarations and, where those are silent, from one run of ONNX's
shape inference over a copy without the weights.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from gru_lower.graph import element_types, tensor_values
from gru_lower.graph.computed_constants import FOLDED, ComputedConstants, Place
from gru_lower.graph.constant_nodes import constant_of
from gru_lower.graph.local_functions import Functions, key_of, resolve
from gru_lower.graph.scopes import is_onnx, walk
from gru_lower.graph.shape_inference import infer
from gru_lower.graph.tensor_types import declared_types, dims_of, is_static

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnx import NodeProto, TensorProto, ValueInfoProto

    from gru_lower.graph.model import Model
    from gru_lower.graph.scopes import Scope
    from gru_lower.graph.tensor_types import Dims


FREE_INITIALIZERS_IR_VERSION = 4
RECENT = 1 << 16
"""Of so many values it is remembered what they were found to be: rules and passes ask for one GRU's again and again."""
HAND_ON = ("Constant", "Identity")
"""Operators whose outputs are constants as they are stored."""
MAIN = "main"
"""The path of the main graph."""


class Facts:
    """What is known about the values of one model, as it was when the table was made.

    Attributes:
        stored: Finds a value, by its scope and name, among initializers and Constant nodes, through Identity nodes and
            into the scopes around; of the last values that were asked for, it is remembered.
        shape: Gives a value's dims (an int, a symbol, or ``None`` each), or ``None`` where even the rank is unknown.

    Args:
        model: The model; edits made to it later are not seen.
        declared: Whether the shapes that the model declares are believed; those of its inputs always are.
        positive_lengths: Whether sequence_lens are promised to be 1 or more.
        computed: Whether what nodes compute from constants alone counts as a constant, see
            :mod:`gru_lower.graph.computed_constants`.
        scopes: The model's scopes, where somebody has read them before.

    """

    def __init__(
        self,
        model: Model,
        *,
        declared: bool = True,
        computed: bool = False,
        positive_lengths: bool = False,
        scopes: list[Scope] | None = None,
    ) -> None:
        """Keep the model; everything is worked out when it is first asked for."""
        self._model = model
        self._scopes = scopes
        self.stored = lru_cache(RECENT)(self._stored)
        self._constant = lru_cache(RECENT)(self._stored_or_computed)
        self.shape = lru_cache(RECENT)(self._shape)
        self.positive_lengths = positive_lengths
        self._computed = ComputedConstants(self.stored, self._read) if computed else None
        self._believes_declared = declared
        self._functions: Functions | None = None
        self._declared: dict[str, dict[str, ValueInfoProto]] = {}
        self._inferred: dict[str, dict[str, ValueInfoProto]] | None = None

    @cached_property
    def scopes(self) -> list[Scope]:
        """Every scope of the model, as :func:`gru_lower.graph.scopes.walk` yields them; what they index is kept."""
        return list(walk(self._model.proto)) if self._scopes is None else self._scopes

    def node(self, scope: Scope, index: int) -> NodeProto:
        """Return a node with its references to a function's parameters replaced, as far as all calls agree."""
        node: NodeProto = scope.nodes[index]
        if scope.function is None or not any(attribute.ref_attr_name for attribute in node.attribute):
            return node
        if self._functions is None:
            self._functions = Functions(self._model.proto, lambda _node: True)
        return resolve(node, self._functions.bindings(key_of(scope.function)))

    def constant(self, scope: Scope, name: str) -> TensorProto | None:
        """Return the tensor a value always is, or ``None``.

        An initializer that is also an input is a default its user may override, and no constant,
        unless the model is so old (IR version 3) that every initializer has to be an input.
        """
        return self._constant(scope, name).tensor

    def is_made(self, scope: Scope, name: str) -> bool:
        """Whether a node of this scope makes a value, and not just hands on a constant: found out fast."""
        made = scope.producers.get(name)
        if made is None or self._computed is not None or name in scope.initializers:
            return False
        return scope.columns.op_types[made] not in HAND_ON

    def constant_place(self, scope: Scope, name: str) -> tuple[Scope, str] | None:
        """Return the scope of the constant that a value always is, and its name there; ``None`` for no constant."""
        tensor, home, name = self._constant(scope, name)
        return None if tensor is None or home is None else (home, name)

    def input_behind_casts(self, scope: Scope, name: str) -> str:
        """Return the model's input that a value is, perhaps cast, or ``""``."""
        while name in scope.producers and is_onnx(node := scope.nodes[scope.producers[name]], "Cast"):
            name = node.input[0]
        place = self.stored(scope, name)
        handed_in = place.home is not None and place.home.parent is None and place.name in place.home.inputs
        return place.name if handed_in else ""

    def _stored_or_computed(self, scope: Scope, name: str) -> Place:
        place = self.stored(scope, name)
        if self._computed is None or place.tensor is not None or place.home is None:
            return place
        if place.name not in place.home.producers:
            return place
        return place._replace(tensor=self._computed.tensor(place.home, place.name))

    def _stored(self, scope: Scope, name: str) -> Place:
        made = scope.producers.get(name)
        if made is not None and name not in scope.initializers and scope.nodes[made].op_type not in HAND_ON:
            return Place(None, scope, name)
        home = scope.find(name) if name else None
        seen: set[tuple[str, str]] = set()
        while home is not None and (home.path, name) not in seen:
            seen.add((home.path, name))
            tensor = home.initializers.get(name)
            if tensor is not None:
                free = name not in home.inputs or home.ir_version < FREE_INITIALIZERS_IR_VERSION
                return Place(tensor if free else None, home, name)
            node = home.nodes[home.producers[name]] if name in home.producers else None
            if node is None or not is_onnx(node, "Identity"):
                tensor = constant_of(node) if node is not None and is_onnx(node, "Constant") else None
                return Place(tensor, home, name)
            name = next(iter(node.input), "")
            home = home.find(name) if name else None
        return Place(None, None, name)

    def array(self, scope: Scope, name: str) -> np.ndarray[Any, np.dtype[Any]] | None:
        """Return the values of a constant, or ``None``."""
        tensor = self.constant(scope, name)
        return None if tensor is None else self._read(tensor)

    def are_zeros(self, tensor: TensorProto) -> bool:
        """Whether a tensor is known to be all zeros; one outside the model's file is not read for that."""
        values = self.read_inside(tensor)
        return values is not None and not np.any(values)

    def read_inside(self, tensor: TensorProto) -> np.ndarray[Any, np.dtype[Any]] | None:
        """Return a tensor's values, ``None`` where they are in another file than the model's."""
        return None if self.is_outside(tensor) else self._read(tensor)

    def is_outside(self, tensor: TensorProto) -> bool:
        """Whether a tensor's bytes are in another file than the model's."""
        return self._model.is_outside(tensor)

    def _read(self, tensor: TensorProto) -> np.ndarray[Any, np.dtype[Any]]:
        return tensor_values.to_array(tensor, self._model.base_dir, may_map=True)

    def elem_type(self, scope: Scope, name: str) -> int:
        """Return the element type (``TensorProto.DataType``) of a tensor value, 0 where it is unknown."""
        tensor = self.constant(scope, name)
        if tensor is not None:
            return tensor.data_type
        for info in self._declared_and_inferred(scope, name):
            if info.type.tensor_type.elem_type:
                return info.type.tensor_type.elem_type
        return 0

    def elem_types(self, scope: Scope) -> tuple[dict[str, int], Sequence[int]]:
        """Return what :meth:`elem_type` says of every value that a main graph defines, found out for all at once.

        Returns:
            Element types by name, and the indices of its nodes, without those that are like one before in their
            operators and types.

        """
        read, declared = scope.columns, self._declared_in(scope)
        constants = {
            name: tensor.data_type
            for name, tensor in scope.initializers.items()
            if name not in scope.inputs or scope.ir_version < FREE_INITIALIZERS_IR_VERSION
        }
        given = dict(constants) | {name: info.type.tensor_type.elem_type for name, info in declared.items()}
        if self._believes_declared and len(self.scopes) == 1:
            known = given | constants
            unlike = element_types.propagate(scope, known)
            if unlike is not None:
                made = (name for name in declared if name in scope.producers)
                always = {name: self.constant(scope, name) for name in made}
                known |= {name: tensor.data_type for name, tensor in always.items() if tensor is not None}
                return known, unlike
        found = dict.fromkeys(scope.producers, 0)
        if not self._believes_declared or any(name not in declared for name in scope.producers):
            if self._inferred is None:
                self._inferred = infer(self._model.proto, declared=self._believes_declared, scopes=self._scopes)
            inferred = self._inferred.get(scope.path, {})
            found.update((name, kind) for name, info in inferred.items() if (kind := info.type.tensor_type.elem_type))
        believed = declared if self._believes_declared else scope.inputs
        found.update((name, given[name]) for name in believed if given[name])
        found |= constants
        fixed = {"", *constants}
        for op_type, inputs, outputs in zip(read.op_types, read.inputs, read.outputs, strict=True):
            if op_type in FOLDED and fixed.issuperset(inputs):
                found.update((name, self.elem_type(scope, name)) for name in outputs if name)
                fixed.update(outputs)
        return found, range(len(read.nodes))

    def _shape(self, scope: Scope, name: str) -> Dims | None:
        tensor = self.constant(scope, name)
        if tensor is not None:
            return tuple(tensor.dims)
        best: Dims | None = None
        for info in self._declared_and_inferred(scope, name):
            if not info.type.tensor_type.HasField("shape"):
                continue
            dims = dims_of(info)
            best = dims if best is None else _combined(best, dims)
            if all(isinstance(dim, int) for dim in best):
                break
        return best

    def _declared_in(self, scope: Scope) -> dict[str, ValueInfoProto]:
        if scope.path not in self._declared:
            self._declared[scope.path] = declared_types(scope.proto)
        return self._declared[scope.path]

    def static_type(self, scope: Scope, name: str) -> ValueInfoProto | None:
        """Return a value's inferred type if its element type and every dim are known."""
        return next((info for info in reversed(self._declared_and_inferred(scope, name)) if is_static(info)), None)

    def _declared_and_inferred(self, scope: Scope, name: str) -> list[ValueInfoProto]:
        home = scope.find(name)
        if home is None:
            return []
        declared = self._declared_in(home)
        believed = self._believes_declared or (home.path == MAIN and name in home.inputs)
        info = declared.get(name) if believed else None
        given = home.path == MAIN and name in home.inputs  # nothing more can be inferred of it
        if info is not None and (is_static(info) or (given and info.type.tensor_type.HasField("shape"))):
            return [info]
        if self._inferred is None:
            self._inferred = infer(self._model.proto, declared=self._believes_declared, scopes=self._scopes)
        inferred = self._inferred.get(home.path, {}).get(name)
        return [entry for entry in (info, inferred) if entry is not None]


def _combined(left: Dims, right: Dims) -> Dims:
    """Return what two descriptions of a shape say together; where they contradict each other, the first one holds."""
    if len(left) != len(right):
        return left
    return tuple(
        a if isinstance(a, int) else b if isinstance(b, int) else a or b for a, b in zip(left, right, strict=True)
    )

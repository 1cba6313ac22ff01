"""Names of nodes and values: all that a model has, and new ones that it does not have yet."""

from __future__ import annotations

import re
from operator import attrgetter
from typing import TYPE_CHECKING

from onnx import GraphProto

from gru_lower.graph.scopes import walk

if TYPE_CHECKING:
    from collections.abc import Iterable

    import onnx

    from gru_lower.graph.scopes import Scope


class Names:
    """Hands out names that no scope of the model uses yet.

    Args:
        model: The model whose names are taken.
        scopes: Its scopes, where somebody has read them before.

    """

    def __init__(self, model: onnx.ModelProto, scopes: Iterable[Scope] | None = None) -> None:
        """Collect the names that are taken."""
        scopes = list(walk(model) if scopes is None else scopes)
        self._values = _Taken(value_names(model, scopes) | {""})
        self._nodes = _Taken(node_names(model, scopes) | {""})
        self._prefixes: set[str] = set()

    def prefix(self, wanted: str) -> str:
        """Reserve a prefix for the names of one site; ``_1`` and so on where it was given out before."""
        return _unique(wanted, self._prefixes)

    def value(self, wanted: str) -> str:
        """Return ``wanted`` for a value, or ``wanted_1`` and so on where a value has that name."""
        return self._values.unique(wanted)

    def node(self, wanted: str) -> str:
        """Return ``wanted`` for a node, or ``wanted_1`` and so on where a node has that name."""
        return self._nodes.unique(wanted)

    def reserve(self, folder: str, values: frozenset[str], nodes: frozenset[str]) -> bool:
        """Take ``folder/local`` for many local names at once, if no name at all lies in that folder.

        Args:
            folder: What comes before the last slash of the names.
            values: The local names of values, without slashes.
            nodes: Those of nodes.

        Returns:
            Whether they are taken now; else each has to be asked for.

        """
        if self._values.has(folder) or self._nodes.has(folder):
            return False
        self._values.reserved[folder], self._nodes.reserved[folder] = values, nodes
        return True


class _Taken:
    """Names that are taken: one by one, or in a folder of their own, of which the local names are kept once for all."""

    def __init__(self, names: set[str]) -> None:
        self._names = names
        self._folders = {name.rpartition("/")[0] for name in names if "/" in name}
        self.reserved: dict[str, frozenset[str]] = {}

    def has(self, folder: str) -> bool:
        return folder in self._folders or folder in self.reserved

    def unique(self, wanted: str) -> str:
        name, count = wanted, 0
        folder, _, local = wanted.rpartition("/")
        reserved = self.reserved.get(folder, frozenset())
        while name in self._names or local in reserved:
            count += 1
            name, local = f"{wanted}_{count}", f"{wanted[len(folder) + 1 :]}_{count}"
        self._names.add(name)
        self._folders.add(folder)
        return name


def _unique(wanted: str, taken: set[str]) -> str:
    name, count = wanted, 0
    while name in taken:
        count += 1
        name = f"{wanted}_{count}"
    taken.add(name)
    return name


def identifier(name: str) -> str:
    """Return a name as an identifier: ONNX's text form takes the quoted name of a body for a string."""
    plain = re.sub(r"[^0-9A-Za-z_]+", "_", name)
    return plain if plain[:1].isalpha() or plain[:1] == "_" else f"_{plain}"


def node_names(model: onnx.ModelProto, scopes: Iterable[Scope] | None = None) -> set[str]:
    """Return every name of a node anywhere in a model. Values have names of their own kind."""
    scopes = walk(model) if scopes is None else scopes
    return {name for scope in scopes for name in map(attrgetter("name"), scope.nodes)}


def value_names(model: onnx.ModelProto, scopes: Iterable[Scope] | None = None) -> set[str]:
    """Return every name of a value anywhere in a model: a new name outside it shadows nothing."""
    names: set[str] = set()
    for scope in walk(model) if scopes is None else scopes:
        names.update(scope.inputs, scope.outputs, scope.initializers)
        read = scope.__dict__.get("columns")
        for inputs in map(attrgetter("input"), scope.nodes) if read is None else read.inputs:
            names.update(inputs)
        for outputs in map(attrgetter("output"), scope.nodes) if read is None else read.outputs:
            names.update(outputs)
        if isinstance(scope.proto, GraphProto):
            names.update(tensor.values.name for tensor in scope.proto.sparse_initializer)
            names.update(annotation.tensor_name for annotation in scope.proto.quantization_annotation)
        names.update(value.name for value in scope.proto.value_info)
    return names

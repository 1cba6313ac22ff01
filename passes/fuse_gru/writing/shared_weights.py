"""Weights of several GRUs that are equal, since their loops shared one set of matrices, become one constant."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from gru_lower.graph.external_data import dims_before, is_external, views_before
from gru_lower.graph.scopes import is_onnx
from gru_lower.graph.splice import Edit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from onnx import TensorProto

    from gru_lower.graph.scopes import Scope

WEIGHTS = slice(1, 4)
"""Where W, R and B stand among a GRU's inputs."""


def share_weights(edits: Sequence[Edit]) -> list[Edit]:
    """Put equal weights into the nearest scope that all their GRUs see.

    Args:
        edits: One of each scope with new GRUs; their nodes and initializers are changed.

    Returns:
        These edits, and those that add what is shared.

    """
    groups: dict[tuple[str, int, tuple[int, ...], bytes | tuple[object, ...]], list[tuple[Edit, TensorProto]]] = {}
    for edit in edits:
        root = [scope.path for scope in _scopes_around(edit.scope)][-1]
        for tensor in _weights(edit):
            key = (root, tensor.data_type, tuple(tensor.dims), _content(tensor))
            groups.setdefault(key, []).append((edit, tensor))
    homes: dict[str, Edit] = {}
    for group in groups.values():
        if len(group) == 1:
            continue
        shared = group[0][1]
        home = _common_scope([edit.scope for edit, _ in group])
        homes.setdefault(home.path, Edit(home, [], [])).initializers.append(shared)
        for edit, tensor in group:
            _rename(edit, tensor.name, shared.name)
            edit.initializers[:] = [each for each in edit.initializers if each is not tensor]
    return [*edits, *homes.values()]


def _weights(edit: Edit) -> list[TensorProto]:
    read = {name for node in edit.nodes if is_onnx(node, "GRU") for name in node.input[WEIGHTS]}
    return [tensor for tensor in edit.initializers if tensor.name in read and _has_bytes(tensor)]


def _has_bytes(tensor: TensorProto) -> bool:
    return is_external(tensor) or tensor.HasField("raw_data")


def _content(tensor: TensorProto) -> bytes | tuple[object, ...]:
    """Return what equal weights have in common: a digest of their bytes, or where these lie."""
    if is_external(tensor):
        return dims_before(tensor), *views_before(tensor)
    return hashlib.blake2b(tensor.raw_data).digest()


def _scopes_around(scope: Scope) -> Iterator[Scope]:
    """Yield a scope and those whose values it sees, the nearest first."""
    here: Scope | None = scope
    while here is not None:
        yield here
        here = here.parent


def _common_scope(scopes: Sequence[Scope]) -> Scope:
    """Return the nearest scope whose values all of some see; they have one."""
    seen = [{each.path for each in _scopes_around(scope)} for scope in scopes]
    return next(each for each in _scopes_around(scopes[0]) if all(each.path in paths for paths in seen))


def _rename(edit: Edit, old: str, new: str) -> None:
    for node in edit.nodes:
        for place, name in enumerate(node.input):
            if name == old:
                node.input[place] = new

"""GL712: a Reshape whose shape holds a number where its input's axis is dynamic.

torch's newer exporter writes the length it traced into the Reshape behind a GRU, such as [7, -1, 16], although the
sequence is declared dynamic: other lengths fail there, or are cut into pieces of 7. Looked at are Reshapes of values
with the dim of a GRU's sequence, and the axes of input and shape that surely are the same: the leading ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.checking.rule import Rule
from gru_lower.diagnostics import diagnostic
from gru_lower.graph.scopes import is_onnx

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gru_lower.checking.checked_model import CheckedModel
    from gru_lower.diagnostics import Diagnostic
    from gru_lower.graph.scopes import Scope
    from gru_lower.graph.tensor_types import Dims

VIEWS = ("Transpose", "Squeeze", "Unsqueeze", "Identity", "Cast")


def reshapes(checked: CheckedModel) -> Iterator[Diagnostic]:
    """Find Reshapes before or after a GRU that hold a length."""
    symbols = _sequence_dims(checked)
    for scope in checked.scopes:
        for index, node in enumerate(scope.nodes):
            if not is_onnx(node, "Reshape") or len(node.input) != 2:
                continue
            shape = _shape(checked, scope, node.input[1])
            dims = checked.facts.shape(scope, node.input[0])
            if not shape or dims is None:
                continue
            after = _is_after_gru(scope, node.input[0])
            if not after and not symbols & {dim for dim in dims if isinstance(dim, str)}:
                continue
            baked = _baked_dim(dims, shape)
            if baked is None:
                continue
            dim, size = baked
            held = "[" + ", ".join("?" if each is None else str(each) for each in shape) + "]"
            name = f"the dynamic dim {dim!r}" if dim else "a dynamic dim"
            yield diagnostic(
                "GL712",
                f"Reshape to {held} holds {size} where its input of shape {_in_words(dims)} has {name}",
                scope=scope.path,
                node=scope.site(index),
            )


def _sequence_dims(checked: CheckedModel) -> set[str]:
    """Return the symbols that stand for the sequence length of a GRU."""
    found = set()
    for gru in checked.grus:
        spec = gru.parsed.spec
        dims = None if spec is None else checked.facts.shape(gru.scope, spec.inputs["X"])
        if spec is not None and dims is not None and len(dims) == 3:
            dim = dims[spec.layout]
            found |= {dim} if isinstance(dim, str) else set()
    return found


def _is_after_gru(scope: Scope, name: str) -> bool:
    """Whether a value is a GRU's output, or a view of it."""
    while name in scope.producers:
        node = scope.nodes[scope.producers[name]]
        if is_onnx(node, "GRU"):
            return True
        if not is_onnx(node) or node.op_type not in VIEWS:
            return False
        name = node.input[0]
    return False


def _shape(checked: CheckedModel, scope: Scope, name: str) -> list[int | None]:
    """Return a Reshape's target, ``None`` for what is computed; nothing where not even its rank is known."""
    target = checked.facts.array(scope, name)
    if target is not None:
        return [int(size) for size in target.reshape(-1)]
    node = scope.nodes[scope.producers[name]] if name in scope.producers else None
    if node is None or not is_onnx(node, "Concat"):
        return []
    found: list[int | None] = []
    for piece in node.input:
        dims = checked.facts.shape(scope, piece)
        if dims is None or len(dims) != 1 or not isinstance(dims[0], int):
            return []
        values = checked.facts.array(scope, piece)
        found += [None] * dims[0] if values is None else [int(size) for size in values]
    return found


def _baked_dim(dims: Dims, shape: list[int | None]) -> tuple[str, int] | None:
    """Return the dynamic dim of a Reshape's input that a number stands for, and the number."""
    have, want = [dim for dim in dims if dim != 1], [size for size in shape if size != 1]
    if 0 in shape:  # copied by place, and places move where dims of 1 are left out
        have, want = list(dims), shape
    for dim, size in zip(have, want, strict=False):
        if not isinstance(dim, int) and size is not None and size > 0:
            return dim or "", size
        if size is None or size not in (0, dim):
            break
    open_dims = [dim for dim in have if not isinstance(dim, int)]
    numbers = [size for size in shape if size is not None and size > 0]
    if open_dims and len(numbers) == len(shape):
        return open_dims[0] or "", numbers[0]
    return None


def _in_words(dims: Dims) -> str:
    return "[" + ", ".join("?" if dim is None else str(dim) for dim in dims) + "]"


RULES = (Rule(("GL712",), reshapes),)

"""GL712: a Reshape whose shape holds a number where its input's axis is dynamic.

torch's newer exporter writes the length it traced into the Reshape behind a GRU, such as [7, -1, 16], although the
sequence is declared dynamic: other lengths fail there, or are cut into pieces of 7. Looked at are Reshapes of values
with the dim of a GRU's sequence, and the axes of input and shape that surely are the same: the leading ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import NodeProto, numpy_helper

from gru_lower.checking.rule import Rule
from gru_lower.diagnostics import Fix, diagnostic
from gru_lower.graph import splice
from gru_lower.graph.names import Names
from gru_lower.graph.scopes import is_onnx
from gru_lower.verification.sites.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from onnx import TensorProto

    from gru_lower.checking.checked_model import CheckedModel
    from gru_lower.diagnostics import Diagnostic
    from gru_lower.graph.scopes import Scope
    from gru_lower.graph.tensor_types import Dims
    from gru_lower.passes.base import Context

VIEWS = ("Transpose", "Squeeze", "Unsqueeze", "Identity", "Cast")


def reshapes(checked: CheckedModel) -> Iterator[Diagnostic]:
    """Find Reshapes before or after a GRU that hold a length."""
    symbols = _sequence_dims(checked)
    for scope in checked.scopes:
        for index, node in scope.of_operators("Reshape"):
            if len(node.input) != 2:
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
            instead = _open_place(dims, shape, size)
            held = "[" + ", ".join("?" if each is None else str(each) for each in shape) + "]"
            name = f"the dynamic dim {dim!r}" if dim else "a dynamic dim"
            yield diagnostic(
                "GL712",
                f"Reshape to {held} holds {size} where its input of shape {_in_words(dims)} has {name}",
                scope=scope.path,
                node=scope.site(index),
                fix=None if instead is None else Fix(safe=False, message=f"{instead[1]} written in place of {size}"),
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


def _open_place(dims: Dims, shape: list[int | None], size: int) -> tuple[int, int] | None:
    """Return the place of a baked number in a Reshape's shape, and what leaves it open there.

    Args:
        dims: The shape of its input.
        shape: What it is reshaped to.
        size: The number.

    Returns:
        The place with 0, where the axis stays in its place, or with -1, where nothing else is left open; ``None`` where
        neither can be written.

    """
    fixed = [dim for dim in dims if isinstance(dim, int)]
    places = [place for place, entry in enumerate(shape) if entry == size]
    by_place = [place for place in places if place < len(dims) and not isinstance(dims[place], int)]
    closed = -1 not in shape and None not in shape
    if by_place and (not closed or len(shape) == len(dims)):
        return by_place[0], 0
    if not closed or not places:
        return None
    return places[0 if size not in fixed or len(places) == 1 else -1], -1


def leave_open(checked: CheckedModel, found: Sequence[Diagnostic], ctx: Context) -> list[Site]:
    """Write 0 or -1 in place of the lengths that Reshapes hold."""
    del ctx
    wanted = {each.node: each for each in found}
    names, edits, sites = Names(checked.model.proto), [], []
    for scope in checked.scopes:
        for index, node in enumerate(scope.nodes):
            finding = wanted.get(scope.site(index))
            shape = _shape(checked, scope, node.input[1]) if finding is not None else []
            dims = checked.facts.shape(scope, node.input[0]) if shape else None
            baked = None if dims is None else _baked_dim(dims, shape)
            instead = None if dims is None or baked is None else _open_place(dims, shape, baked[1])
            if finding is None or finding.fix is None or instead is None:
                continue
            edits.append(_with_open_place(checked, scope, index, *instead, names))
            sites.append(
                Site(finding.node, scope.path, node.name, None, "fixed", code="GL712", message=finding.fix.message)
            )
    splice.apply(checked.model, edits)
    return sites


def _with_open_place(
    checked: CheckedModel, scope: Scope, index: int, place: int, entry: int, names: Names
) -> splice.Edit:
    """Return the edit that writes one entry of a Reshape's shape anew: of a constant, or of a piece of a Concat."""
    node = NodeProto()
    node.CopyFrom(scope.nodes[index])
    whole = checked.facts.array(scope, node.input[1])
    if whole is not None:
        fresh = _with_entry(whole.reshape(-1), place, entry, names.value(f"{node.output[0]}/shape"))
        node.input[1] = fresh.name
        return splice.Edit(scope, [index], [node], [fresh])
    joined = NodeProto()
    joined.CopyFrom(scope.nodes[scope.producers[node.input[1]]])
    joined.name, joined.output[0] = names.node(f"{node.output[0]}/shape"), names.value(f"{node.output[0]}/shape")
    node.input[1] = joined.output[0]
    tensors = []
    for number, piece in enumerate(joined.input):
        values = checked.facts.array(scope, piece)
        length = len(values) if values is not None else _length(checked, scope, piece)
        if 0 <= place < length and values is not None:
            tensors.append(_with_entry(values, place, entry, names.value(f"{node.output[0]}/piece")))
            joined.input[number] = tensors[0].name
        place -= length
    return splice.Edit(scope, [index], [joined, node], tensors)


def _length(checked: CheckedModel, scope: Scope, piece: str) -> int:
    dims = checked.facts.shape(scope, piece)
    return dims[0] if dims and isinstance(dims[0], int) else 0


def _with_entry(values: np.ndarray[Any, np.dtype[Any]], place: int, entry: int, name: str) -> TensorProto:
    changed = np.array(values, np.int64)
    changed[place] = entry
    return numpy_helper.from_array(changed, name)


def _in_words(dims: Dims) -> str:
    return "[" + ", ".join("?" if dim is None else str(dim) for dim in dims) + "]"


RULES = (Rule(("GL712",), reshapes, leave_open, keeps_results=False),)

"""Interpret rows that are filled where a mask says so, as lowering writes sequence_lens, as the Where they equal.

    index = Where(mask as one row, 0 … T·B - 1, T·B) [+ B]
    rows = Gather(Concat(rows, padding), index)          Where(mask, rows, padding), row by row

Padding is ∞ where it closes a gate: an atom of its own, which :mod:`gru_lower.proving.mask_cases` removes again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gru_lower.graph.scopes import is_onnx
from gru_lower.passes.fuse_gru.algebra.axes import CONSTANT, FEATURES
from gru_lower.passes.fuse_gru.algebra.clip_and_where import where
from gru_lower.passes.fuse_gru.algebra.errors import NotUnderstoodError, TooLargeError
from gru_lower.passes.fuse_gru.algebra.sources import NamedValue
from gru_lower.passes.fuse_gru.algebra.symbolic_integers import to_int
from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
from gru_lower.passes.fuse_gru.tensors.broadcasting import apply_elementwise
from gru_lower.passes.fuse_gru.tensors.concat import concat
from gru_lower.passes.fuse_gru.tensors.indexing import take_index
from gru_lower.passes.fuse_gru.tensors.integer_vectors import POSITION, int_entries
from gru_lower.passes.fuse_gru.tensors.reshape import reshape
from gru_lower.passes.fuse_gru.tensors.slice_and_split import slice_axis
from gru_lower.passes.fuse_gru.tensors.tensor import ConstTensor, PolyTensor, leaf_tensor
from gru_lower.proving.chosen_rows import CHOOSING, ChosenRows
from gru_lower.proving.counting_loop import counted_by
from gru_lower.proving.mask_cases import has_masks
from gru_lower.proving.masked_algebra import MaskedAlgebra, MaskedPackedAlgebra
from gru_lower.proving.masked_rows import masked_rows, padding_row
from gru_lower.proving.packed_states import PackedInterpreter

if TYPE_CHECKING:
    from onnx import NodeProto

    from gru_lower.graph.facts import Facts
    from gru_lower.graph.scopes import Scope
    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.matrices import Array
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.tensors.scope_values import Known
    from gru_lower.passes.fuse_gru.tensors.tensor import Tensor


class FillIndex(NamedTuple):
    """Each row's own place where a mask is true, and the place behind all rows elsewhere.

    Attributes:
        mask: The mask, (T, B).
        offset: How many more rows come before the first one.

    """

    mask: PolyTensor
    offset: Count


FILLING = ("Where", "Add", "Gather", "Reshape")
"""The operators that fill rows."""


class FilledRowsInterpreter(Interpreter):
    """Interprets a scope in which rows are filled.

    Attributes:
        made: What is known of values that are opaque to their readers: a GRU's Y may be another's X.
        indices: The indices that fill rows, by name.
        chosen: The indices that choose rows below opset 9.

    """

    def __init__(
        self,
        algebra: Algebra,
        facts: Facts,
        scope: Scope,
        scopes: dict[int, Scope],
        parent: Interpreter | None = None,
    ) -> None:
        """Start with what is given."""
        super().__init__(algebra, facts, scope, scopes, parent)
        self.made: dict[str, Known] = {}
        self.indices: dict[str, FillIndex] = {}
        around = parent.chosen if isinstance(parent, FilledRowsInterpreter) else None
        self.chosen: ChosenRows = ChosenRows(self, around)

    def keep(self, name: str, result: Known) -> None:
        """Enter a value."""
        super().keep(name, self._as_leaf_if_opaque(name, result))

    def value(self, name: str) -> Known:
        """Return what is known of a value."""
        if name not in self.values and self.scope.defines(name):
            self.values[name] = self._as_leaf_if_opaque(name, super().value(name))
        return super().value(name)

    def _as_leaf_if_opaque(self, name: str, result: Known) -> Known:
        """Return a leaf for a value that is opaque, and note what is known of it; any other value as it is."""
        opaque = isinstance(self.algebra, (MaskedAlgebra, MaskedPackedAlgebra)) and self.algebra.opaque
        if (
            not opaque
            or NamedValue(self.scope.path, name) not in opaque
            or not isinstance(result, (PolyTensor, ConstTensor))
        ):
            return result
        if isinstance(result, ConstTensor) and result.array.dtype.kind not in "iu":
            return result
        self.made[name] = result
        return leaf_tensor(self.algebra, NamedValue(self.scope.path, name), result.dims)

    def output(self, name: str) -> Known:
        """Return what is known of a value, whoever reads it."""
        return self.made.get(name, self.values.get(name))

    def _loop(self, node: NodeProto, index: int) -> list[Known]:
        column = counted_by(self, node, self._interpret_body)
        return super()._loop(node, index) if column is None else [self.opaque(node.output[0]), column]

    def _results(self, node: NodeProto) -> list[Known]:
        if is_onnx(node) and node.op_type in (*FILLING, *CHOOSING):
            try:
                rows = self.chosen.read(node) or self._read(node)
            except (NotUnderstoodError, TooLargeError):
                rows = None
            if rows is not None:
                return [rows]
        return super()._results(node)

    def _read(self, node: NodeProto) -> Known:
        indices = self.indices
        if node.op_type == "Where":
            index = self._index(node)
            if index is not None:
                indices[node.output[0]] = index
            other = self.value(node.input[2])
            if isinstance(other, ConstTensor) and other.array.dtype.kind == "f" and np.isinf(other.array).any():
                return self._where(node, other)
        elif node.op_type == "Add" and node.input[0] in indices:
            more = self.value(node.input[1])
            if isinstance(more, ConstTensor) and more.array.size == 1:
                index = indices[node.input[0]]
                indices[node.output[0]] = index._replace(offset=index.offset + _entry(more))
        elif node.op_type == "Reshape":
            return self._flat(node)
        elif node.op_type == "Gather" and node.input[1] in indices:
            return self._filled(node, indices[node.input[1]])
        return None

    def _index(self, node: NodeProto) -> FillIndex | None:
        flat = self._made_by(node.input[0], "Reshape")
        mask = None if flat is None else self.value(flat.input[0])
        shape = None if flat is None else self.value(flat.input[1])
        rows, behind = self.value(node.input[1]), self.value(node.input[2])
        if not isinstance(mask, PolyTensor) or len(mask.dims) != 2 or not has_masks(self.algebra, mask.poly):
            return None
        count = mask.dims[0] * mask.dims[1]
        if (
            not isinstance(shape, ConstTensor)
            or int_entries(shape) not in ([-1], [count])
            or not isinstance(rows, ConstTensor)
        ):
            return None
        counted = len(rows.dims) == 1 and rows.dims[0] == count
        if rows.array.size == 1 and rows.dims != (1,):
            counted = counted and rows.array.reshape(-1)[0] == POSITION
        else:
            counted = counted and rows.array.tolist() == list(range(rows.array.size))
        if not counted or not isinstance(behind, ConstTensor) or behind.array.size != 1 or _entry(behind) != count:
            return None
        return FillIndex(mask, 0)

    def _filled(self, node: NodeProto, index: FillIndex) -> PolyTensor | None:
        axis = next((a.i for a in node.attribute if a.name == "axis"), 0)
        behind = self._made_by(node.input[0], "Concat")
        if behind is None or axis or any(a.i for a in behind.attribute if a.name == "axis"):
            return None
        *pieces, padding = (self.value(name) for name in behind.input)
        steps, batch = index.mask.dims
        if not isinstance(padding, ConstTensor) or padding.dims[0] != 1 or index.offset not in (0, batch):
            return None
        total: Count = 0
        laid: list[Tensor] = []
        for piece in pieces:
            if isinstance(piece, (PolyTensor, ConstTensor)) and piece.dims[0] == 0:
                continue
            if not isinstance(piece, PolyTensor):
                return None
            length = next((n for n in (steps, steps - 1, 1) if piece.dims[0] == n * batch), None)
            if length is None:
                return None
            laid.append(reshape(self.algebra, piece, [length, batch, piece.dims[1]]))
            total = total + length
        first = 1 if index.offset else 0
        if total != steps + first:
            return None
        if first:
            rest = laid[0].dims[0] - 1
            laid[:1] = [slice_axis(self.algebra, laid[0], 0, 1, 1, rest)] if rest != 0 else []
        rows = laid[0] if len(laid) == 1 else concat(self.algebra, laid, 0)
        made = self._chosen(index.mask, rows, padding.array.reshape(-1))
        width = rows.dims[2]
        found = reshape(self.algebra, made, [steps * batch, width])
        return found if isinstance(found, PolyTensor) else None

    def _flat(self, node: NodeProto) -> PolyTensor | None:
        """Lay the rows of a matrix one behind the other: the biases of two directions."""
        rows, shape = self.value(node.input[0]), self.value(node.input[1])
        if not isinstance(rows, PolyTensor) or not isinstance(shape, ConstTensor) or int_entries(shape) != [-1]:
            return None
        if (
            len(rows.dims) != 2
            or rows.axes[1] is not FEATURES
            or rows.axes[0] is CONSTANT
            or not isinstance(rows.dims[0], int)
        ):
            return None
        taken = [take_index(self.algebra, rows, 0, index) for index in range(rows.dims[0])]
        pieces = tuple(piece for row in taken for piece in row.pieces)
        return PolyTensor((FEATURES,), (sum(width for width, _ in pieces),), pieces)

    def _where(self, node: NodeProto, padding: ConstTensor) -> PolyTensor | None:
        mask, rows = self.value(node.input[0]), self.value(node.input[1])
        if (
            not isinstance(mask, PolyTensor)
            or not isinstance(rows, PolyTensor)
            or padding.array.size not in (1, rows.dims[-1])
        ):
            return None
        pad = padding_row(self.algebra, np.resize(padding.array, to_int(rows.dims[-1])), len(rows.dims))
        return apply_elementwise(self.algebra, lambda *given: where(self.algebra, *given), mask, rows, pad)

    def _chosen(self, mask: PolyTensor, rows: Tensor, padding: Array) -> PolyTensor:
        algebra = self.algebra
        return masked_rows(algebra, mask, rows, padding_row(algebra, padding, 3))

    def _made_by(self, name: str, op_type: str) -> NodeProto | None:
        index = self.scope.producers.get(name)
        node = None if index is None else self.scope.nodes[index]
        return node if node is not None and is_onnx(node) and node.op_type == op_type else None


class PackedFilledRowsInterpreter(FilledRowsInterpreter, PackedInterpreter):
    """The same with the states of loops in stretches."""


def _entry(const: ConstTensor) -> Count:
    (entry,) = int_entries(ConstTensor(const.array.reshape(-1), (1,)))
    return entry

"""Interpret rows that are chosen by products of masks and numbers of rows, as lowering writes it below opset 9.

    Gather(Concat(zeros, rows), m · (b + 1))               Where(m, rows, zeros), row by row
    Gather(Concat(old, new), m · B + b)                    Where(m, new, old)
    Gather(Concat(padding, rows), m · (t · B + b + 1))     the same for the rows of all steps

A mask m is 0 or 1 for every step and sequence; b is the sequence's number, of B, and t the step's. There is neither
Where nor Range in these opsets, so a Loop may have counted the numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from onnx import TensorProto

from gru_lower.graph.scopes import is_onnx
from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Affine
from gru_lower.passes.fuse_gru.tensors.gather import gather
from gru_lower.passes.fuse_gru.tensors.indexing import take_index
from gru_lower.passes.fuse_gru.tensors.integer_vectors import POSITION
from gru_lower.passes.fuse_gru.tensors.reshape import reshape
from gru_lower.passes.fuse_gru.tensors.tensor import ConstTensor, PolyTensor, Tensor
from gru_lower.passes.fuse_gru.tensors.transpose_and_squeeze import squeeze
from gru_lower.proving.mask_cases import has_masks
from gru_lower.proving.masked_rows import masked_rows, padding_row

if TYPE_CHECKING:
    from onnx import NodeProto

    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter


CHOOSING = ("Cast", "Mul", "Add", "Reshape", "Split", "Gather")
"""The operators that choose rows."""
STEPS_AND_SEQUENCES = 2
"""Axes of a mask of all steps."""


class Choice(NamedTuple):
    """An index that chooses rows.

    Attributes:
        mask: The mask, (B,) or (T, B).
        old_first: Whether rows are chosen of B old ones and B new ones, rather than of one other row and the new ones.
        flat: Whether the index is of the rows of all steps, one step behind the other.

    """

    mask: PolyTensor
    old_first: bool
    flat: bool = False


class ChosenRows:
    """Reads the nodes of one scope that choose rows.

    Args:
        interpreter: What interprets the scope.
        around: The same of the scope around it.

    """

    def __init__(self, interpreter: Interpreter, around: ChosenRows | None) -> None:
        """Start with nothing known."""
        self._interpreter, self._around, self._algebra = interpreter, around, interpreter.algebra
        self._masks: dict[str, PolyTensor] = {}
        """Masks as whole numbers."""
        self._starts: dict[str, PolyTensor] = {}
        """Masks times B."""
        self._row_products: dict[str, PolyTensor] = {}
        """Masks times the numbers of the rows of all steps, from 1."""
        self._choices: dict[str, Choice] = {}

    def read(self, node: NodeProto) -> PolyTensor | None:
        """Note what a node does for an index; return the rows it chooses, ``None`` if it does not."""
        match node.op_type:
            case "Cast":
                self._cast(node)
            case "Mul":
                self._mul(node)
            case "Add" if node.input[0] in self._starts:
                mask = self._starts[node.input[0]]
                if self._is_counted(self._value(node.input[1]), mask.dims[-1:], 0):
                    self._choices[node.output[0]] = Choice(mask, old_first=True)
            case "Reshape":
                self._flatten(node)
            case "Split":
                self._split(node)
            case "Gather":
                return self._gather(node)
        return None

    def _value(self, name: str) -> Tensor | None:
        known = self._interpreter.value(name)
        return known if isinstance(known, (PolyTensor, ConstTensor)) else None

    def _choice(self, name: str) -> Choice | None:
        if name in self._choices or self._around is None or self._interpreter.scope.defines(name):
            return self._choices.get(name)
        return self._around._choice(name)  # noqa: SLF001 - the same of the scope around

    def _cast(self, node: NodeProto) -> None:
        given = self._value(node.input[0])
        to = next((a.i for a in node.attribute if a.name == "to"), 0)
        if to == TensorProto.INT64 and isinstance(given, PolyTensor) and has_masks(self._algebra, given.poly):
            self._masks[node.output[0]] = given

    def _mul(self, node: NodeProto) -> None:
        mask, numbers = self._masks.get(node.input[0]), self._value(node.input[1])
        if mask is None:
            return
        batch = mask.dims[-1]
        if _is_number(numbers, batch):
            self._starts[node.output[0]] = mask
        if self._is_counted(numbers, (batch,), 1):
            self._choices[node.output[0]] = Choice(mask, old_first=False)
        elif len(mask.dims) == STEPS_AND_SEQUENCES and self._numbers_rows(node.input[1], mask.dims):
            self._row_products[node.output[0]] = mask

    def _numbers_rows(self, name: str, dims: tuple[Count, ...]) -> bool:
        """Whether a value is t · B + b + 1 for step t and sequence b."""
        known = self._value(name)
        if isinstance(known, ConstTensor) and known.dims == dims and known.is_full and known.array.dtype.kind in "iu":
            return bool((known.array.reshape(-1) == np.arange(1, known.array.size + 1)).all())
        index = self._interpreter.scope.producers.get(name)
        add = None if index is None else self._interpreter.scope.nodes[index]
        if add is None or not is_onnx(add, "Add") or not self._is_counted(self._value(add.input[1]), dims[1:], 1):
            return False
        index = self._interpreter.scope.producers.get(add.input[0])
        mul = None if index is None else self._interpreter.scope.nodes[index]
        if mul is None or not is_onnx(mul, "Mul"):
            return False
        steps = self._value(mul.input[0])
        if not _is_number(self._value(mul.input[1]), dims[1]) or not isinstance(steps, ConstTensor):
            return False
        column = len(steps.dims) == len(dims) and steps.dims[1] == 1
        return column and self._is_counted(squeeze(self._algebra, steps, [1]), dims[:1], 0)

    @staticmethod
    def _is_counted(known: Tensor | None, dims: tuple[Count, ...], first: int) -> bool:
        """Whether a vector is first, first + 1, ..."""
        if not isinstance(known, ConstTensor) or known.dims != dims or len(dims) != 1:
            return False
        flat = known.array.reshape(-1)
        if flat.size == 1 and isinstance(flat[0], Affine):
            return bool(flat[0] == POSITION + first)
        whole = known.is_full and known.array.dtype.kind in "iu"
        return whole and flat.tolist() == list(range(first, first + flat.size))

    def _flatten(self, node: NodeProto) -> None:
        shape = self._value(node.input[1])
        if not isinstance(shape, ConstTensor) or shape.array.reshape(-1).tolist() != [-1]:
            return
        found = self._choices.get(node.input[0])
        mask = self._row_products.get(node.input[0])
        if mask is not None:
            self._choices[node.output[0]] = Choice(mask, old_first=False, flat=True)
        elif found is not None and found.old_first and len(found.mask.dims) == STEPS_AND_SEQUENCES:
            steps = found.mask.dims[0]
            single = Choice(take_index(self._algebra, found.mask, 0, 0), old_first=True)
            self._choices[node.output[0]] = single if steps == 1 else found._replace(flat=True)

    def _split(self, node: NodeProto) -> None:
        found = self._choices.get(node.input[0])
        if found is None or not found.flat or not found.old_first or found.mask.dims[0] != len(node.output):
            return
        if len(node.input) > 1 or any(a.name == "split" or (a.name == "axis" and a.i) for a in node.attribute):
            return
        for step, name in enumerate(node.output):
            self._choices[name] = Choice(take_index(self._algebra, found.mask, 0, step), old_first=True)

    def _gather(self, node: NodeProto) -> PolyTensor | None:
        if any(a.name == "axis" and a.i for a in node.attribute):
            return None
        all_steps = self._choice(node.input[0])
        if all_steps is not None and not all_steps.flat:
            step = self._value(node.input[1])
            if isinstance(step, ConstTensor) and step.dims == () and len(all_steps.mask.dims) == STEPS_AND_SEQUENCES:
                mask = gather(self._algebra, all_steps.mask, 0, step)
                if isinstance(mask, PolyTensor):
                    self._choices[node.output[0]] = all_steps._replace(mask=mask)
            return None
        choice = self._choice(node.input[1])
        index = self._interpreter.scope.producers.get(node.input[0])
        rows = None if index is None else self._interpreter.scope.nodes[index]
        if choice is None or rows is None or not is_onnx(rows, "Concat") or len(rows.input) != 2:
            return None
        if any(a.name == "axis" and a.i for a in rows.attribute):
            return None
        first, then = (self._value(name) for name in rows.input)
        return None if first is None or then is None else self._chosen(choice, first, then)

    def _chosen(self, choice: Choice, first: Tensor, then: Tensor) -> PolyTensor | None:
        mask, algebra = choice.mask, self._algebra
        rows_before = mask.dims[-1] if choice.old_first else 1
        if choice.flat != (len(mask.dims) == STEPS_AND_SEQUENCES) or first.dims[0] != rows_before:
            return None
        width = then.dims[-1]
        if choice.flat:
            if choice.old_first or then.dims[0] != mask.dims[0] * mask.dims[1]:
                return None
            then = reshape(algebra, then, [*mask.dims, width])
        elif then.dims[0] != mask.dims[0]:
            return None
        if isinstance(first, ConstTensor) and not choice.old_first:
            first = padding_row(algebra, first.array.reshape(-1), len(then.dims))
        made: Tensor = masked_rows(algebra, mask, then, first)
        if choice.flat:
            made = reshape(algebra, made, [mask.dims[0] * mask.dims[1], width])
        return made if isinstance(made, PolyTensor) else None


def _is_number(known: Tensor | None, number: Count) -> bool:
    return isinstance(known, ConstTensor) and known.dims in ((), (1,)) and bool(known.array.reshape(-1)[0] == number)

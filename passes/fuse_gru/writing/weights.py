"""Write W, R and B of a GRU from the matrices and biases of a cell."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from gru_lower.graph.read_arrays import place_of
from gru_lower.graph.set_aside import LARGE
from gru_lower.passes.fuse_gru.algebra.atoms import Leaf
from gru_lower.passes.fuse_gru.algebra.polynomials import Vector
from gru_lower.passes.fuse_gru.algebra.sources import IndexedSource, whole_source
from gru_lower.passes.fuse_gru.algebra.symbolic_integers import to_int
from gru_lower.passes.fuse_gru.recognition.errors import CannotWriteError
from gru_lower.passes.fuse_gru.writing.arrange_axes import as_batch_by_features

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.graph.external_data import View
    from gru_lower.passes.fuse_gru.algebra.matrices import Array, Matrix
    from gru_lower.passes.fuse_gru.algebra.polynomials import Coefficient, Poly
    from gru_lower.passes.fuse_gru.recognition.cell import Cell
    from gru_lower.passes.fuse_gru.recognition.pre_activation import Product
    from gru_lower.passes.fuse_gru.writing.node_writer import NodeWriter


def write_w(writer: NodeWriter, cell: Cell, order: Sequence[int]) -> str:
    """Write W as (1, 3H, I).

    Args:
        writer: Where to.
        cell: The cell.
        order: The atoms of Xt, in the order of their features.

    """
    assert cell.r is not None
    widths = [writer.algebra.widths[atom] for atom in order]
    gates = (cell.z, cell.r, cell.h)
    return _blocks(writer, [[dict(gate.inputs).get(atom, ()) for atom in order] for gate in gates], widths, "W")


def write_r(writer: NodeWriter, cell: Cell) -> str:
    """Write R as (1, 3H, H)."""
    recurrent = cell.recurrent_candidate if cell.linear_before_reset else cell.h
    assert cell.r is not None
    assert recurrent is not None
    hidden = writer.algebra.width_of(cell.state)
    return _blocks(writer, [[gate.state] for gate in (cell.z, cell.r, recurrent)], [hidden], "R")


def write_b(writer: NodeWriter, cell: Cell) -> str | None:
    """Write B as (1, 6H); return ``None`` if all of it is 0."""
    zero = writer.algebra.zero
    hidden = writer.algebra.width_of(cell.state)
    recurrent = cell.recurrent_candidate.bias if cell.recurrent_candidate is not None else zero
    assert cell.r is not None
    parts = [cell.z.bias, cell.r.bias, cell.h.bias, zero, zero, recurrent]
    if not any(part.terms for part in parts):
        return None
    if all(not any(mono) for part in parts for mono, _ in part.terms):
        return writer.constant(np.concatenate([_constant_bias(writer, part, hidden) for part in parts])[None], "B")
    whole = _whole_bias(writer, cell, hidden)
    if whole:
        return whole
    names = [_bias(writer, part, hidden) for part in parts]
    return writer.unsqueeze(writer.concat(names, 0, "B"), [0], "B")


def _whole_bias(writer: NodeWriter, cell: Cell, hidden: int) -> str:
    """Return the value of the graph that B is as a whole: Wb + Rb for each gate; ``""`` if there is none."""
    algebra = writer.algebra
    assert cell.r is not None
    recurrent = cell.recurrent_candidate
    gates = [cell.z.bias, cell.r.bias, cell.h.bias if recurrent is None else algebra.add(cell.h.bias, recurrent.bias)]
    leaves = [algebra.atoms[mono[0]] for gate in gates for mono, _ in gate.terms if len(mono) == 1]
    first = leaves[0] if leaves else None
    name = writer.interpreter.name_of(first.source) if isinstance(first, Leaf) else None
    if name is None or not isinstance(first, Leaf) or writer.interpreter.dims(name) != (1, 6 * hidden):
        return ""

    def part(place: int) -> Poly:
        return algebra.poly_of_atom(first._replace(lo=place * hidden, hi=(place + 1) * hidden))

    wanted = [algebra.add(part(gate), part(gate + 3)) for gate in range(3)]
    same = all(one is other for one, other in zip(gates, wanted, strict=True))
    return name if same and (recurrent is None or recurrent.bias is part(5)) else ""


def _blocks(
    writer: NodeWriter, blocks: Sequence[Sequence[tuple[Product, ...]]], widths: Sequence[int], local: str
) -> str:
    """Write matrices as (1, rows, columns): blocks below one another, each of parts side by side."""
    height = max((m.shape[0] for row in blocks for part in row for _, m in part), default=0)
    if all(matrix.array is not None for row in blocks for part in row for _, matrix in part):
        place = _place_of(writer, blocks) if writer.interpreter.scope.holds_initializers else None
        if place is not None:
            return writer.view(place, (1, len(blocks) * height, sum(widths)), local)
        may_turn = writer.interpreter.scope.holds_initializers and not writer.runs
        turned = _places_before(writer, blocks) if may_turn else []
        if turned:
            first, further = turned[0], [each.offset for each in turned[1:]]
            whole_view = replace(first, length=sum(each.length for each in turned))
            dims, before = (1, len(blocks) * height, sum(widths)), (sum(widths), height)
            return writer.view(whole_view, dims, local, before, further)
        lines = [
            np.concatenate(
                [_constant_sum(writer, part, height, w) for part, w in zip(row, widths, strict=True)], axis=1
            )
            for row in blocks
        ]
        return writer.constant(np.concatenate(lines)[None], local)
    whole = _whole_value(writer, blocks, height)
    if whole:
        return whole
    names = [
        writer.concat([_sum(writer, part, height, w, local) for part, w in zip(row, widths, strict=True)], 1, local)
        for row in blocks
    ]
    return writer.unsqueeze(writer.concat(names, 0, local), [0], local)


def _place_of(writer: NodeWriter, blocks: Sequence[Sequence[tuple[Product, ...]]]) -> View | None:
    """Return where in a file of external data blocks lie one behind the other; ``None`` where they do not."""
    alone = [row[0][0] for row in blocks if len(row) == len(row[0]) == 1]
    arrays = [product.matrix.array for product in alone if product.factor == 1.0]
    places = [place_of(array) for array in arrays if array is not None and array.dtype == writer.dtype]
    first = places[0] if places else None
    if first is None or len(places) < len(blocks):
        return None
    whole = replace(first, length=0)
    for place in places:
        if place is None or (place.location, place.offset) != (whole.location, whole.offset + whole.length):
            return None
        whole = replace(whole, length=whole.length + place.length)
    return whole if whole.length >= LARGE else None


def _places_before(writer: NodeWriter, blocks: Sequence[Sequence[tuple[Product, ...]]]) -> list[View]:
    """Return where blocks lie in one file of external data, each of them transposed; none where they do not."""
    alone = [row[0][0] for row in blocks if len(row) == len(row[0]) == 1]
    arrays = [product.matrix.array for product in alone if product.factor == 1.0]
    places = [place_of(array.T) for array in arrays if array is not None and array.dtype == writer.dtype]
    found = [place for place in places if place is not None]
    if len(found) < len(blocks) or len({(place.location, place.length) for place in found}) > 1:
        return []
    return found if sum(place.length for place in found) >= LARGE else []


def _whole_value(writer: NodeWriter, blocks: Sequence[Sequence[tuple[Product, ...]]], height: int) -> str:
    """Return the value of the graph that blocks are as a whole, ``""`` if there is none."""
    alone = [row[0][0] for row in blocks if len(row) == len(row[0]) == 1]
    matrices = [product.matrix for product in alone if product.factor == 1.0]
    first = matrices[0] if matrices else None
    if first is None or len(matrices) != len(blocks) or first.array is not None or first.transposed:
        return ""
    if isinstance(first.source, IndexedSource) or any(matrix.source != first.source for matrix in matrices):
        return ""
    _, _, left, right = first.block
    in_order = all(m.block == (i * height, (i + 1) * height, left, right) for i, m in enumerate(matrices))
    name = _name_of(writer, first)
    return name if in_order and writer.interpreter.dims(name) == (1, len(blocks) * height, right) and not left else ""


def _constant_sum(writer: NodeWriter, products: Sequence[Product], height: int, width: int) -> Array:
    """Return the sum of factors times constant matrices: in float64, rounded once; one matrix alone as it is."""
    if len(products) == 1 and products[0].factor == 1.0:
        array = products[0].matrix.array
        assert array is not None
        return np.asarray(array, writer.dtype)
    total = np.zeros((height, width))
    for factor, matrix in products:
        assert matrix.array is not None
        scale = factor.data[:, None] if isinstance(factor, Vector) else factor
        total = total + scale * matrix.array.astype(np.float64)
    return total.astype(writer.dtype)


def _sum(writer: NodeWriter, products: Sequence[Product], height: int, width: int, local: str) -> str:
    """Write the sum of factors times matrices, not all of them constant."""
    parts = []
    for product in products:
        if product.matrix.array is not None:
            parts.append(writer.constant(_constant_sum(writer, [product], height, width), local))
            continue
        parts.append(_scaled(writer, _matrix(writer, product.matrix, local), product.factor, local, by_row=True))
    if not parts:
        return writer.constant(np.zeros((height, width), writer.dtype), local)
    total = parts[0]
    for part in parts[1:]:
        total = writer.node("Add", [total, part], local)
    return total


def _scaled(writer: NodeWriter, value: str, factor: Coefficient, local: str, *, by_row: bool) -> str:
    """Write a value times a number, or times a vector: along its rows, or along its last axis."""
    if factor == 1.0:
        return value
    scale = factor.data if isinstance(factor, Vector) else np.array(factor)
    if by_row and scale.ndim:
        scale = scale[:, None]
    return writer.node("Mul", [value, writer.constant(scale.astype(writer.dtype), "scale")], local)


def _matrix(writer: NodeWriter, matrix: Matrix, local: str) -> str:
    """Write a matrix that is a block of a value of the graph, or of its transpose."""
    name = _name_of(writer, matrix)
    dims = writer.interpreter.dims(name)
    if isinstance(matrix.source, IndexedSource):
        for axis, index in enumerate(matrix.source.indices):
            name = writer.slice(name, axis, to_int(index), to_int(index) + 1, local)
        dims = (*(1 for _ in matrix.source.indices), *dims[len(matrix.source.indices) :])
    if len(dims) > 2:
        units = [axis for axis, dim in enumerate(dims) if dim == 1][: len(dims) - 2]
        name = writer.squeeze(name, units, local)
        dims = tuple(dim for axis, dim in enumerate(dims) if axis not in units)
    if matrix.transposed:
        name, dims = writer.transpose(name, [1, 0], local), dims[::-1]
    r0, r1, c0, c1 = matrix.block
    for axis, (lo, hi) in enumerate(((r0, r1), (c0, c1))):
        if (lo, hi) != (0, dims[axis]):
            name = writer.slice(name, axis, lo, hi, local)
    return name


def _name_of(writer: NodeWriter, matrix: Matrix) -> str:
    name = writer.interpreter.name_of(whole_source(matrix.source))
    if name is None:
        raise CannotWriteError("a matrix is not visible here")
    return name


def _constant_bias(writer: NodeWriter, bias: Poly, hidden: int) -> Array:
    """Return the sum of a bias's constant terms as (H): in float64, rounded once."""
    total = np.zeros(hidden)
    for mono, factor in bias.terms:
        if not any(mono):
            total = total + (factor.data if isinstance(factor, Vector) else factor)
    return total.astype(writer.dtype)


def _bias(writer: NodeWriter, bias: Poly, hidden: int) -> str:
    """Write a bias, not all of it constant, as (H)."""
    total = writer.constant(_constant_bias(writer, bias, hidden), "bias")
    for mono, factor in bias.terms:
        if any(mono):
            part = writer.squeeze(as_batch_by_features(writer, mono[0], "bias"), [0], "bias")
            part = _scaled(writer, part, factor, "bias", by_row=False)
            total = writer.node("Add", [total, part], "bias")
    return total

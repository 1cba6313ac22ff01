"""Inputs that reach the gates as they are, projected ahead by something that no matrix is: W only selects features.

    zt = f(P[0:H] + Ht_1 Rzᵀ + bz)        Xt = P, Wz = rows 0 to H of an identity

What projects them may be anything: a normalisation, a rectified layer, a convolution, or whoever calls the model.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from onnx import GraphProto

from gru_lower.graph.scopes import node_uses
from gru_lower.passes.fuse_gru.algebra.atoms import Broadcast, Function, Leaf, MatrixProduct, Stack
from gru_lower.passes.fuse_gru.algebra.axes import FEATURES
from gru_lower.passes.fuse_gru.algebra.sources import NamedValue
from gru_lower.passes.fuse_gru.loops.loop_parts import needed_nodes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
    from gru_lower.passes.fuse_gru.loops.interpreted_loop import InterpretedLoop
    from gru_lower.passes.fuse_gru.recognition.cell import Cell
    from gru_lower.passes.fuse_gru.recognition.pre_activation import PreActivation, Product
    from gru_lower.passes.fuse_gru.recognition.recurrence import Recurrence


def is_projected(recurrence: Recurrence) -> bool:
    """Whether a part of a recurrence's W would be made up."""
    return any(selected_inputs(cell) for cell in recurrence.cells)


def why_it_stays(interpreter: Interpreter, recurrence: Recurrence) -> str:
    """Say why a recurrence is not fused unless that is asked for."""
    algebra = interpreter.algebra
    leaves = [algebra.atoms[atom] for atom in selected_inputs(recurrence.last_cell)]
    found = [interpreter.name_of(leaf.source) for leaf in leaves if isinstance(leaf, Leaf)]
    names = ", ".join(dict.fromkeys(name for name in found if name)) or "an input"
    return (
        f"a GRU, but its gates are projected ahead, in {names}, by nothing that folds into W; fuse with --projected "
        "for one that reads what is projected, with a W that only selects features"
    )


def selected_inputs(cell: Cell) -> list[int]:
    """Return the inputs of a cell that no matrix of the model multiplies."""
    gates = [gate for gate in (cell.z, cell.r, cell.h) if gate is not None]
    return [atom for gate in gates for atom, products in gate.inputs if any(p.matrix.selects for p in products)]


def may_be_input(algebra: Algebra, serial: int, state: int | None) -> bool:
    """Whether an atom is read from outside of the steps: it hangs neither on the state nor on what a loop carries.

    Args:
        algebra: The tables.
        serial: The atom.
        state: The atom of the state.

    """
    atom = algebra.atoms[serial]
    if not isinstance(atom, Leaf) or FEATURES not in atom.axes or atom.hi <= atom.lo:
        return False
    return all(
        behind != state and getattr(algebra.atoms[behind], "source", None) not in algebra.loop_states
        for behind in _atoms_behind(algebra, serial)
    )


def hangs_on_states(loop: InterpretedLoop, algebra: Algebra, cell: Cell) -> bool:
    """Whether an input of a loop's step that no matrix multiplies is computed of the loop's states after all.

    Args:
        loop: The loop.
        algebra: The tables.
        cell: The step.

    """
    body = loop.body.scope
    if not isinstance(body.proto, GraphProto):
        return False
    producers = {name: node for node in body.nodes for name in node.output if name}
    sources = (
        getattr(algebra.atoms[s], "source", None) for a in selected_inputs(cell) for s in _atoms_behind(algebra, a)
    )
    names = {source.name for source in sources if isinstance(source, NamedValue) and source.path == body.path}
    used = {name for node in needed_nodes(body.proto, producers, names) for name in node_uses(node)}
    return any(state.inner in used | names for state in loop.states)


def _atoms_behind(algebra: Algebra, serial: int) -> Iterator[int]:
    """Yield every atom that one is made of, itself the first."""
    found, pending = set[int](), [serial]
    while pending:
        here = pending.pop()
        if here in found:
            continue
        found.add(here)
        yield here
        polys = []
        match algebra.atoms[here]:
            case Leaf() as leaf:
                polys = [algebra.definitions[leaf.source]] if leaf.source in algebra.definitions else []
            case MatrixProduct() as product:
                pending.append(product.atom)
            case Function() as function:
                polys = list(function.arguments)
            case Stack() as stack:
                polys = list(stack.parts)
            case Broadcast() as spread:
                polys = [spread.part]
        pending += [entry for poly in polys for mono, _ in poly.terms for entry in mono]


def with_shared_inputs(algebra: Algebra, gates: Sequence[PreActivation]) -> list[PreActivation]:
    """Return pre-activations that read one tensor where they read different features of it.

    Args:
        algebra: The tables.
        gates: The pre-activations of one step.

    """
    read: dict[tuple[object, ...], list[Leaf]] = {}
    for gate in gates:
        for leaf in _selected(algebra, gate):
            read.setdefault((leaf.source, leaf.axes), []).append(leaf)
    wholes: dict[tuple[object, ...], Leaf] = {}
    for key, leaves in read.items():
        lo, hi = min(leaf.lo for leaf in leaves), max(leaf.hi for leaf in leaves)
        width = _width_of_tensor(algebra, leaves[0])
        if width == 3 * (leaves[0].hi - leaves[0].lo):  # all of it, even where a gate was folded away
            lo, hi = 0, width
        wholes[key] = leaves[0]._replace(lo=lo, hi=hi)
    return [_reading(algebra, gate, wholes) for gate in gates]


def _selected(algebra: Algebra, gate: PreActivation) -> Iterator[Leaf]:
    for atom, products in gate.inputs:
        leaf = algebra.atoms[atom]
        if isinstance(leaf, Leaf) and any(product.matrix.selects for product in products):
            yield leaf


def _width_of_tensor(algebra: Algebra, leaf: Leaf) -> int:
    """Return how many features the tensor has that a leaf reads some of, 0 where that is not known."""
    definition = algebra.definitions.get(leaf.source)
    if definition is not None:
        return algebra.width_of(definition)
    lengths = algebra.source_dims.get(leaf.source, ())
    length = lengths[leaf.axes.index(FEATURES)] if len(lengths) == len(leaf.axes) else 0
    return length if isinstance(length, int) else 0


def _reading(algebra: Algebra, gate: PreActivation, wholes: dict[tuple[object, ...], Leaf]) -> PreActivation:
    inputs: dict[int, list[Product]] = {}
    for atom, products in gate.inputs:
        leaf = algebra.atoms[atom]
        whole = wholes.get((leaf.source, leaf.axes)) if isinstance(leaf, Leaf) else None
        for product in products:
            if whole is None or not isinstance(leaf, Leaf) or not product.matrix.selects:
                inputs.setdefault(atom, []).append(product)
                continue
            matrix = algebra.matrices.selection(leaf.lo - whole.lo, leaf.hi - whole.lo, whole.hi - whole.lo)
            inputs.setdefault(algebra.serial_of(whole), []).append(product._replace(matrix=matrix))
    return replace(gate, inputs=tuple((atom, tuple(products)) for atom, products in inputs.items()))

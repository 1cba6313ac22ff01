"""One step of a recurrence that is no GRU, and what in it hangs on the state before."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from gru_lower.graph.scopes import node_uses
from gru_lower.light_dataclass import dataclass
from gru_lower.passes.fuse_gru.algebra.atoms import Broadcast, Function, Leaf, MatrixProduct, Stack
from gru_lower.passes.fuse_gru.algebra.sources import NamedValue
from gru_lower.passes.fuse_gru.tensors.tensor import PolyTensor

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping

    from onnx import NodeProto

    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly
    from gru_lower.passes.fuse_gru.tensors.scope_values import ScopeValues

FARTHEST = 5000
"""So many atoms are visited at most to tell whether one hangs on the state."""


@dataclass(frozen=True)
class RecurrentStep:
    """One step.

    Attributes:
        values: What is known of the scope or body that it is computed in.
        state: The polynomial of the new state.
        previous: The atom of the state before.
        others: Further states that the recurrence goes on with, each by its leaf's source, in words.

    """

    values: ScopeValues
    state: Poly
    previous: int
    others: Mapping[Hashable, str] = field(default_factory=dict)
    _hanging: dict[int, bool] = field(default_factory=dict, repr=False)

    @property
    def algebra(self) -> Algebra:
        """The tables."""
        return self.values.algebra

    def is_state(self, serial: int) -> bool:
        """Whether an atom is a state of the recurrence."""
        return serial == self.previous or self.other_state(serial) is not None

    def other_state(self, serial: int) -> str | None:
        """Return what another state is in words, ``None`` for any other atom."""
        atom = self.algebra.atoms[serial]
        if serial == self.previous or not isinstance(atom, Leaf):
            return None
        return self.others.get(atom.source)

    def hangs(self, serial: int) -> bool:
        """Whether an atom is, or is made of, a state of the recurrence."""
        known = self._hanging.get(serial)
        if known is not None:
            return known
        seen, pending = set[int](), [serial]
        while pending and len(seen) < FARTHEST:
            each = pending.pop()
            if each in seen or self._hanging.get(each) is False:
                continue
            if self.is_state(each) or self._hanging.get(each):
                self._hanging[serial] = True
                return True
            seen.add(each)
            pending += self.parts(each)
        self._hanging.update(dict.fromkeys(seen, False))
        return False

    def poly_hangs(self, poly: Poly) -> bool:
        """Whether a polynomial is made of a state of the recurrence."""
        return any(self.hangs(serial) for mono, _ in poly.terms for serial in mono)

    def parts(self, serial: int) -> Iterator[int]:
        """Yield the atoms that one is made of: those of what a node is given, too, that was not understood."""
        for poly in self.made_of(serial):
            yield from (entry for mono, _ in poly.terms for entry in mono if entry)

    def made_of(self, serial: int) -> list[Poly]:
        """Return the polynomials that an atom is made of."""
        algebra = self.algebra
        match algebra.atoms[serial]:
            case Leaf() as leaf if leaf.source in algebra.definitions:
                return [algebra.definitions[leaf.source]]
            case Leaf():
                return self.given(serial)
            case MatrixProduct() as product:
                return [algebra.poly_of(product.atom)]
            case Function() as function:
                return list(function.arguments)
            case Stack() as stack:
                return list(stack.parts)
            case Broadcast() as spread:
                return [spread.part]

    def maker(self, serial: int) -> NodeProto | None:
        """Return the node that makes an atom of which no more is understood."""
        atom = self.algebra.atoms[serial]
        source = atom.source if isinstance(atom, Leaf) else None
        if not isinstance(source, NamedValue) or source in self.algebra.definitions or self.is_state(serial):
            return None
        scope = self.values.scope
        if source.path != scope.path or source.name not in scope.producers:
            return None
        node: NodeProto = scope.nodes[scope.producers[source.name]]
        return node

    def given(self, serial: int) -> list[Poly]:
        """Return what the node that makes an atom is given, as far as it is polynomials."""
        node = self.maker(serial)
        known = [] if node is None else [self.values.value(name) for name in node_uses(node)]
        return [poly for each in known if isinstance(each, PolyTensor) for _, poly in each.pieces]

    def makers(self) -> list[NodeProto]:
        """Return the nodes of the step that are not understood, from the new state backwards."""
        found: list[NodeProto] = []
        seen, pending = set[int](), [entry for mono, _ in self.state.terms for entry in mono if entry]
        while pending and len(seen) < FARTHEST:
            serial = pending.pop()
            if serial in seen or self.is_state(serial):
                continue
            seen.add(serial)
            node = self.maker(serial)
            found += [] if node is None or node in found else [node]
            pending += self.parts(serial)
        return found

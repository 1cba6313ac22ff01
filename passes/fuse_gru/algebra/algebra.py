"""The algebra that values are interpreted in: polynomials, some of which have an atom of their own.

A polynomial that a matrix multiplies is given an atom: a leaf whose source is a definition. What is computed of it in
products is then computed of one factor, however long it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gru_lower.passes.fuse_gru.algebra.atoms import Function, Leaf, MatrixProduct, Stack
from gru_lower.passes.fuse_gru.algebra.axes import whole_axes
from gru_lower.passes.fuse_gru.algebra.errors import TooLargeError
from gru_lower.passes.fuse_gru.algebra.function_identities import FunctionIdentities
from gru_lower.passes.fuse_gru.algebra.matrices import Matrices
from gru_lower.passes.fuse_gru.algebra.polynomials import Vector, numbers_of
from gru_lower.passes.fuse_gru.algebra.sources import Definition

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from gru_lower.passes.fuse_gru.algebra.axes import AlongAxis, AtIndex, FeatureRange
    from gru_lower.passes.fuse_gru.algebra.matrices import Array, Matrix
    from gru_lower.passes.fuse_gru.algebra.polynomials import Coefficient, Monomial, Poly
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count, Unknown

CONDITIONS = {"Less", "LessOrEqual", "Equal", "Or", "Mod"}
"""Functions that say of indices whether something holds."""

MOST_CALLS = 4096
"""How many calls of functions one analysis goes into: each call by itself, and those inside it again."""


class Algebra(FunctionIdentities):
    """The polynomials of one analysis, and what is known of the sources of their leaves.

    Attributes:
        feature_block: How wide the stretches are into which features are taken apart, 0 for not at all.
        rows_share_matrix: Whether rows of a value are blocks of one matrix; else they are a matrix of their own.
        exact_lengths: Whether values are only combined where their axes are equally long whatever the unknown lengths
            are; else those of one batch may be unknown by several names.
        same_lengths: Lengths that are given to be others, or known: for values that are read, by the length's name.
        shared_values: Values that nodes make that are in both of two models that are compared: what sizes they take is
            given.
        matrices: The matrices.
        constants: Constants that are leaves, by source.
        constant_states: The numbers of constants that are looked at as values, since they may be states, by source.
        source_dims: The lengths of the axes of the tensors that leaves read, by source.
        loop_states: The sources of what loops carry from step to step.
        non_matrices: Sources that are never used as matrices, such as inputs and states.
        atom_of: The atom of each polynomial that has one of its own, as a polynomial.
        definitions: The polynomials that such atoms are, by source; what loops output is defined as its own leaf.
        body_values: What the body of a loop computes in each step, by the source of its outputs' leaves.
        trip_counts: How many steps a loop takes, by the path of its body.
        vectors_of_arrays: Constants as polynomials, by the identity of their array, which is kept with them.
        axis_views: Views of atoms along free axes that were computed before, by serial number.
        feature_views: Views of atoms' features that were computed before, by serial number.
        vector_views: Stretches of vectors that were cut before.
        calls_left: How many more calls of functions are interpreted.
        unread: Nodes and scopes whose readers failed, and on what: they are left alone.

    """

    feature_block = 0
    rows_share_matrix = False
    exact_lengths = False

    def __init__(self) -> None:
        """Start with nothing known."""
        super().__init__()
        self.matrices = Matrices()
        self.constants: dict[Hashable, Array] = {}
        self.constant_states: dict[Hashable, Array] = {}
        self.source_dims: dict[Hashable, tuple[Count, ...]] = {}
        self.non_matrices: set[Hashable] = set()
        self.loop_states: set[Hashable] = set()
        self.atom_of: dict[Poly, Poly] = {}
        self.definitions: dict[Hashable, Poly] = {}
        self.body_values: dict[Hashable, Poly] = {}
        self.trip_counts: dict[str, Count] = {}
        self.same_lengths: dict[Unknown, Count] = {}
        self.shared_values: set[Hashable] = set()
        self.unread: dict[str, str] = {}
        self.calls_left = MOST_CALLS
        self.vectors_of_arrays: dict[tuple[Any, ...], tuple[Array, Any]] = {}
        self.vector_views: dict[tuple[Vector, FeatureRange], Coefficient] = {}
        self.axis_views: dict[tuple[int, AtIndex | AlongAxis], Poly] = {}
        self.feature_views: dict[tuple[int, FeatureRange], Poly] = {}

    def note_unread(self, site: str, what: str, error: Exception) -> None:
        """Enter that the reader of a node or scope failed on it."""
        self.unread[site] = f"{what}: {' '.join(str(error).split()) or type(error).__name__}"

    def definition_of(self, poly: Poly) -> Poly:
        """Return the polynomial that an atom was made of by :meth:`as_atom`; any other polynomial itself."""
        leaf = self.atom_in(poly)
        return self.definitions.get(leaf.source, poly) if isinstance(leaf, Leaf) else poly

    def as_atom(self, poly: Poly) -> int:
        """Return the serial number of an atom that equals a polynomial, which ``atom_of`` has from now on."""
        found = self.atom_of.get(poly)
        if found is None:
            found = self.atom_of[poly] = self.poly_of(self.new_atom(poly))
        assert found.atom is not None
        return found.atom

    def new_atom(self, poly: Poly) -> int:
        """Return the serial number of a new atom that is defined as a polynomial."""
        source = Definition(len(self.definitions))
        self.definitions[source] = poly
        return self.serial_of(Leaf(source, whole_axes(self.rank_of(poly)), 0, self.width_of(poly)))

    def as_atom_unless_affine(self, poly: Poly) -> Poly:
        """Return an atom that equals a polynomial with functions or products of atoms in it; any other one itself.

        An input that some layer computed, and that is read step by step, is then one value that is read, not as many
        values as there are steps.
        """
        if isinstance(self.atom_in(poly), (Leaf, Stack)):
            return poly
        for mono, _ in poly.terms:
            atoms = [self.atoms[serial] for serial in mono if serial]
            if len(atoms) > 1 or any(isinstance(atom, Function) and atom.op not in CONDITIONS for atom in atoms):
                return self.poly({(self.as_atom(poly),): 1.0})
        return poly

    def state_as_atom(self, poly: Poly) -> Poly:
        """Return a state as products and matrices have it: one atom."""
        return self.poly_of(self.as_atom(poly)) if poly.atom is None else poly

    def stack(self, parts: Iterable[Poly]) -> Poly:
        """Return polynomials along a new first free axis."""
        return self.poly_of_atom(Stack(tuple(self.atom_of.get(part, part) for part in parts)))

    def matrix_product(self, matrix: Matrix, poly: Poly) -> Poly:
        """Return a matrix times a polynomial, of which an atom is made unless it is a leaf, a stack or constant.

        Raises:
            TooLargeError: A matrix that is only known at run time multiplies a constant.

        """
        if not poly.terms or matrix.is_zero:
            return self.zero
        if all(not any(mono) for mono, _ in poly.terms):
            return self._product_with_constant(matrix, poly)
        if len(poly.terms) == 1 and poly.terms[0][1] != 1.0:
            mono, factor = poly.terms[0]
            one = self.poly({mono: 1.0})
            if isinstance(factor, Vector):
                if matrix.array is not None:
                    return self.matrix_product(self.matrices.scaled(matrix, factor.data), one)
            elif len(mono) == 1 and isinstance(self.atoms[mono[0]], Leaf):
                return self.scale(self.matrix_product(matrix, one), factor)
        if poly.atom is not None and isinstance(self.atoms[poly.atom], (Leaf, Stack)):
            return self.poly_of_atom(MatrixProduct(matrix, poly.atom))
        if matrix.is_identity and any(len(mono) > 1 and self._has_matrix_product(mono) for mono, _ in poly.terms):
            return poly
        return self.poly_of_atom(MatrixProduct(matrix, self.as_atom(poly)))

    def _has_matrix_product(self, mono: Monomial) -> bool:
        """Whether a product with a matrix is a factor. No state is that: an identity times it may be left out."""
        return any(isinstance(self.atoms[serial], MatrixProduct) for serial in mono)

    def _product_with_constant(self, matrix: Matrix, poly: Poly) -> Poly:
        if matrix.array is None:
            raise TooLargeError
        vector = sum(np.broadcast_to(numbers_of(factor), matrix.shape[1:]) for _, factor in poly.terms)
        with np.errstate(invalid="ignore"):  # infinities stand for closed gates; what they make of weights is NaN
            return self.constant(self.coefficient(matrix.array.astype(np.float64) @ vector))

    # -- loops, of which a subclass knows more ---------------------------------------------------

    def record_final_state(self, inner: Any, last: Any) -> Any:  # noqa: ANN401 - tensors, which know this module
        """Return a loop's states after its last step, as they are known from now on.

        Args:
            inner: The states in the body.
            last: The loop's output.

        """
        del inner
        return last

    def at_final_states(self, poly: Poly) -> Poly | None:
        """Return a polynomial in a loop's states with those after the last step in place of them.

        Returns:
            ``None`` if anything else is in it, or the states after the last step are not known.

        """
        del poly
        return None

    def concatenated_steps(self, parts: list[Poly], total: Count) -> Poly | None:
        """Return what polynomials that lie one behind the other along a loop's steps are together.

        Args:
            parts: The polynomials, in order: those of several steps, and that of one.
            total: How many steps they are together.

        Returns:
            ``None`` if they are not one value of a loop.

        """
        del parts, total
        return None

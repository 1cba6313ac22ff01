"""What a gate or a candidate is a function of, and what in that sum no GRU has."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gru_lower.gru.activations import KINDS
from gru_lower.passes.fuse_gru.algebra.atoms import Function, Leaf, MatrixProduct
from gru_lower.passes.fuse_gru.algebra.errors import TooLargeError
from gru_lower.passes.fuse_gru.algebra.polynomials import Vector, numbers_of
from gru_lower.passes.fuse_gru.reasons import words

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.polynomials import Monomial, Poly
    from gru_lower.passes.fuse_gru.reasons.recurrent_step import RecurrentStep

KNOWN = {kind.name for kind in KINDS.values()}
"""The functions that a GRU of ONNX may have."""

ROUNDING = 1e-12
"""What is left of a constant that is taken from itself in another order."""
ARITHMETIC = {"Add", "Sub", "Mul", "Div", "Sum", "Where", "Sqrt", "Pow", "Neg", "Reciprocal"}
"""Operators that are understood where the axes of what they are given are; they alone are no reason."""

FUNCTIONS = {
    *("LayerNormalization", "BatchNormalization", "InstanceNormalization", "GroupNormalization", "RMSNormalization"),
    *("SimplifiedLayerNormalization", "SkipLayerNormalization", "LpNormalization", "MeanVarianceNormalization"),
    *("Softmax", "LogSoftmax", "Hardmax", "Floor", "Ceil", "Round", "Sign", "Erf", "Gelu", "FastGelu", "QuickGelu"),
    *("BiasGelu", "Selu", "Celu", "Mish", "HardSwish", "Swish", "Sin", "Cos", "Tan", "Asin", "Acos", "Atan", "Sinh"),
    *("Cosh", "Asinh", "Acosh", "Atanh", "Shrink", "LRN", "Dropout"),
}
"""Operators that are a function of one value, and are not interpreted."""
DIVISION = ("Div", "Reciprocal", "Sqrt")
"""Those of them that a normalisation is written with."""


class Part(NamedTuple):
    """A function of a sum: of a gate, or of the candidate.

    Attributes:
        op: The operator.
        parameters: Its attributes, where they are known.
        clip: The bounds on the sum, ``None`` for none.
        sum: The sum.
        is_understood: Whether the operator was interpreted; else it is a node that no more is known of.

    """

    op: str
    parameters: tuple[float, ...]
    clip: tuple[float, ...] | None
    sum: Poly
    is_understood: bool

    @property
    def is_function(self) -> bool:
        """Whether it is a function of one value: of a node that is not understood, that need not be."""
        return self.is_understood or self.op in FUNCTIONS


class Reading(NamedTuple):
    """A sum that was read.

    Attributes:
        fault: What in it no GRU has, in words; ``""`` for nothing.
        state: Whether a matrix multiplies the state in it.
        inputs: The atoms of the input that it reads.
        ahead: A term of the input's share that no matrix of the step makes, ``None`` for none.

    """

    fault: str
    state: bool
    inputs: frozenset[int]
    ahead: Monomial | None


def part_of(step: RecurrentStep, serial: int) -> Part | None:
    """Return an atom as a function of a sum, ``None`` if it is none."""
    algebra = step.algebra
    serial = algebra.definition_of(algebra.poly_of(serial)).atom or serial
    atom = algebra.atoms[serial]
    if isinstance(atom, Function) and len(atom.arguments) == 1:
        clip, inside = None, atom.arguments[0]
        bounded = None if inside.atom is None else algebra.atoms[inside.atom]
        if isinstance(bounded, Function) and bounded.op == "Clip" and atom.op != "Clip":
            clip, inside = bounded.parameters, bounded.arguments[0]
        return Part(atom.op, atom.parameters, clip, step_sum(step, inside), is_understood=True)
    node = step.maker(serial)
    if node is None:
        return None
    given = step.given(serial)
    inside = next((poly for poly in given if step.poly_hangs(poly)), given[0] if given else algebra.zero)
    return Part(node.op_type, (), None, step_sum(step, inside), is_understood=False)


def step_sum(step: RecurrentStep, poly: Poly) -> Poly:
    """Return a polynomial with the old state as one atom, where it is written out in it."""
    algebra = step.algebra
    atom = algebra.atoms[step.previous]
    whole = algebra.definitions.get(atom.source) if isinstance(atom, Leaf) else None
    if whole is None or len(whole.terms) < 2:
        return poly
    longest, factor = max(whole.terms, key=lambda entry: len(entry[0]))
    share = next((each for mono, each in poly.terms if mono == longest), None)
    if share is None or not np.all(numbers_of(factor)):
        return poly
    times = algebra.coefficient(np.asarray(numbers_of(share) / numbers_of(factor)))
    rest = algebra.add(poly, algebra.scale(whole, algebra.coefficient(np.asarray(-numbers_of(times)))))
    left = {mono: each for mono, each in rest.terms if np.max(np.abs(numbers_of(each))) > ROUNDING}
    found = algebra.add(algebra.poly(left), algebra.scale(algebra.poly_of(step.previous), times))
    return found if len(found.terms) < len(poly.terms) else poly


def opened(step: RecurrentStep, poly: Poly) -> Poly:
    """Return a sum with what atoms in it were made of in place of them, but for the states."""
    algebra = step.algebra
    parts = []
    for mono, factor in poly.terms:
        one = algebra.poly({mono: 1.0})
        inside = one if one.atom is None or step.is_state(one.atom) else algebra.definition_of(one)
        parts.append(algebra.scale(inside if inside.degree > 1 and step.poly_hangs(inside) else one, factor))
    return algebra.add(*parts)


def read_sum(step: RecurrentStep, poly: Poly, where: str, candidate: Poly | None = None) -> Reading:
    """Read a sum as Xt Wᵀ + Ht_1 Rᵀ + b.

    Args:
        step: The step.
        poly: The sum.
        where: Whose it is, in words.
        candidate: The candidate of the step, where that may be read.

    """
    algebra, fault, state, ahead = step.algebra, "", False, None
    inputs = set[int]()
    for mono, factor in poly.terms:
        if not any(mono):
            continue
        atom = algebra.atoms[mono[0]] if len(mono) == 1 else None
        if mono == (step.previous,):
            how = "element by element, through a peephole" if isinstance(factor, Vector) else "itself"
            fault = fault or f"{where} reads the state {how}, not through a matrix"
        elif isinstance(atom, MatrixProduct) and atom.atom == step.previous:
            state = True
        elif isinstance(atom, MatrixProduct) and step.hangs(atom.atom):
            fault = fault or f"{where} reads {described(step, atom.atom, candidate)}, not the state"
        elif isinstance(atom, MatrixProduct):
            inputs.add(atom.atom)
        elif any(step.hangs(serial) for serial in mono):
            fault = fault or _strange(step, mono, where)
        elif len(mono) > 1 or any(algebra.ranks[serial] for serial in mono):
            inputs.update(mono)
            ahead = ahead or mono
    return Reading(fault, state, frozenset(inputs), ahead)


def described(step: RecurrentStep, serial: int, candidate: Poly | None = None) -> str:
    """Say what a value is that hangs on the state and is not the state."""
    algebra = step.algebra
    other = step.other_state(serial)
    if other is not None:
        return other
    poly = step_sum(step, algebra.definition_of(algebra.poly_of(serial)))
    if candidate is not None and poly is algebra.definition_of(candidate):
        return "the new candidate"
    whole = algebra.definition_of(algebra.poly_of(step.previous))
    if len(whole.terms) > 1 and _is_square(algebra, poly, whole):
        return "the square of the state"
    node = step.maker(serial)
    if node is not None:
        return f"what {node.op_type} makes of the state"
    if poly.atom is not None:
        part = part_of(step, poly.atom)
        of = "the state" if part is not None and part.sum.atom == step.previous else "what hangs on the state"
        if part is not None:
            return f"{part.op} of {of}"
    if len(poly.terms) == 1:
        mono = poly.terms[0][0]
        if set(mono) == {step.previous}:
            return "the square of the state" if len(mono) == 2 else "the state, scaled"
        if step.previous in mono:
            others = [words.name(step.values, each) for each in mono if each != step.previous]
            return f"the state times {' · '.join(others)}, as only a candidate does behind its reset gate"
    return f"{words.name(step.values, serial)}, which hangs on the state"


def _is_square(algebra: Algebra, poly: Poly, whole: Poly) -> bool:
    try:
        return algebra.mul(whole, whole) is poly
    except TooLargeError:
        return False


def _strange(step: RecurrentStep, mono: Monomial, where: str) -> str:
    """Say what a term is that hangs on the state through no matrix alone."""
    algebra = step.algebra
    if step.previous in mono:
        rest = [words.name(step.values, serial) for serial in mono if serial != step.previous]
        return f"{where} reads the state times {' · '.join(rest)}, not through a matrix"
    for serial in mono:
        op = _odd_operator(step, serial)
        if op in DIVISION:
            return f"{where} is divided by a value that hangs on the state, as by a normalisation"
        if op is not None and len(mono) == 1:
            return f"{where} reads what {op} makes of the state"
        if op is not None:
            return f"{where} is scaled by what {op} makes of the state"
    functions = [serial for serial in mono if isinstance(algebra.atoms[serial], Function)]
    if len(mono) == 1 and functions:
        atom = algebra.atoms[mono[0]]
        assert isinstance(atom, Function)
        return f"{where} reads {atom.op} of what hangs on the state"
    return f"{where} has a term {words.term(step.values, mono)}"


def _odd_operator(step: RecurrentStep, serial: int) -> str | None:
    """Return the operator under an atom that is not understood, or is none of a GRU's functions."""
    seen, pending, function, arithmetic = set[int](), [serial], None, None
    while pending:
        each = pending.pop()
        if each in seen or step.is_state(each) or not step.hangs(each):
            continue
        seen.add(each)
        node = step.maker(each)
        if node is not None and node.op_type not in ARITHMETIC:
            return node.op_type
        if node is not None:
            arithmetic = arithmetic or node.op_type
        atom = step.algebra.atoms[each]
        if isinstance(atom, Function) and atom.op in ARITHMETIC:
            arithmetic = arithmetic or atom.op
        elif isinstance(atom, Function) and atom.op not in KNOWN:
            function = function or atom.op
        pending += step.parts(each)
    return function or arithmetic

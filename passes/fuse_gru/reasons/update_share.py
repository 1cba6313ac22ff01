"""What of the old state, and what of a candidate, is in the new one: S = K ∘ h + N.

A GRU's K is a gate, and N is 1 - K times a candidate. Where it is not so, the sentence says how else it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gru_lower.passes.fuse_gru.algebra.atoms import Function
from gru_lower.passes.fuse_gru.algebra.errors import TooLargeError
from gru_lower.passes.fuse_gru.algebra.linear_split import split_linear
from gru_lower.passes.fuse_gru.algebra.polynomials import Vector, numbers_of
from gru_lower.passes.fuse_gru.reasons import words

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.polynomials import Coefficient, Monomial, Poly
    from gru_lower.passes.fuse_gru.reasons.recurrent_step import RecurrentStep

NO_BLEND = "the new state is not one gate's blend of the old one and a candidate"
NEAR = 1e-5
"""Constants that are this near are one: 0.1 and 0.9 in float32 do not come to 1."""


class Gate(NamedTuple):
    """An atom, or 1 minus it."""

    serial: int
    complement: bool


class Update(NamedTuple):
    """A blend: the gate, and the candidate."""

    gate: Gate
    candidate: Poly


def read_update(step: RecurrentStep, share: Poly, rest: Poly) -> Update | str:
    """Read S = K ∘ h + N as a gate's blend, or say why it is none.

    Args:
        step: The step.
        share: K, which is not 0.
        rest: N.

    """
    algebra = step.algebra
    if not any(any(mono) for mono, _ in share.terms):
        number = share.terms[0][1]
        if _near(algebra, share, algebra.constant(1.0)):
            return "the old state is added whole, as a residual, with no gate"
        named = f", {number:.4g}" if isinstance(number, float) else ""
        return f"the old state's share is a constant{named}, no gate: a leaky integrator"
    gate, candidate = gate_of(algebra, share), candidate_of(algebra, share, rest)
    if candidate is not None:
        return Update(gate, candidate) if gate is not None else _share_in_words(step, share)
    return _scaled(algebra, share, rest) or _beside(algebra, share, rest) or _left_over(step, gate, rest) or NO_BLEND


def gate_of(algebra: Algebra, poly: Poly) -> Gate | None:
    """Return the atom that a polynomial is, or is 1 minus."""
    for each, complement in ((poly, False), (algebra.complement(poly), True)):
        if each.atom is not None:
            return Gate(each.atom, complement)
    return None


def candidate_of(algebra: Algebra, share: Poly, rest: Poly) -> Poly | None:
    """Return c of N = (1 - K) c, ``None`` if it is not that."""
    own = {serial for mono, _ in share.terms for serial in mono if serial}
    start = next((factor for mono, factor in share.terms if not any(mono)), 0.0)
    left = 1.0 - numbers_of(start)
    if np.all(np.abs(left) > NEAR):
        free = {mono: factor for mono, factor in rest.terms if own.isdisjoint(mono)}
        found = algebra.scale(algebra.poly(free), algebra.coefficient(np.asarray(1.0 / left)))
    else:
        first, factor = next((mono, factor) for mono, factor in share.terms if any(mono))
        if isinstance(factor, Vector):
            return None
        taken = {
            _without(mono, first): other for mono, other in rest.terms if all(s in mono for s in first)
        }  # of K = 1 - s, N is s ∘ c
        found = algebra.scale(algebra.poly(taken), -1.0 / factor)
    try:
        made = algebra.mul(algebra.complement(share), found)
    except TooLargeError:
        return None
    return found if found.terms and _near(algebra, made, rest) else None


def _without(mono: Monomial, factors: Monomial) -> Monomial:
    entries = list(mono)
    for serial in factors:
        entries.remove(serial)
    return tuple(entries)


def _near(algebra: Algebra, one: Poly, other: Poly) -> bool:
    """Whether two polynomials are the same but for the rounding of constants."""
    difference = algebra.add(one, algebra.scale(other, -1.0))
    return all(np.max(np.abs(numbers_of(factor))) < NEAR for _, factor in difference.terms)


def _share_in_words(step: RecurrentStep, share: Poly) -> str:
    """Say what the old state's share is, where the rest is 1 minus that: no gate as it is."""
    algebra = step.algebra
    varying = [(mono, factor) for mono, factor in share.terms if any(mono)]
    start = numbers_of(next((factor for mono, factor in share.terms if not any(mono)), 0.0))
    if len(varying) == 1 and len(varying[0][0]) == 1:
        ends = np.asarray(start), np.asarray(start + numbers_of(varying[0][1]))
        least, most = np.minimum(*ends), np.maximum(*ends)
        if np.allclose(most, 1.0, atol=NEAR):
            how = f"{float(least.flat[0]):.4g}" if least.size == 1 else "a constant share"
            return f"{how} of the old state is always kept, as by zoneout, whatever the update gate says"
        if least.size == most.size == 1 and abs(float(least)) < NEAR:
            return f"the update gate is scaled by {float(most):.4g}"
    whole = _sum(step, share)
    if len(share.terms) == 1 and len(set(share.terms[0][0])) == 1:
        return f"the update gate stands squared: the old state's share is {whole}"
    if len(share.terms) == 1:
        return f"the update gate is multiplied by another value: the old state's share is a product, {whole}"
    singles = [algebra.poly({mono: 1.0}) for mono, _ in varying if len(mono) == 1]
    for kept in singles:
        if any(_near(algebra, share, _kept_by(algebra, kept, gate)) for gate in singles if gate is not kept):
            serial = kept.atom or 0
            return f"the old state is kept where {words.name(step.values, serial)} says so, too, as by zoneout"
    return f"the old state's share is {whole}, no gate"


def _kept_by(algebra: Algebra, kept: Poly, gate: Poly) -> Poly:
    """Return kept + (1 - kept) gate."""
    return algebra.add(kept, algebra.mul(algebra.complement(kept), gate))


def _scaled(algebra: Algebra, share: Poly, rest: Poly) -> str | None:
    """Say that a blend is scaled, if it is."""
    factors = {abs(factor) for mono, factor in share.terms if any(mono) and isinstance(factor, float)}
    for factor in factors:
        inner, other = algebra.scale(share, 1.0 / factor), algebra.scale(rest, 1.0 / factor)
        if candidate_of(algebra, inner, other) is not None:
            return f"the new state is a blend scaled by {factor:.4g}"
    return None


def _beside(algebra: Algebra, share: Poly, rest: Poly) -> str | None:
    """Say that the old state is added beside a blend, if it is."""
    start = next((factor for mono, factor in share.terms if mono == ()), 0.0)
    for extra in (start, start - 1.0) if isinstance(start, float) else ():
        if extra and candidate_of(algebra, algebra.add(share, algebra.constant(-extra)), rest) is not None:
            how = "" if abs(extra) == 1.0 else f" times {extra:.4g}"
            return f"the old state{how} is added beside the blend, as a residual"
    return None


def _left_over(step: RecurrentStep, gate: Gate | None, rest: Poly) -> str | None:
    """Say what is in N beside 1 - K times a candidate; or whose share the candidate's is."""
    algebra = step.algebra
    if gate is None:
        return None
    parts = split_linear(algebra, rest, gate.serial)
    if parts is None:
        return None
    without, times = parts
    candidate, extra = (times, without) if gate.complement else (algebra.scale(times, -1.0), algebra.add(*parts))
    if candidate.terms:
        ratio = numbers_of(extra.terms[0][1]) / numbers_of(candidate.terms[0][1])
        if np.ndim(ratio) == 0 and _near(algebra, extra, algebra.scale(candidate, float(ratio))):
            return "the shares of the old state and the candidate do not come to 1"
        return f"{words.term(step.values, *extra.terms[0])} is added to the blend of the old state and a candidate"
    other = _share_of_candidate(step, rest)
    if other is not None:
        kept, new = (_gate_in_words(step, each) for each in (gate, other))
        return (
            "the update takes two gates, as an LSTM's does: the old state's share is "
            f"{kept}, the candidate's {new}, where a GRU's is 1 minus the other"
        )
    if all(len(mono) < 2 for mono, _ in rest.terms):
        return "the candidate is added whole, not times 1 minus the update gate"
    return None


def _share_of_candidate(step: RecurrentStep, rest: Poly) -> Gate | None:
    """Return the gate that all of N is multiplied by, if there is one."""
    algebra = step.algebra
    serials = dict.fromkeys(serial for mono, _ in rest.terms for serial in mono if serial)
    for serial in sorted(serials, key=lambda each: not _is_gate(algebra, each)):
        parts = split_linear(algebra, rest, serial)
        if parts is None or all(len(mono) < 2 for mono, _ in rest.terms):
            continue
        without, times = parts
        if not without.terms or _near(algebra, without, algebra.scale(times, -1.0)):
            return Gate(serial, complement=bool(without.terms))
    return None


def _is_gate(algebra: Algebra, serial: int) -> bool:
    atom = algebra.atoms[serial]
    return isinstance(atom, Function) and atom.op in ("Sigmoid", "HardSigmoid")


def _gate_in_words(step: RecurrentStep, gate: Gate) -> str:
    return ("1 minus " if gate.complement else "") + words.name(step.values, gate.serial)


def _sum(step: RecurrentStep, poly: Poly) -> str:
    said = ""
    for mono, factor in poly.terms:
        one = f"{factor:.4g}" if not any(mono) and isinstance(factor, float) else words.term(step.values, mono, factor)
        said += f" {'-' if _is_below_zero(factor) else '+'} {one.removeprefix('-')}"
    return said.removeprefix(" + ").strip()


def _is_below_zero(factor: Coefficient) -> bool:
    return isinstance(factor, float) and factor < 0

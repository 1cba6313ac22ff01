"""The reset gate: what multiplies the state, or its product with Rh, in the candidate's pre-activation.

P = A + s·B,  linear_before_reset ≠ 0       s = rt:     B = Ht_1 Rhᵀ + Rbh,  A = Xt Whᵀ + Wbh
                                            s = 1 - rt: the same of A + B and -B
P = Xt Whᵀ + (rt ∘ Ht_1) Rhᵀ + b            linear_before_reset = 0: rt ∘ Ht_1 looked at as a whole
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gru_lower.passes.fuse_gru.algebra.atoms import Function, Leaf, MatrixProduct
from gru_lower.passes.fuse_gru.algebra.linear_split import split_linear
from gru_lower.passes.fuse_gru.recognition.errors import MismatchError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly


class ResetReading(NamedTuple):
    """A candidate's pre-activation with the reset gate told apart.

    Attributes:
        gate: The reset gate, ``None`` where it was folded away.
        multiplied: Ht_1 Rhᵀ + Rbh with linear_before_reset, else rt ∘ Ht_1; ``None`` without a gate.
        rest: The pre-activation without what the gate multiplies; all of it without linear_before_reset.
        linear_before_reset: Where the gate acts, ``None`` where that cannot be told.

    """

    gate: Poly | None
    multiplied: Poly | None
    rest: Poly
    linear_before_reset: bool | None


def reset_readings(algebra: Algebra, pre: Poly, previous: int | None) -> Iterator[ResetReading]:
    """Yield each way to find the reset gate in a candidate's pre-activation.

    Args:
        algebra: The tables.
        pre: The pre-activation.
        previous: The atom of Ht_1, ``None`` for a state of zeros that was folded away.

    Raises:
        MismatchError: Several gates act on it, or one stands squared.

    """
    gates = dict.fromkeys(s for mono, _ in pre.terms for s in mono if isinstance(algebra.atoms[s], Function))
    if len(gates) > 1:
        raise MismatchError("more than one gate acts on the candidate", pre)
    for gate in gates:
        parts = split_linear(algebra, pre, gate)
        if parts is None:
            raise MismatchError("the reset gate stands squared", pre)
        for r, multiplied, rest in _gate_or_complement(algebra, gate, *parts):
            yield ResetReading(r, multiplied, rest, linear_before_reset=True)
    if gates:
        return
    if previous is None:
        yield ResetReading(None, None, pre, None)
        return
    for mono, _ in pre.terms:
        atom = algebra.atoms[mono[0]] if len(mono) == 1 else None
        source = algebra.atoms[atom.atom] if isinstance(atom, MatrixProduct) else None
        product = algebra.definitions.get(source.source) if isinstance(source, Leaf) else None
        if product is None:
            continue
        for serial in dict.fromkeys(s for m, _ in product.terms for s in m if isinstance(algebra.atoms[s], Function)):
            parts = split_linear(algebra, product, serial)
            if parts is None:
                continue
            for r, multiplied, rest in _gate_or_complement(algebra, serial, *parts):
                if multiplied.atom == previous and not rest.terms:
                    yield ResetReading(r, product, pre, linear_before_reset=False)


def _gate_or_complement(algebra: Algebra, gate: int, without: Poly, times: Poly) -> Iterator[tuple[Poly, Poly, Poly]]:
    """Yield gate, what it multiplies and the rest of A + s·B, with s as the gate and with 1 - s."""
    s = algebra.poly_of(gate)
    yield s, times, without
    yield (
        algebra.add(algebra.constant(1.0), algebra.scale(s, -1.0)),
        algebra.scale(times, -1.0),
        algebra.add(without, times),
    )

"""The sentence that says why a recurrence is no GRU, in the names a model's author knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from gru_lower.passes.fuse_gru.algebra.atoms import Broadcast, Function, Leaf, MatrixProduct, Stack
from gru_lower.passes.fuse_gru.algebra.polynomials import ONE
from gru_lower.passes.fuse_gru.algebra.sources import NamedValue
from gru_lower.passes.fuse_gru.loops.loop_outputs import LoopOutput

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.polynomials import Monomial, Poly
    from gru_lower.passes.fuse_gru.recognition.errors import MismatchError
    from gru_lower.passes.fuse_gru.tensors.scope_values import ScopeValues


@dataclass(frozen=True)
class Rejection:
    """A recurrence that is no GRU.

    Attributes:
        state: The polynomial that was read.
        mismatches: What did not fit, one for each way to read it, what says most first.
        name: The name of the value it is, or of the loop's first output; ``""`` for that of the polynomial.
        body: The loop's body it was read in, ``None`` for the scope itself.

    """

    state: Poly
    mismatches: tuple[MismatchError, ...]
    name: str = ""
    body: ScopeValues | None = None


class Reason(NamedTuple):
    """Why a recurrence is no GRU.

    Attributes:
        text: What does not fit, in words.
        term: The term that does not fit, in words; ``None`` if one is missing.

    """

    text: str
    term: str | None


NO_BLEND = "the new state is not one gate's blend of the old one and a candidate"


def reason_of(interpreter: ScopeValues, rejection: Rejection) -> Reason:
    """Say in words why a recurrence is no GRU.

    Args:
        interpreter: The scope.
        rejection: A recurrence of that scope.

    """
    mismatch = rejection.mismatches[0]
    if mismatch.mono is None:
        return Reason(mismatch.where, None)
    term = _term(rejection.body or interpreter, mismatch.mono)
    return Reason(f"{mismatch.where} has a term {term}", term)


def _term(interpreter: ScopeValues, mono: Monomial) -> str:
    """Return a monomial in words: the names of its factors."""
    return " · ".join(_name(interpreter, serial) for serial in mono) or "a constant"


def _name(interpreter: ScopeValues, serial: int) -> str:
    algebra = interpreter.algebra
    if serial == ONE:
        return "a constant"
    home = interpreter.named_tensors.get(algebra.poly_of(serial))
    if home is not None:
        return home.name
    match algebra.atoms[serial]:
        case Leaf() as leaf:
            return _name_of_leaf(interpreter, leaf)
        case Function() as function:
            return f"{function.op}(...)"
        case MatrixProduct() as product:
            return f"a matrix · {_name(interpreter, product.atom)}"
        case Stack():
            return "stacked steps"
        case Broadcast():
            return "a value repeated"


def _name_of_leaf(interpreter: ScopeValues, leaf: Leaf) -> str:
    source = leaf.source
    if source in interpreter.algebra.definitions:
        if isinstance(source, LoopOutput):
            return source.name
        home = interpreter.named_tensors.get(interpreter.algebra.definitions[source])
        return "a product of states" if home is None else home.name
    return source.name if isinstance(source, NamedValue) else "a constant"

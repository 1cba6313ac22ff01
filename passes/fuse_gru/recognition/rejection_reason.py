"""The sentence that says why a recurrence is no GRU, in the names a model's author knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gru_lower.light_dataclass import dataclass
from gru_lower.passes.fuse_gru.reasons import words
from gru_lower.passes.fuse_gru.reasons.explain_step import explain

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly
    from gru_lower.passes.fuse_gru.reasons.recurrent_step import RecurrentStep
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
        step: The step, where it is known which state it goes on from.

    """

    state: Poly
    mismatches: tuple[MismatchError, ...]
    name: str = ""
    body: ScopeValues | None = None
    step: RecurrentStep | None = None


class Reason(NamedTuple):
    """Why a recurrence is no GRU.

    Attributes:
        text: What does not fit, in words.
        term: The term that does not fit, in words; ``None`` if one is missing.

    """

    text: str
    term: str | None


def reason_of(interpreter: ScopeValues, rejection: Rejection) -> Reason:
    """Say in words why a recurrence is no GRU.

    Args:
        interpreter: The scope.
        rejection: A recurrence of that scope.

    """
    said = None if rejection.step is None else explain(rejection.step)
    mismatch = rejection.mismatches[0]
    term = None if mismatch.mono is None else words.term(rejection.body or interpreter, mismatch.mono)
    if said is not None:
        return Reason(said, term)
    return Reason(mismatch.where if term is None else f"{mismatch.where} has a term {term}", term)

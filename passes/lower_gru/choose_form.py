"""Which form a GRU is lowered to, and why; or why it is kept.

1. Below opset 7 nothing is lowered (GL301): the operators a lowering needs are not there yet.
2. step needs T = 1 (GL303), unroll a static T (GL302), scan opset 9 (GL304); loop takes everything.
3. What a target does not take is not written (GL308).
4. auto: T = 1 → step; T ≤ 8 → unroll; otherwise scan, or loop where the opset has no Scan that serves. A target's
   own order of forms goes before this beyond T = 8, and wherever it does not take the form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.gru.possible_forms import SCAN_OPSET, possible_forms
from gru_lower.light_dataclass import dataclass
from gru_lower.passes.lower_gru.costs import costs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.gru.spec import GruSpec

FORMS = ("auto", "scan", "loop", "unroll", "step")
FIRST_OPSET = 7


@dataclass(frozen=True)
class Choice:
    """The form chosen, or the code that says why there is none.

    Attributes:
        form: ``"scan"``, ``"loop"``, ``"unroll"``, ``"step"``, or ``""`` for none.
        reason: Why, in a few words.
        code: The diagnostic code where there is no form.
        lacking: The operators that the form needs and that may not be written, where that is why.

    """

    form: str
    reason: str
    code: str | None = None
    lacking: tuple[str, ...] = ()


def choose_form(spec: GruSpec, opset: int, wanted: str, allowed: Sequence[str] = FORMS[1:]) -> Choice:
    """Choose the form for one GRU.

    Args:
        spec: The GRU.
        opset: The opset of its scope.
        wanted: One of :data:`FORMS`.
        allowed: What a target takes, the best first.

    """
    choice = _choose_without_target(spec, opset, wanted)
    if not choice.form:
        return choice
    length = spec.seq_length
    short = length is not None and length <= costs().unroll_up_to and choice.form in allowed
    if wanted == "auto" and tuple(allowed) != FORMS[1:] and not short:
        return _first_allowed(length, opset, allowed) or Choice("", f"the target takes no {choice.form}", "GL308")
    if choice.form in allowed:
        return choice
    return Choice("", f"the target takes no {choice.form}", "GL308")


def _first_allowed(length: int | None, opset: int, allowed: Sequence[str]) -> Choice | None:
    possible = possible_forms(length, opset)
    form = next((form for form in allowed if form in possible), None)
    return None if form is None else Choice(form, "the first of the target's forms that serves")


def _choose_without_target(spec: GruSpec, opset: int, wanted: str) -> Choice:
    if opset < FIRST_OPSET:
        return Choice("", f"its opset is {opset}; lowering needs {FIRST_OPSET}", "GL301")
    if spec.elem_type == 0:
        return Choice("", "the element type of its inputs cannot be told", "GL306")
    length = spec.seq_length
    if wanted == "auto":
        return _auto(length, opset)
    if wanted == "step" and length != 1:
        return Choice("", f"form step needs a sequence length of 1; it is {_length_text(length)}", "GL303")
    if wanted == "unroll" and length is None:
        return Choice("", "form unroll needs a static sequence length", "GL302")
    if wanted == "scan" and opset < SCAN_OPSET:
        return Choice("", f"form scan needs opset {SCAN_OPSET}; the model has {opset}", "GL304")
    if wanted in ("scan", "loop") and length == 0:
        return Choice("unroll", "the sequence length is 0: there is nothing to repeat")
    return Choice(wanted, "as asked")


def _auto(length: int | None, opset: int) -> Choice:
    if length == 1:
        return Choice("step", "the sequence length is 1")
    if length is not None and length <= costs().unroll_up_to:
        return Choice("unroll", f"the sequence length is {length}, at most {costs().unroll_up_to}")
    if opset >= SCAN_OPSET:
        return Choice("scan", "the sequence length is " + ("dynamic" if length is None else f"{length}"))
    return Choice("loop", f"opset {opset} has no Scan that serves")


def _length_text(length: int | None) -> str:
    return "dynamic" if length is None else str(length)

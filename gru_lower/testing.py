"""Assertions for tests, in the manner of numpy.testing; a failure says what differs, where, and by how much."""

import os
from typing import TYPE_CHECKING, Annotated

from gru_lower.api.comparison_options import PairOptions, TwoModels, VerificationOptions
from gru_lower.api.declared_options import Doc, declared_options
from gru_lower.api.public_call import public_call

if TYPE_CHECKING:
    from gru_lower.verification.result import Verification


class AssertEquivalentArguments(PairOptions, TwoModels, kw_only=True):
    """The arguments of :func:`assert_equivalent`."""

    err_msg: Annotated[str, Doc("What stands at the end of the message.")] = ""


@public_call(AssertEquivalentArguments)
def assert_equivalent(given: AssertEquivalentArguments) -> None:
    """Fail unless two models compute the same, and take the same calls.

    Raises:
        AssertionError: They do not, or it could not be told. The message says which output differs, at which GRU the
            two start to differ, which tolerance would pass, and how to look further.
        InvalidModel: A model cannot be read.
        Unsupported: What is given does not fit the models.

    """
    __tracebackhide__ = True  # pytest's traceback ends at the caller
    from gru_lower import interop
    from gru_lower.api.verify import verify_pair

    found = verify_pair(interop.read(given.a).model, interop.read(given.b).model, given.how_to_verify()).verification
    if not found.holds:
        raise AssertionError(
            "\n".join(filter(None, [*_failure_lines(found), f"  {_how_to_see(given)}", given.err_msg]))
        )


def _failure_lines(found: "Verification") -> list[str]:
    """Return what a person wants to know, most important first."""
    verbs = {"different": "are not equivalent", "equivalent": "compute the same, but not for every caller"}
    said = [found.message, *(f"{each.code}: {each.message}" for each in found.findings)]
    lines = [f"the models {verbs.get(found.status, 'could not be compared')}: {'; '.join(filter(None, said))}"]
    if found.max_abs_error is not None:
        relative = "" if found.max_rel_error is None else f", {found.max_rel_error:.2g} relative"
        lines.append(f"  largest error: {found.max_abs_error:.2g} absolute{relative}, over {found.cases} cases")
    if found.worst is not None:
        at = f"{found.worst.output}{list(found.worst.index)}"
        lines.append(f"  worst at {at}: expected {found.worst.expected:.6g}, got {found.worst.actual:.6g}")
    if found.starts_in:
        where = f"GRU {', '.join(found.starts_at)}" if found.starts_at else "no GRU"
        lines.append(f"  they start to differ at {where}, in value {found.starts_in!r}")
    tolerances = {"atol": found.least_atol, "rtol": found.least_rtol}
    passing = [f"{name}={value:g}" for name, value in tolerances.items() if value is not None and value < float("inf")]
    if found.status == "different" and found.least_atol is not None:
        lines.append(f"  least tolerance that passes on these inputs: {' or '.join(passing) or 'none'}")
    return lines


def _how_to_see(given: AssertEquivalentArguments) -> str:
    """Return how to look further: a command where both are files."""
    handed_in = [getattr(each, "path", each) for each in (given.a, given.b)]  # one may have been read for its inputs
    files = [os.fspath(each) for each in handed_in if isinstance(each, (str, os.PathLike))]
    if len(files) == len(handed_in):
        flags = [
            f" --{option.name} {getattr(given, option.name)}"
            for option in declared_options(VerificationOptions)
            if getattr(given, option.name) != option.default
        ]
        return f"see it with: gru-lower verify {' '.join(files)}{''.join(flags)} --reduce"
    return "see it with: gru_lower.verify(a, b, ...).counterexample, the inputs"


__all__ = ["assert_equivalent"]

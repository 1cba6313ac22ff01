"""Assertions for tests, in the manner of numpy.testing; a failure says what differs, where, and by how much."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gru_lower.verification.arrays import Feeds
    from gru_lower.verification.result import Verification


def assert_equivalent(
    a: Any,  # noqa: ANN401 - whatever holds a model
    b: Any,  # noqa: ANN401
    *,
    rtol: float | None = None,
    atol: float | None = None,
    cases: int = 3,
    seed: int = 0,
    inputs: Sequence[Feeds] | None = None,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    search: float = 2.0,
    providers: Sequence[str] = (),
    zero_length_state: Literal["zero", "initial"] = "zero",
    err_msg: str = "",
) -> None:
    """Fail unless two models compute the same.

    Args:
        a: The original: a path, bytes, ModelProto, onnx_graphsurgeon.Graph, onnx_ir.Model or ONNXProgram.
        b: The model to compare with it, of any of these kinds.
        rtol: Relative tolerance; by default it depends on the output's type.
        atol: Absolute tolerance; by default it depends on the output's type.
        cases: How many generated inputs to compare on.
        seed: Seed of the generated inputs.
        inputs: Inputs to compare on instead, a dict of arrays by input name each.
        shapes: Shapes to generate for inputs, by name.
        search: Seconds to go on for with further inputs, and to look for some on which the two differ.
        providers: onnxruntime's execution providers, in order of preference; its CPU's by default.
        zero_length_state: With ``"initial"``, no sequences of length 0 are fed.
        err_msg: What stands at the end of the message.

    Raises:
        AssertionError: They do not, or it could not be told. The message says which output differs, at which GRU the
            two start to differ, which tolerance would pass, and how to look further.
        InvalidModel: A model cannot be read.
        Unsupported: What is given does not fit the models.

    """
    __tracebackhide__ = True  # pytest's traceback ends at the caller
    from gru_lower.api import calls

    found = calls.verify(
        a,
        b,
        rtol=rtol,
        atol=atol,
        cases=cases,
        seed=seed,
        inputs=inputs,
        shapes=shapes,
        search=search,
        providers=providers,
        zero_length_state=zero_length_state,
    )
    if found.status != "equivalent":
        more = {"seed": seed, "cases": cases, "rtol": rtol, "atol": atol}
        raise AssertionError("\n".join(filter(None, [*_failure_lines(found), f"  {_how_to_see(a, b, more)}", err_msg])))


def _failure_lines(found: Verification) -> list[str]:
    """Return what a person wants to know, most important first."""
    verb = "are not equivalent" if found.status == "different" else "could not be compared"
    lines = [f"the models {verb}: {found.message}"]
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


def _how_to_see(a: object, b: object, more: Mapping[str, object]) -> str:
    """Return how to look further: a command where both are files."""
    if all(isinstance(each, (str, os.PathLike)) for each in (a, b)):
        defaults = {"seed": 0, "cases": 3}
        flags = [f" --{name} {value}" for name, value in more.items() if value not in (None, defaults.get(name))]
        return f"see it with: gru-lower verify {os.fspath(a)} {os.fspath(b)}{''.join(flags)} --reduce"  # type: ignore[call-overload]
    return "see it with: gru_lower.verify(a, b, ...).counterexample, the inputs"


__all__ = ["assert_equivalent"]

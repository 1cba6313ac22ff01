"""How to verify: tolerances, inputs and limits."""

from __future__ import annotations

from dataclasses import field, replace
from typing import TYPE_CHECKING, Literal

from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gru_lower.verification.arrays import Feeds

ZeroLengthState = Literal["zero", "initial"]
"""What the last state of a sequence of length 0 is: 0, as in onnxruntime, or initial_h."""

PaddedSide = Literal["right", "left"]
"""Where sequences are padded: at their end or at their beginning."""


@dataclass(frozen=True)
class VerifyOptions:
    """How to verify.

    Attributes:
        rtol: Relative tolerance; by the output's element type if None.
        atol: Absolute tolerance, in the output's unit; by the output's element type if None.
        cases: Inputs to compare on, when they are generated.
        seconds: How long to go on with further inputs, wilder ones, where whole models agree on the first `cases`.
        further: How many further inputs, instead of as many as `seconds` allow: results repeat, whatever the machine.
        corners: Whether to add one long, one wide and one empty case where no further inputs are wanted.
        seed: Of the generated inputs: the same seed gives the same inputs.
        timeout: Seconds for one load or one run.
        memory: Bytes the worker's data may take; 4 GB, or five times the model if that is more, if None.
        shapes: Input name -> the shape to generate for it.
        inputs: Given inputs, one dict per case, instead of generated ones.
        expected: Output name -> what is right, one dict per case of `inputs`: integer labels or values.
        zero_length_state: What the rewrite gives as the last state of a sequence of length 0. If set, such sequences
            are fed where the two should agree: to whole models if "zero", as onnxruntime has it, and to sites that
            have a float64 reference. None feeds none.
        padding: Where sequences are padded whose masks become the rewrite's sequence_lens; None leaves masks to chance.
        ignore: Codes of findings, or their beginnings, that are not looked for.
        fixed_dims: Dims of the original that were asked to be fixed in the rewrite: symbol, or "INPUT:AXIS", to size.
        match: Whether inputs and outputs are paired by their names or by their positions.
        by_fidelity: Whether noise decides rather than tolerances; if None, where one of the models alone is quantised
            and no tolerance is given.
        inputs_are: What messages call the given inputs.
        providers: onnxruntime's execution providers, in order of preference ("cuda"); its CPU's if empty.
        evidence: Whether the verdict is to hold what it rests on, for a report page.
        time_axes: Of outputs that have one, the axis that is time; of use for evidence alone.

    """

    rtol: float | None = None
    atol: float | None = None
    cases: int = 3
    seconds: float = 0.0
    further: int | None = None
    corners: bool = False
    seed: int = 0
    timeout: float = 60.0
    memory: int | None = None
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    inputs: list[Feeds] | None = None
    expected: list[Feeds] | None = None
    zero_length_state: ZeroLengthState | None = None
    padding: PaddedSide | None = None
    ignore: tuple[str, ...] = ()
    fixed_dims: Mapping[str, int] = field(default_factory=dict)
    by_fidelity: bool | None = None
    inputs_are: str = "given"
    providers: tuple[str, ...] = ()
    match: Literal["name", "position"] = "name"
    evidence: bool = False
    time_axes: Mapping[str, int] = field(default_factory=dict)

    @property
    def has_tolerance(self) -> bool:
        """Whether a tolerance is given, which decides then."""
        return self.rtol is not None or self.atol is not None

    def looks_for(self, code: str) -> bool:
        """Whether findings of a code are wanted."""
        return not code.startswith(self.ignore) if self.ignore else True

    def for_sites(self) -> VerifyOptions:
        """Return the options for a part of the model: what was given for the model's own inputs is left out."""
        return replace(self, inputs=None, expected=None, shapes={})

"""Timing models on a target: what a timer is, and one that goes by a user's command.

The command is that of a probe with a fourth placeholder, ``{repeat}``: how often to run the model once it is loaded and
warm. Beside the outputs the runner writes the array ``__seconds__``, what each run took, or a device's own figure; a
runner that always writes it needs no placeholder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from gru_lower.errors import Unsupported
from gru_lower.light_dataclass import dataclass
from gru_lower.probing.runner import CommandRunner

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.probing.probe_model import ProbeModel

REPEAT = "{repeat}"
SECONDS = "__seconds__"
RUNS, ROUNDS = 20, 3
"""How often a model is run each time it is loaded, and how often it is loaded."""


def untimed(command: str) -> str:
    """Return a command that times nothing."""
    return command.replace(REPEAT, "0")


@dataclass(frozen=True)
class Timing:
    """What one model takes.

    Attributes:
        seconds: Of one run, by rounds; empty where it was not timed.
        reason: Why it was not.

    """

    seconds: tuple[float, ...] = ()
    reason: str = ""

    @property
    def median(self) -> float:
        """The median."""
        return float(np.median(self.seconds))

    @property
    def spread(self) -> float:
        """What lies between the quartiles, of the median."""
        low, high = np.percentile(self.seconds, (25, 75))
        return float(high - low) / self.median


class Timer(Protocol):
    """Times models that take the same inputs, in turn, so that other load affects all of them alike."""

    def __call__(self, models: Sequence[ProbeModel]) -> list[Timing]:
        """Time the models; one that is rejected or wrong is not timed."""
        ...


class CommandTimer:
    """Times models by a user's command, which is started once a model and round.

    Args:
        command: With the placeholders.
        timeout: Seconds for one start of it.
        runs: How often a model is run each time it is loaded.
        rounds: How often it is loaded.

    Raises:
        Unsupported: A placeholder is missing, or the text is no command.

    """

    def __init__(self, command: str, timeout: float = 60.0, runs: int = RUNS, rounds: int = ROUNDS) -> None:
        """Put the number of runs into the command."""
        self._runner = CommandRunner(command.replace(REPEAT, str(runs)), timeout)
        self._repeats, self._rounds = REPEAT in command, rounds

    def __call__(self, models: Sequence[ProbeModel]) -> list[Timing]:
        """Time the models in turn, every other round in reverse order."""
        found: list[list[float]] = [[] for _ in models]
        reasons = [""] * len(models)
        order = list(range(len(models)))
        for _ in range(self._rounds):
            for place in order:
                if not reasons[place]:
                    seconds, reasons[place] = self._once(models[place])
                    found[place] += [seconds] if seconds else []
            order.reverse()
        return [
            Timing(reason=reason) if reason else Timing(tuple(each))
            for each, reason in zip(found, reasons, strict=True)
        ]

    def _once(self, model: ProbeModel) -> tuple[float, str]:
        """Return the median of one start of the command, or why there is none."""
        outcome = self._runner(model.model, model.feeds)
        if outcome.outputs is None or outcome.reason:
            return 0.0, outcome.reason or "rejected"
        outputs = dict(outcome.outputs)
        seconds = outputs.pop(SECONDS, None)
        if seconds is None:
            given = "was given {repeat} and wrote none" if self._repeats else "is not given {repeat}"
            raise Unsupported(
                f"the runner says nothing of time: it {given}",
                code="GL611",
                hint=f"let it write the array {SECONDS} beside the outputs, the seconds each run took; "
                "see examples/runners",
            )
        fault = model.fault(outputs)
        if fault:
            return 0.0, fault
        taken = float(np.median(np.asarray(seconds, np.float64))) if np.size(seconds) else 0.0
        if not 0 < taken < float("inf"):
            raise Unsupported(
                f"what the runner wrote as {SECONDS} is no time: {np.asarray(seconds).ravel()[:3].tolist()}",
                code="GL611",
                hint="it has to be the seconds that runs took, each above 0",
            )
        return taken, ""

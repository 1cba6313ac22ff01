"""What is to be done with one model, and what came of it: both travel as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Literal

from gru_lower.light_dataclass import dataclass
from gru_lower.plain_data import PlainData

Status = Literal["done", "findings", "refused", "failed"]

STATUS_BY_CODE: dict[int, Status] = {0: "done", 1: "findings", 2: "refused"}
"""What an exit code of the command means; any other: ``"failed"``, a bug of ours."""


@dataclass(frozen=True)
class Job(PlainData):
    """What is to be done with one model.

    Attributes:
        number: Its place in the batch, from 0.
        model: The model: a path or a URL, as it was found.
        output: Where the result goes, ``None`` where nothing is written.
        words: The command line, without the model and the output.
        folder: The folder that paths in the words, and the model's, are relative to.
        replace: Whether a file that is there already may be replaced.
        mark: What tells this version of the model from others: its size and time, or what its storage says.
        seconds: How long it may take; 0 for no limit.
        memory: Bytes of data that each of its processes may hold; 0 for its share of what the machine has.
        at_once: How many models run on the machine at once.
        named: What tells the versions of the files that the words name from others: inputs, profiles, configuration.

    """

    number: int
    model: str
    output: str | None
    words: tuple[str, ...]
    folder: str
    replace: bool
    mark: str
    seconds: float
    memory: int
    at_once: int = 1
    named: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return what :meth:`from_json` takes."""
        return asdict(self)

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Job:
        """Return the job that was turned into JSON."""
        return cls(**{**found, "words": tuple(found["words"]), "named": tuple(found["named"])})


@dataclass(frozen=True)
class Outcome(PlainData):
    """What came of one model.

    Attributes:
        model: The model, as it was found.
        output: What was written, ``None`` where nothing was.
        exit_code: What the command would have exited with: 0 done or clean, 1 findings, 2 refused, 3 a bug of ours.
        report: The JSON report (``schema/report-1.json``), ``None`` where there is none.
        error: ``code``, ``message`` and ``hint`` of what ended it, ``None`` where nothing did.
        seconds: How long it took.
        attempts: How often it was begun: more than once where workers were lost.
        resumed: Whether an earlier run did it.

    """

    model: str
    output: str | None
    exit_code: int
    report: dict[str, Any] | None
    error: dict[str, Any] | None
    seconds: float
    attempts: int = 1
    resumed: bool = False

    @property
    def status(self) -> Status:
        """The exit code in a word."""
        return STATUS_BY_CODE.get(self.exit_code, "failed")

    @property
    def codes(self) -> list[str]:
        """The codes of what went wrong: of the error, or of the report's findings."""
        if self.error is not None:
            return [self.error["code"] or "error"]
        if self.report is None or not self.exit_code:
            return []
        said = self.report["diagnostics"]
        found = [each["code"] for each in said if each["severity"] != "note" and not each.get("known")]
        found += [each["code"] for each in self.report["sites"] if each["action"] == "kept" and each["code"]]
        different = self.report["verification"]["status"] == "different"
        return list(dict.fromkeys(found + ["different"] * different))

    def _repr_html_(self) -> str:
        """Return what a notebook shows of it: what came of the model, or the core of its report."""
        from gru_lower.report.html.notebook import notebook_html, table_html

        if self.report is not None and self.error is None:
            return notebook_html(self.report)
        reason = "" if self.error is None else str(self.error["message"])
        row = (self.model, self.status, ", ".join(self.codes), reason)
        return table_html("gru-lower batch", ("model", "status", "codes", "reason"), [row])

    def to_dict(self) -> dict[str, Any]:
        """Return the object of ``schema/batch-1.json``."""
        return {"model": self.model, "status": self.status, **asdict(self)}

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Outcome:
        """Return the outcome that was turned into JSON."""
        return cls(**{name: found[name] for name in cls.__dataclass_fields__})

"""Making a target's profile by running small models on it: ``gru-lower probe``.

1. Which opsets it takes, by a model of plain operators.
2. Which operators lowered and legalised GRUs may be made of, each alone, in each opset that spells it otherwise; and
   which functions are wrong for large values, and so better written otherwise.
3. For the GRU node and for each form: every option of :mod:`gru_lower.targets.option_axes`, with plain ones around it;
   the candidate's functions that take e to the power of something for large values too.
4. Options together, until every pair of right ones was right in some GRU; what fails is shrunk to an exception.
"""

from __future__ import annotations

from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from gru_lower.errors import Unsupported
from gru_lower.light_dataclass import dataclass
from gru_lower.probing import operator_models
from gru_lower.probing.form_models import plain_options
from gru_lower.probing.probe_column import ColumnProbe
from gru_lower.probing.run_models import ModelRuns
from gru_lower.probing.runner import NO_ANSWER
from gru_lower.probing.survey_operators import survey
from gru_lower.targets.option_axes import DTYPES
from gru_lower.targets.profile import COLUMNS, FORMS, PREFERRED, Column, OpLimit, Profile

if TYPE_CHECKING:
    from collections.abc import Callable

    from gru_lower.probing.runner import Runner
    from gru_lower.targets.profile import Verdict

OLDEST = 7
VOCABULARIES = ("gemm", "matmul", "minimal")
"""Vocabularies that lowered GRUs may be written in."""
CHOSEN = ("quantised_weights", "state_rank", "steps", "functions", "axes", "max_nodes", "avoid_at_one_unit")
"""What stays as it is where a profile ships."""
STEP_SPELLINGS: tuple[dict[str, Any], ...] = (
    {"steps": "gather"},
    {"state_rank": 3},
    {"state_rank": 3, "steps": "gather"},
)
"""Other ways to cut a sequence into steps, for a target to which the first one is not right."""
COMPARED_ON: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("unroll", ()),
    ("unroll", ("lbr0",)),
    ("unroll", ("initial_h",)),
    ("unroll", ("lens_zero",)),
    ("unroll", ("clip",)),
    ("unroll", ("float16",)),
    ("unroll", ("float64",)),
    ("unroll", ("dynamic_batch",)),
    ("scan", ()),
    ("scan", ("dynamic_time",)),
    ("loop", ()),
)
"""Columns and options that vocabularies are compared on."""
ORDER = ("step", "scan", "loop", "unroll")
"""Which form to take where several are right: an unrolled GRU grows with T, though up to T = 8 it goes first."""


@dataclass
class ProbeOptions:
    """How to probe.

    Attributes:
        name: The profile's name.
        summary: One line about the target.
        version: The target's version.
        pairs: Whether to run options together.
        kept: A profile of the same name that ships. What was chosen for it stays, such as the vocabulary and the mask,
            and what is not probed: limits of operators other than their opsets, quantised weights.
        columns: What to probe, of :data:`gru_lower.targets.profile.COLUMNS`.
        survey: Whether to try opsets and operators; if not, they are those of ``kept``.
        jobs: How many runs at a time.
        seed: Of weights, inputs and draws.
        tolerance: How far off a value may be at least, absolutely and relative to the largest of its output, for a
            target that computes in less than the model's type.

    """

    name: str
    summary: str = ""
    version: str = ""
    pairs: bool = True
    kept: Profile | None = None
    columns: tuple[str, ...] = COLUMNS
    survey: bool = True
    jobs: int = 1
    seed: int = 0
    tolerance: float = 0.0


@dataclass
class Probed:
    """What a probe found.

    Attributes:
        profile: The profile.
        reasons: Why things were rejected, by what was tried (``"gru: reverse"``).
        runs: How many models were run.

    """

    profile: Profile
    reasons: dict[str, str] = field(default_factory=dict)
    runs: int = 0


def probe(runner: Runner, options: ProbeOptions, progress: Callable[[str, int, int], None] | None = None) -> Probed:
    """Make a profile by running models.

    Args:
        runner: Runs one model; see :class:`gru_lower.probing.runner.CommandRunner`.
        options: How to probe.
        progress: Called with ``(what, done, total)``.

    Raises:
        Unsupported: The runner cannot be started, or runs no model at all.

    """
    return _Probe(runner, options, progress or (lambda _what, _done, _total: None)).run()


class _Probe:
    """A probe in progress; the profile is filled in step by step."""

    def __init__(self, runner: Runner, options: ProbeOptions, progress: Callable[[str, int, int], None]) -> None:
        self._options = options
        self._runs = ModelRuns(runner, options.jobs, progress, options.tolerance)
        self._rng = np.random.default_rng(options.seed)
        summary = options.summary or f"as probed with the runner of {options.name}"
        chosen: dict[str, Any] = {key: getattr(options.kept, key) for key in CHOSEN} if options.kept else {}
        self._profile = Profile(
            options.name, summary, (OLDEST, OLDEST), static=True, forms=(), version=options.version, **chosen
        )
        self._opset = OLDEST

    def run(self) -> Probed:
        with self._runs:
            if self._options.survey or self._options.kept is None:
                self._find_opsets()
                self._find_operators()
            else:
                self._take_operators(self._options.kept)
            columns: dict[str, Column] = {}
            vocabulary_found = False
            for column in self._options.columns:
                if column != "gru" and not vocabulary_found:
                    self._find_vocabulary()
                    vocabulary_found = True
                columns[column] = self._column_probe(column).run(self._rng if self._options.pairs else None)
                self._profile = replace(self._profile, columns=dict(columns))
            self._add_forms_and_types()
        return Probed(self._profile, self._runs.reasons, self._runs.count)

    def _find_opsets(self) -> None:
        """Find the opsets of a plain model, and take the newest one up to 17 for the rest."""
        candidates = list(range(OLDEST, onnx.defs.onnx_opset_version() + 1))
        models = [(f"opset {opset}", operator_models.operator_model("Tanh", opset)) for opset in candidates]
        preferred = candidates.index(PREFERRED)
        first = self._runs.verdicts("opsets", [models[preferred]])
        if next(iter(self._runs.reasons.values()), "").startswith(NO_ANSWER):  # nor would there be one in other opsets
            raise self._runs_nothing("raise --timeout, or run the command by hand on a model to see what it waits for")
        rest = self._runs.verdicts("opsets", [*models[:preferred], *models[preferred + 1 :]])
        verdicts = [*rest[:preferred], *first, *rest[preferred:]]
        right = [opset for opset, found in zip(candidates, verdicts, strict=True) if found == "right"]
        if not right:
            raise self._runs_nothing(
                "run the command by hand on a model; it has to write the outputs by name, and to end with 0"
            )
        self._opset = max((opset for opset in right if opset <= PREFERRED), default=min(right))
        low = high = self._opset
        while low - 1 in right:
            low -= 1
        while high + 1 in right:
            high += 1
        self._profile = replace(self._profile, opset=(low, high))

    def _take_operators(self, kept: Profile) -> None:
        """Take what a profile says of opsets and operators, as they were found in GRUs, not each alone."""
        self._opset = min(kept.opset[1], PREFERRED)
        taken = {key: getattr(kept, key) for key in ("opset", "forbid", "avoid", "ops", "control_flow")}
        self._profile = replace(self._profile, **taken)

    def _runs_nothing(self, hint: str) -> Unsupported:
        """Return the error for a runner that runs nothing; the reason is that of the opset most consumers know."""
        reason = next(iter(self._runs.reasons.values()))
        return Unsupported(f"the runner runs not even a model of one Tanh: {reason}", code="GL405", hint=hint)

    def _find_operators(self) -> None:
        """Find the operators that are not right, or not in every version of theirs."""
        found = survey(self._profile.opset, self._opset, self._runs, every_version=self._options.pairs)
        ops = dict(found.limits)
        for op, limit in self._options.kept.ops.items() if self._options.kept else ():
            if limit.int32 or limit.types or not limit.constants:
                ops[op] = replace(limit, opset=ops.get(op, OpLimit()).opset)
        self._profile = replace(
            self._profile,
            forbid=found.forbid,
            avoid=found.avoid,
            ops=dict(sorted(ops.items())),
            control_flow=found.flow,
        )

    def _find_vocabulary(self) -> None:
        """Find the vocabulary in which most of a few GRUs are right: with Gemm, without it, or the minimal one."""
        best = -1
        kept = self._options.kept
        for vocabulary in VOCABULARIES if kept is None else (kept.vocabulary,):
            before, self._profile = self._profile, replace(self._profile, vocabulary=vocabulary)
            found = [self._verdict(column, extra) for column, extra in COMPARED_ON]
            score = sum(verdict == "right" for verdict in found)
            if score > best:
                best = score
            else:
                self._profile = before
        if kept is None:
            self._find_steps()
        if self._verdict("unroll", ()) != "right":
            self._profile = replace(self._profile, own_constants=True)
            if self._verdict("unroll", ()) != "right":
                self._profile = replace(self._profile, own_constants=False)
        if kept is not None:
            self._profile = replace(self._profile, mask=kept.mask)
        elif self._verdict("unroll", ("lens_zero",)) != "right":
            self._profile = replace(self._profile, mask="where")
            if self._verdict("unroll", ("lens_zero",)) != "right":
                self._profile = replace(self._profile, mask="auto")

    def _find_steps(self) -> None:
        """Where an unrolled GRU is not right, find a vocabulary and a way to cut it into steps in which it is."""
        plain = self._profile
        for chosen in ({}, *STEP_SPELLINGS):
            for vocabulary in dict.fromkeys((plain.vocabulary, *VOCABULARIES)):
                self._profile = replace(plain, vocabulary=vocabulary, **chosen)
                if self._verdict("unroll", ()) == "right":
                    return
        self._profile = plain

    def _column_probe(self, column: str) -> ColumnProbe:
        return ColumnProbe(column, self._runs, self._profile, self._opset, self._options.seed)

    def _verdict(self, column: str, extra: tuple[str, ...]) -> Verdict | None:
        """Run one GRU of a column with a few options that are not plain."""
        return self._column_probe(column).verdicts([plain_options(column, self._opset, *extra)])[0]

    def _add_forms_and_types(self) -> None:
        """Add to the profile which forms and types are right in some column, and whether shapes have to be static."""
        p = self._profile
        right = {
            name: {option for option, cell in column.cells.items() if cell.verdict == "right"}
            for name, column in p.columns.items()
        }
        without = {form for form in ("scan", "loop") if not getattr(p.control_flow, form)}
        forms = tuple(
            form
            for form in ORDER
            if form in FORMS and form not in without and right.get(form, set()) & {"lbr1", "lbr0"}
        )
        every = set().union(*right.values())
        dtypes = tuple(dtype for dtype in DTYPES if dtype in every) or ("float32",)
        kept = self._options.kept
        static = not every & {"dynamic_time", "dynamic_batch"} or bool(kept and kept.static)
        self._profile = replace(p, forms=forms, dtypes=dtypes, static=static)

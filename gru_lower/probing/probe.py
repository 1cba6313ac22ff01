"""Making a target's profile by running small models on it: ``gru-lower probe``.

1. Which opsets it takes, by a model of plain operators.
2. Which operators lowered and legalised GRUs may be made of, each alone, in each opset that spells it otherwise; and
   which functions are wrong for large values, and so better written otherwise.
3. For the GRU node and for each form: every option of :mod:`gru_lower.targets.features`, with plain ones around it; the
   candidate's functions that take e to the power of something for large values too.
4. Options together, until every pair of right ones was right in some GRU; what fails is shrunk to an exception.

A model that runs is right if every output is within a few thousandths of float64, otherwise wrong; one that does not
run is rejected.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import onnx

from gru_lower.errors import Unsupported
from gru_lower.graph.model import Model
from gru_lower.probing import gru_models, operator_models
from gru_lower.probing.compatible_options import complete
from gru_lower.probing.cover_pairs import Cover
from gru_lower.probing.runner import NO_ANSWER
from gru_lower.probing.survey_operators import survey
from gru_lower.rewriting.pipelines import lowering
from gru_lower.rewriting.rewrite_model import rewrite_model
from gru_lower.targets.features import AXES, AXIS_OF, BANDS, DTYPES, OPTIONS, PLAIN, in_order, with_options
from gru_lower.targets.profile import COLUMNS, FORMS, PREFERRED, Cell, Column, Profile, Together

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from gru_lower.probing.gru_models import Micro
    from gru_lower.probing.runner import Runner
    from gru_lower.targets.profile import Verdict

Options = frozenset[str]
OLDEST = 7
BASES: tuple[tuple[str, ...], ...] = (
    ("lbr1",),
    ("lbr0",),
    ("lbr1", "written_activations"),
    ("lbr1", "initial_h"),
    ("lbr1", "only_Y"),
    ("lbr1", "only_Y_h"),
    ("lbr1", "no_B"),
    ("lbr0", "initial_h"),
    ("lbr1", "one_sequence"),
    ("lbr1", "initial_h", "written_activations"),
)
"""What may have to stand around every option, the plainest first."""
SPELLINGS: tuple[tuple[str, tuple[str, ...]], ...] = (("gemm", ()), ("gemm", ("Gemm",)), ("minimal", ()))
"""Vocabularies, and operators to do without."""
SPELLED: tuple[tuple[str, tuple[str, ...]], ...] = (
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
"""What spellings are compared on."""
ORDER = ("step", "scan", "loop", "unroll")
"""Which form to take where several are right: an unrolled GRU grows with T, though up to T = 8 it goes first."""
EXPONENTIAL = ("Tanh", "Sigmoid", "ScaledTanh", "Elu", "Softplus")
"""Functions that take e to the power of something, which has to be bounded first."""
PAIR_RUNS = 1000


@dataclass
class ProbeOptions:
    """How to probe.

    Attributes:
        name: The profile's name.
        summary: One line about the target.
        version: The target's version.
        pairs: Whether to run options together.
        columns: What to probe, of :data:`gru_lower.targets.profile.COLUMNS`.
        jobs: How many runs at a time.
        seed: Of weights, inputs and draws.

    """

    name: str
    summary: str = ""
    version: str = ""
    pairs: bool = True
    columns: tuple[str, ...] = COLUMNS
    jobs: int = 1
    seed: int = 0


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
    """One probe under way; the profile is filled in step by step."""

    def __init__(self, runner: Runner, options: ProbeOptions, progress: Callable[[str, int, int], None]) -> None:
        self._runner, self._options, self._progress = runner, options, progress
        self._reasons: dict[str, str] = {}
        self._runs = 0
        self._rng = np.random.default_rng(options.seed)
        summary = options.summary or f"as probed with the runner of {options.name}"
        self._profile = Profile(options.name, summary, (OLDEST, OLDEST), static=True, forms=(), version=options.version)
        self._opset = OLDEST

    def run(self) -> Probed:
        with ThreadPoolExecutor(self._options.jobs) as pool:
            self._pool = pool
            self._find_opsets()
            self._find_operators()
            columns: dict[str, Column] = {}
            spelled = False
            for column in self._options.columns:
                if column != "gru" and not spelled:
                    self._find_spelling()
                    spelled = True
                columns[column] = self._column(column)
                self._profile = replace(self._profile, columns=dict(columns))
            self._conclude()
        return Probed(self._profile, self._reasons, self._runs)

    def _verdicts(self, what: str, models: Sequence[tuple[str, Micro | None]]) -> list[Verdict | None]:
        """Run models; ``None`` for those that do not exist."""
        futures = [
            None if each is None else self._pool.submit(self._runner, each.model, each.feeds) for _, each in models
        ]
        found: list[Verdict | None] = []
        for (label, each), future in zip(models, futures, strict=True):
            self._progress(f"probing {what}", len(found), len(models))
            if each is None or future is None:
                found.append(None)
                continue
            self._runs += 1
            outcome = future.result()
            fault = "" if outcome.outputs is None else outcome.reason or each.fault(outcome.outputs)
            if fault or outcome.reason:
                self._reasons[f"{what}: {label}"] = fault or outcome.reason
            found.append("rejected" if outcome.outputs is None else "wrong" if fault else "right")
        return found

    def _cell(self, verdict: Verdict) -> Cell:
        return Cell(verdict, "run", self._options.version)

    def _find_opsets(self) -> None:
        """Find the opsets of a plain model, and take the newest one up to 17 for the rest."""
        candidates = list(range(OLDEST, onnx.defs.onnx_opset_version() + 1))
        models = [(f"opset {opset}", operator_models.operator("Tanh", opset)) for opset in candidates]
        preferred = candidates.index(PREFERRED)
        first = self._verdicts("opsets", [models[preferred]])
        if next(iter(self._reasons.values()), "").startswith(NO_ANSWER):  # nor would there be one in other opsets
            raise self._nothing("raise --timeout, or run the command by hand on a model to see what it waits for")
        rest = self._verdicts("opsets", [*models[:preferred], *models[preferred + 1 :]])
        verdicts = [*rest[:preferred], *first, *rest[preferred:]]
        right = [opset for opset, found in zip(candidates, verdicts, strict=True) if found == "right"]
        if not right:
            raise self._nothing(
                "run the command by hand on a model; it has to write the outputs by name, and to end with 0"
            )
        self._opset = max((opset for opset in right if opset <= PREFERRED), default=min(right))
        low = high = self._opset
        while low - 1 in right:
            low -= 1
        while high + 1 in right:
            high += 1
        self._profile = replace(self._profile, opset=(low, high))

    def _nothing(self, hint: str) -> Unsupported:
        """Return the error for a runner that runs nothing; the reason is that of the opset most consumers know."""
        reason = next(iter(self._reasons.values()))
        return Unsupported(f"the runner runs not even a model of one Tanh: {reason}", code="GL405", hint=hint)

    def _find_operators(self) -> None:
        """Find the operators that are not right, or not in every version of theirs."""
        found = survey(self._profile.opset, self._opset, self._verdicts, every_version=self._options.pairs)
        self._profile = replace(
            self._profile, forbid=found.forbid, avoid=found.avoid, ops=found.limits, control_flow=found.flow
        )

    def _find_spelling(self) -> None:
        """Take the spelling in which most of a few GRUs are right: with Gemm, without it, or the minimal one."""
        best, overflowing = -1, self._profile.avoid
        for vocabulary, avoid in SPELLINGS:
            tried = replace(self._profile, vocabulary=vocabulary, avoid=(*avoid, *overflowing))
            before, self._profile = self._profile, tried
            found = [self._fare(column, [self._base(column, extra)])[0] for column, extra in SPELLED]
            score = sum(verdict == "right" for verdict in found)
            if score > best:
                best = score
            else:
                self._profile = before
        masked = self._base("unroll", ("lens_zero",))
        if self._fare("unroll", [masked])[0] != "right":
            self._profile = replace(self._profile, mask="where")
            if self._fare("unroll", [masked])[0] != "right":
                self._profile = replace(self._profile, mask="auto")

    def _base(self, column: str, extra: tuple[str, ...]) -> Options:
        band = next(each for first, each in reversed(BANDS.items()) if first <= self._opset)
        steps = "one_step" if column == "step" else "many_steps"
        return with_options(PLAIN | {"lbr1", "float32", band}, steps, *extra)

    def _model(self, column: str, options: Options, factor: float = 1.0) -> Micro | None:
        """Build the model of a column, ``None`` where there is none with these options."""
        band = next(option for option in options if AXIS_OF[option] == "opset")
        opset = self._opset if band == self._band() else gru_models.opset_in(band, *self._profile.opset)
        if opset is None:
            return None
        made = gru_models.gru(options, opset, self._options.seed, factor)
        if column == "gru":
            return made
        held = Model(made.model)
        p = self._profile
        passes = lowering(
            column,
            forms=column,
            vocabulary=p.vocabulary,
            mask=p.mask,
            forbid="+".join(sorted(p.unwritten(opset))),
            packing="plain",
        )
        (site,) = rewrite_model(held, passes).report.sites
        return replace(made, model=held.proto) if site.action == "lowered" and site.form == column else None

    def _band(self) -> str:
        return next(each for first, each in reversed(BANDS.items()) if first <= self._opset)

    def _fare(self, column: str, wanted: Sequence[Options], factor: float = 1.0) -> list[Verdict | None]:
        plain = self._base(column, ())
        large = " of large values" if factor != 1 else ""
        labels = [(", ".join(in_order(each - plain)) or "plain") + large for each in wanted]
        models = [self._model(column, each, factor) for each in wanted]
        return self._verdicts(column, list(zip(labels, models, strict=True)))

    def _column(self, column: str) -> Column:
        """Find how each option fares."""
        plain = self._base(column, ())
        bases = [self._base(column, extra) for extra in BASES]
        first = self._fare(column, bases[:1])[0]
        found: list[Verdict | None] = [first]
        if first != "right":
            found += self._fare(column, bases[1:])
        base = next((each for each, verdict in zip(bases, found, strict=False) if verdict == "right"), None)
        if base is None:
            return Column(dict.fromkeys(OPTIONS, self._cell(first or "rejected")))
        verdicts = _all(base, "right")
        for each, verdict in zip(bases, found, strict=False):
            if verdict is not None and len(each - base) == 1:
                verdicts |= _all(each - base, verdict)
        late = ("parameters", "other_functions")
        self._singles(column, base, verdicts, [each for each in OPTIONS if each not in verdicts and each not in late])
        known = {option for option, verdict in verdicts.items() if verdict == "right"}
        self._singles(column, base, verdicts, late, known)
        for option in plain - base:  # the plain option fails where another has to stand in its place
            verdicts.setdefault(option, first or "rejected")
        self._overflow(column, base, verdicts)
        return self._together(column, base, verdicts)

    def _overflow(self, column: str, base: Options, verdicts: dict[str, Verdict]) -> None:
        """Try large values; a function that is wrong for them is taken to be so in both places."""
        functions = [name for name in EXPONENTIAL if verdicts.get(f"g_{name}") == "right"]
        completed = [complete(with_options(base, f"g_{name}"), frozenset({f"g_{name}"})) for name in functions]
        wanted = {name: each for name, each in zip(functions, completed, strict=True) if each is not None}
        for name, verdict in zip(wanted, self._fare(column, list(wanted.values()), operator_models.LARGE), strict=True):
            if verdict not in (None, "right"):
                verdicts |= _all({f"f_{name}", f"g_{name}"} & verdicts.keys(), verdict)

    def _singles(
        self,
        column: str,
        base: Options,
        verdicts: dict[str, Verdict],
        options: Sequence[str],
        known: set[str] | None = None,
    ) -> None:
        completed = {option: complete(with_options(base, option), frozenset({option}), known) for option in options}
        wanted = {option: each for option, each in completed.items() if each is not None}
        found = zip(wanted, self._fare(column, list(wanted.values())), strict=True)
        verdicts |= {option: verdict for option, verdict in found if verdict is not None}

    def _together(self, column: str, base: Options, verdicts: dict[str, Verdict]) -> Column:
        cells = {option: self._cell(verdicts[option]) for option in OPTIONS if option in verdicts}
        if not self._options.pairs:
            return Column(cells)
        right = {
            axis: [option for option in options if verdicts.get(option) == "right"] for axis, options in AXES.items()
        }
        right = {axis: options for axis, options in right.items() if options}

        def attempt(wanted: Sequence[Options]) -> list[tuple[Options, Verdict] | None]:
            return [
                None if verdict is None else (frozenset(each), verdict)
                for each, verdict in zip(wanted, self._fare(column, wanted), strict=True)
            ]

        covered = Cover(right, base, attempt, self._rng, self._options.jobs * 2).run(PAIR_RUNS, plain=column == "gru")
        together = tuple(Together(each, self._cell(verdict)) for each, verdict in covered.exceptions.items())
        return Column(cells, together, covered.whole)

    def _conclude(self) -> None:
        """Say in the profile's own terms what the columns came to."""
        p = self._profile
        right = {
            name: {option for option, cell in column.cells.items() if cell.verdict == "right"}
            for name, column in p.columns.items()
        }
        forms = tuple(form for form in ORDER if form in FORMS and right.get(form, set()) & {"lbr1", "lbr0"})
        every = set().union(*right.values())
        dtypes = tuple(dtype for dtype in DTYPES if dtype in every) or ("float32",)
        static = not every & {"dynamic_time", "dynamic_batch"}
        self._profile = replace(p, forms=forms, dtypes=dtypes, static=static)


def _all(options: Iterable[str], verdict: Verdict) -> dict[str, Verdict]:
    return dict.fromkeys(options, verdict)

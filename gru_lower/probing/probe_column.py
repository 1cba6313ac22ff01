"""One column of a profile: how GRUs with each option fare, as the node or in one form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.probing import operator_models
from gru_lower.probing.compatible_options import compatible
from gru_lower.probing.cover_pairs import PairCover
from gru_lower.probing.form_models import model_of, plain_options
from gru_lower.targets.option_axes import AXES, OPTIONS, in_order, with_options
from gru_lower.targets.profile import Cell, Column, Together

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np

    from gru_lower.probing.run_models import ModelRuns
    from gru_lower.targets.profile import Profile, Verdict

Options = frozenset[str]
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
    ("lbr1", "constant_initial_h"),
    ("lbr1", "constant_initial_h", "only_Y"),
)
"""Options that every GRU may need for a target to run it, the plainest first."""
EXPONENTIAL = ("Tanh", "Sigmoid", "ScaledTanh", "Elu", "Softplus")
"""Functions that take e to the power of something, which has to be bounded first."""
PAIR_RUNS = 1000
"""At most so many models are run to cover the pairs of one column."""


class ColumnProbe:
    """The probe of one column.

    Args:
        column: ``"gru"`` for the node itself, or the form it is lowered to.
        runs: Runs models.
        profile: The target, as far as it is known.
        opset: The opset to probe in.
        seed: Of weights and inputs.

    """

    def __init__(self, column: str, runs: ModelRuns, profile: Profile, opset: int, seed: int) -> None:
        """Run nothing yet."""
        self._column, self._runs, self._profile, self._opset, self._seed = column, runs, profile, opset, seed

    def verdicts(self, wanted: Sequence[Options], factor: float = 1.0) -> list[Verdict | None]:
        """Run GRUs with some options each; return ``None`` where there is no such GRU.

        Args:
            wanted: The options of each.
            factor: What X is multiplied by.

        """
        plain = self._plain()
        large = " of large values" if factor != 1 else ""
        labels = [(", ".join(in_order(each - plain)) or "plain") + large for each in wanted]
        models = [model_of(self._column, each, self._profile, self._opset, self._seed, factor) for each in wanted]
        return self._runs.verdicts(self._column, list(zip(labels, models, strict=True)))

    def run(self, pairs_rng: np.random.Generator | None) -> Column:
        """Find how each option fares.

        Args:
            pairs_rng: Where the draws of pairs come from; ``None`` to leave out pairs.

        """
        plain = self._plain()
        bases = [self._plain(*extra) for extra in BASES]
        first = self.verdicts(bases[:1])[0]
        found: list[Verdict | None] = [first]
        if first != "right":
            found += self.verdicts(bases[1:])
        base = next((each for each, verdict in zip(bases, found, strict=False) if verdict == "right"), None)
        if base is None:
            return Column(dict.fromkeys(OPTIONS, self._cell(first or "rejected")))
        verdicts = _same_verdict(base, "right")
        for each, verdict in zip(bases, found, strict=False):
            if verdict is not None and len(each - base) == 1:
                verdicts |= _same_verdict(each - base, verdict)
        late = ("parameters", "other_functions")
        self._each_alone(base, verdicts, [each for each in OPTIONS if each not in verdicts and each not in late])
        known = {option for option, verdict in verdicts.items() if verdict == "right"}
        self._each_alone(base, verdicts, late, known)
        for option in plain - base:  # the plain option fails where another has to stand in its place
            verdicts.setdefault(option, first or "rejected")
        self._large_values(base, verdicts)
        return self._in_pairs(base, verdicts, pairs_rng)

    def _large_values(self, base: Options, verdicts: dict[str, Verdict]) -> None:
        """Try large values; a function that is wrong for them is taken to be so in both places."""
        functions = [name for name in EXPONENTIAL if verdicts.get(f"g_{name}") == "right"]
        completed = [compatible(with_options(base, f"g_{name}"), frozenset({f"g_{name}"})) for name in functions]
        wanted = {name: each for name, each in zip(functions, completed, strict=True) if each is not None}
        for name, verdict in zip(wanted, self.verdicts(list(wanted.values()), operator_models.LARGE), strict=True):
            if verdict not in (None, "right"):
                verdicts |= _same_verdict({f"f_{name}", f"g_{name}"} & verdicts.keys(), verdict)

    def _each_alone(
        self,
        base: Options,
        verdicts: dict[str, Verdict],
        options: Sequence[str],
        known: set[str] | None = None,
    ) -> None:
        """Run each option with nothing but plain options around it, and add the verdicts."""
        completed = {option: compatible(with_options(base, option), frozenset({option}), known) for option in options}
        wanted = {option: each for option, each in completed.items() if each is not None}
        found = zip(wanted, self.verdicts(list(wanted.values())), strict=True)
        verdicts |= {option: verdict for option, verdict in found if verdict is not None}

    def _in_pairs(self, base: Options, verdicts: dict[str, Verdict], rng: np.random.Generator | None) -> Column:
        """Return the column with the options that fail together, if pairs are to be run."""
        cells = {option: self._cell(verdicts[option]) for option in OPTIONS if option in verdicts}
        if rng is None:
            return Column(cells)
        right = {
            axis: [option for option in options if verdicts.get(option) == "right"] for axis, options in AXES.items()
        }
        right = {axis: options for axis, options in right.items() if options}

        def attempt(wanted: Sequence[Options]) -> list[tuple[Options, Verdict] | None]:
            return [
                None if verdict is None else (frozenset(each), verdict)
                for each, verdict in zip(wanted, self.verdicts(wanted), strict=True)
            ]

        covered = PairCover(right, base, attempt, rng, self._runs.jobs * 2).run(PAIR_RUNS, plain=self._column == "gru")
        together = tuple(Together(each, self._cell(verdict)) for each, verdict in covered.exceptions.items())
        return Column(cells, together, covered.whole)

    def _plain(self, *extra: str) -> Options:
        return plain_options(self._column, self._opset, *extra)

    def _cell(self, verdict: Verdict) -> Cell:
        return Cell(verdict, "run", self._profile.version)


def _same_verdict(options: Iterable[str], verdict: Verdict) -> dict[str, Verdict]:
    return dict.fromkeys(options, verdict)

"""The page of ``python -m benchmarks targets``, in Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.tables import table
from benchmarks.target_figures import compared, mean, of, settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.target_figures import Figure, Verdict
    from benchmarks.target_models import WholeModel


def page(
    where: Mapping[str, str | int | bool],
    versions: Mapping[str, str],
    found: Mapping[str, Sequence[Figure]],
    verdicts: Sequence[Verdict],
    tolerance: float,
    drawn: Sequence[tuple[str, str]],
    whole: Sequence[WholeModel] = (),
    before: str = "",
) -> str:
    """Return the whole page."""
    parts = ["# GRUs in other engines", _conditions(where, versions, before), "## To reach"]
    rows = [[each.text, f"≤ {each.limit:g}", *_word(each, tolerance)] for each in verdicts]
    parts.append(table(["", "limit", "measured", ""], rows))
    parts += [f"![{title}]({file}.svg)" for file, title in drawn]
    head = ["", "sizes", "of the best: mean", "worst", "of what was written before: mean", "worst", "best"]
    summary = [
        [f"{engine} {versions[engine]}, `{written}`{' in ' + precision if precision else ''}", *_summary(each)]
        for engine, all_of_it in found.items()
        for precision, written in settings(all_of_it)
        if (each := of(all_of_it, precision, written))
    ]
    parts += ["## All in all", table(head, summary)]
    if whole:
        rows = [[_model(each), each.became, *_times(each), each.reason] for each in whole]
        parts += ["## Whole models", table(["", "its GRUs became", "now, ms", "of what was written before", ""], rows)]
    parts.append("## Size by size")
    for engine, all_of_it in found.items():
        parts += [f"### {engine} {versions[engine]}", table(SIZES, [_row(each) for each in all_of_it])]
    return "\n\n".join(parts) + "\n"


COMMIT = "2780f0b"
"""The last one before profiles had costs, which limits are set against."""
SIZES = ["", "written", "became", "of its own GRU", "of what was written before", "of the best", "which is"]


def _row(each: Figure) -> list[str]:
    size = each.size
    start = ", initial_h" * size.state + ", Y alone" * size.only_Y
    name = f"H {size.hidden}, B {size.batch}, T {size.length}, lbr {size.linear_before_reset}{start}"
    said = each.precision and f" in {each.precision}"
    best = "" if each.became == each.best else each.best
    ratios = [_two(each.of_node), _two(each.of_before), _two(each.of_best)]
    return [name, f"`{each.written}`{said}", each.became, *ratios, best]


def _model(each: WholeModel) -> str:
    return f"{each.model}, {each.engine}{' in ' + each.precision if each.precision else ''}"


def _times(each: WholeModel) -> list[str]:
    return [f"{1e3 * each.now:.3f}", _two(each.now / each.before)] if each.before else ["-", "-"]


def _summary(each: Sequence[Figure]) -> list[str]:
    best, before = [one.of_best for one in each], compared(each)
    figures = [mean(best), max(best), mean(before), max(before, default=None), min(before, default=None)]
    return [str(len(each)), *map(_two, figures)]


def _two(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _word(each: Verdict, tolerance: float) -> list[str]:
    if each.value is None:
        return ["-", "not measured"]
    word = "missed" if each.missed(tolerance) else "reached" if each.value <= each.limit else "within tolerance"
    return [f"{each.value:.3f}", f"{word}: {each.why}" if word == "missed" and each.why else word]


def _conditions(e: Mapping[str, str | int | bool], versions: Mapping[str, str], before: str) -> str:
    wrote = f"commit {COMMIT} wrote itself (`{before}`)" if before else "`--prefer node` does"
    engines = ", ".join(f"{name} {version}" for name, version in versions.items())
    return (
        f"{engines} on {e['cpu']} ({e['cores']} cores, {e['system']}), {e['date']}. One thread, CPU time, input size = "
        "hidden size, weights U(±1/√H), static sizes; medians of rounds, all one after the other. `--target` "
        f"is what `gru-lower lower --target` writes; what was written before is what {wrote}. The best is the fastest "
        "of the engine's own node, if that is right, and every form and spelling. Means are geometric; those beside "
        "what was written before are over H 16, 64, 256 and B 1, and limits for them were set for the kind of step "
        "that is named first ([decision 87](../decisions/0087-which-step-limits-are-for.md)). "
        f"The machine's load average was {e['load']}. Written by `python -m benchmarks targets`. "
        "[Decision 85](../decisions/0085-costs-are-a-small-model.md) says what costs were fitted to, "
        "[decision 86](../decisions/0086-one-step-of-y-is-its-last-state.md) which other forms were tried."
    )

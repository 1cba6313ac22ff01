"""The page of ``python -m benchmarks lowering``, in Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.tables import figure, table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchmarks.gru_case import Case
    from benchmarks.measure import Record
    from benchmarks.series import Series
    from benchmarks.speed_limits import Verdict
    from benchmarks.whole_models import RealRecord
    from gru_lower.verification.worker.timing import Spread

TITLES = {
    "auto": "`auto`",
    "scan": "`scan`",
    "loop": "`loop`",
    "unroll": "`unroll`",
    "where": "Where in the body",
    "inside": "Scan, projection inside",
    "editor": "Scan of the retired editor",
    "naive_loop": "naive Loop",
    "floor": "products alone",
}


def pivot(
    records: Sequence[Record],
    row: Callable[[Case], str],
    column: Callable[[Case], str],
    name: str = "auto",
    to: str = "native",
) -> str:
    """Return a table of one contender's ratios, in the order in which rows and columns first come."""
    cells = {(row(r.case), column(r.case)): figure(r.ratio(name, to)) for r in records}
    rows, columns = (list(dict.fromkeys(key[place] for key in cells)) for place in (0, 1))
    return table(["", *columns], [[each, *(cells.get((each, other), "") for other in columns)] for each in rows])


def contenders(records: Sequence[Record], names: Sequence[str]) -> str:
    """Return a table with a row for each case and a column for each contender."""
    rows = [[_size(r.case), *(figure(r.ratio(name)) for name in names)] for r in records]
    return table(["", *(TITLES[name] for name in names)], rows)


def speed_to_reach(verdicts: Sequence[Verdict], tolerance: float) -> str:
    """Return the table of the lines to reach."""
    rows = [
        [
            each.bound.text,
            f"{'≥' if each.bound.at_least else '≤'} {each.bound.limit:g}",
            "-" if each.value is None else f"{each.value:.2f}",
            each.word(tolerance),
            each.detail(),
        ]
        for each in verdicts
    ]
    return table(["lowered / native", "limit", "measured", "", "cases"], rows)


def real_models(records: Sequence[RealRecord]) -> str:
    """Return the table of whole models."""
    rows = [
        [each.name, ", ".join(each.forms), _micros(each.before), _micros(each.after), figure(each.ratio)]
        for each in records
    ]
    return table(["model", "forms", "before, µs", "after, µs", "ratio"], rows)


def page(
    environment: Mapping[str, str | int],
    series: Sequence[Series],
    records: Sequence[Record],
    real: Sequence[RealRecord],
    verdicts: Sequence[Verdict],
    tolerance: float,
    plots: Sequence[tuple[str, str]],
) -> str:
    """Return the whole page."""
    parts = ["# Lowered forms against onnxruntime's GRU kernel", _conditions(environment)]
    parts += ["## Speed to reach", speed_to_reach(verdicts, tolerance)]
    parts += [f"![{title}]({file}.svg)" for file, title in plots]
    for each in series:
        found = [record for record in records if record.series == each.name]
        parts += [f"## {each.title}", *_SECTIONS[each.name](found)]
    if real:
        parts += ["## Whole models", real_models(real)]
    return "\n\n".join(parts) + "\n"


def _busy(environment: Mapping[str, str | int]) -> str:
    """Say how much else ran: it takes caches from whoever starts many kernels, even where only CPU time counts."""
    if "load" not in environment:
        return ""
    return f"The machine's load average was {environment['load']}; above its cores, ratios at small H come out higher. "


def _conditions(environment: Mapping[str, str | int]) -> str:
    e = environment
    return (
        f"onnxruntime {e['onnxruntime']} on {e['cpu']} ({e['cores']} cores, {e['system']}), Python {e['python']}, "
        f"{e['date']}. float32, one thread, CPU time, input size = hidden size. A figure is lowered / native: the "
        "median over rounds that time the two one right after the other, ± half the distance between the quartiles. "
        f"Sizes are static in the model unless it says otherwise. {_busy(e)}"
        "Written by `python -m benchmarks lowering`; every figure, with latencies, is in the JSON file beside this one."
    )


def _batch(records: Sequence[Record]) -> list[str]:
    parts = []
    for lbr in (0, 1):
        found = [r for r in records if r.case.lbr == lbr]
        parts += [f"`auto`, linear_before_reset = {lbr}:", pivot(found, _hidden, _batch_size)]
    names = ("auto", "loop", "unroll", "editor", "inside", "naive_loop", "floor")
    parts += ["All contenders, linear_before_reset = 1:", contenders([r for r in records if r.case.lbr], names)]
    return parts


def _length(records: Sequence[Record]) -> list[str]:
    parts = []
    for B in dict.fromkeys(r.case.B for r in records):
        for name in ("auto", "scan"):
            found = [r for r in records if r.case.B == B and r.ratio(name) is not None]
            parts += [f"{TITLES[name]}, batch {B}:", pivot(found, _hidden, lambda case: f"T = {case.T}", name)]
    return parts


def _masked(records: Sequence[Record]) -> list[str]:
    parts = ["Against the same GRU without sequence_lens, lowered:", pivot(records, _hidden, _kind, to="unmasked")]
    parts += ["Against the native kernel:", pivot(records, _hidden, _kind)]
    found = [r for r in records if r.ratio("where") is not None]
    if found:
        parts += ["With Where in the body, against unmasked:", pivot(found, _hidden, _kind, "where", "unmasked")]
    return parts


def _by_kind(records: Sequence[Record]) -> list[str]:
    return [pivot(records, _hidden, _kind)]


_SECTIONS: dict[str, Callable[[Sequence[Record]], list[str]]] = {
    "batch": _batch,
    "length": _length,
    "masked": _masked,
    "bidirectional": _by_kind,
    "streaming": _by_kind,
    "dynamic": _by_kind,
}


def _hidden(case: Case) -> str:
    return f"H = {case.H}"


def _batch_size(case: Case) -> str:
    return f"B = {case.B}"


def _size(case: Case) -> str:
    return f"H = {case.H}, B = {case.B}"


def _kind(case: Case) -> str:
    state = (", with state" if case.state else ", without state") if case.T == 1 else ""
    steps = f", T = {case.T}" if case.masked else ""
    return f"B = {case.B}{steps}, lbr {case.lbr}{state}"


def _micros(spread: Spread) -> str:
    return f"{spread.median * 1e6:.1f} ±{(spread.q3 - spread.q1) / 2 * 1e6:.1f}"

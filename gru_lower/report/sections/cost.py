"""What the model costs before and after: latency, size, weights and multiplications by GRU, nodes by operator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gru_lower.report.sections.blocks import Bars, Line, Paragraph, Section, Table, code, counted, number, shortened

if TYPE_CHECKING:
    from gru_lower.report.sections.blocks import Block

MOST_GRUS = 150
MOST_BARS = 24


def cost_section(report: dict[str, Any]) -> Section:
    """Return what the model costs.

    Args:
        report: The JSON report.

    """
    evidence = report.get("evidence") or {}
    blocks: list[Block] = []
    if evidence:
        blocks += _latency(evidence)
    blocks += _sizes(report, evidence)
    if evidence.get("grus"):
        blocks.append(_grus(evidence["grus"]))
    blocks += _operators(report["op_counts"])
    return Section("cost", "Cost", blocks)


def _latency(evidence: dict[str, Any]) -> list[Block]:
    found, machine = evidence["latency"], evidence["environment"]
    if found is None:
        return [Paragraph((f"Latency was not measured: {shortened(evidence['no_latency'], 400)}.",))]
    rows: list[list[Line]] = []
    push = found.get("push", [])
    names = ("before, the whole sequence", "after, one push") if push else ("before", "after")
    for name, side in zip(names, ("before", "after"), strict=True):
        spread = found[side]
        rows.append([(name,), *((_seconds(spread[key]),) for key in ("median", "q1", "q3"))])
    ratio = found["ratio"]
    rows.append([("after, in times of before",), *((f"{ratio[key]:.2f}",) for key in ("median", "q1", "q3"))])
    head = ("model", "median", "first quartile", "third quartile")
    inputs = _spelled_inputs(found["inputs"])
    turns = "in turn" if not push else f"one after the other; a push is {_spelled_inputs(push)}"
    where = f"{machine['cpu']}, onnxruntime {machine['onnxruntime']}, {machine['system']}, {machine['date']}"
    text = (
        f"One run on {inputs or 'no inputs'}: CPU time of one thread, {counted(found['rounds'], 'round')} {turns}; "
        f"on {where}. "
        "It is measured briefly; gru-lower bench takes its time."
    )
    return [Table("Latency of one run", head, rows, head[1:]), Paragraph((text,))]


def _spelled_inputs(inputs: list[dict[str, Any]]) -> str:
    return ", ".join(f"{shortened(each['name'], 40)} {each['type']}{each['shape']}" for each in inputs[:8])


def _seconds(value: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"


def _sizes(report: dict[str, Any], evidence: dict[str, Any]) -> list[Block]:
    sizes = evidence.get("sizes") or report.get("sizes")
    nodes = [sum(report["op_counts"][side].values()) for side in ("before", "after")]
    rows: list[list[Line]] = []
    if sizes:
        share = f"{sizes['after'] / sizes['before']:.2f} of it" if sizes["before"] else ""
        rows.append(
            [("bytes, external data included",), (number(sizes["before"]),), (number(sizes["after"]),), (share,)]
        )
    share = f"{nodes[1] / nodes[0]:.2f} of it" if nodes[0] else ""
    rows.append([("nodes, bodies included",), (number(nodes[0]),), (number(nodes[1]),), (share,)])
    return [Table("Size", ("what", "before", "after", "after, of before"), rows, ("before", "after"))]


def _grus(grus: list[dict[str, Any]]) -> Table:
    rows: list[list[Line]] = []
    for each in grus[:MOST_GRUS]:
        steps = "T" if each["steps"] is None else number(each["steps"])
        by_step = number(each["macs_by_step"])
        whole = f"{by_step} × T" if each["macs"] is None and each["macs_by_step"] else number(each["macs"])
        rows.append([(code(each["site"]),), (number(each["weights"]),), (by_step,), (steps,), (whole,)])
    if len(grus) > MOST_GRUS:
        rows.append([(f"and {len(grus) - MOST_GRUS:,} more",), *[("",)] * 4])
    elif len(grus) > 1:
        total = sum(each["weights"] or 0 for each in grus)
        known = [each["macs"] for each in grus]
        whole = number(sum(known)) if all(each is not None for each in known) else "–"
        rows.append(
            [
                ("together",),
                (number(total),),
                (number(sum(each["macs_by_step"] or 0 for each in grus)),),
                ("",),
                (whole,),
            ]
        )
    head = ("GRU", "weights", "MACs a step", "steps", "MACs a sequence")
    return Table(
        "Weights, and multiplications of one sequence (times T, the number of steps), by GRU", head, rows, head[1:]
    )


def _operators(counts: dict[str, dict[str, int]]) -> list[Block]:
    before, after = counts["before"], counts["after"]
    names = sorted(before.keys() | after.keys(), key=lambda each: (-max(before.get(each, 0), after.get(each, 0)), each))
    if not names:
        return []
    rows: list[list[Line]] = [
        [(code(each),), (number(before.get(each, 0)),), (number(after.get(each, 0)),)]
        for each in names[: MOST_BARS * 4]
    ]
    shown = names[:MOST_BARS]
    series = {"before": [before.get(each, 0) for each in shown], "after": [after.get(each, 0) for each in shown]}
    if before == after:
        del series["after"]
    bars = Bars(
        "Nodes by operator, bodies included", [shortened(each, 32) for each in shown], series, "nodes", kinds=shown
    )
    if len(names) == len(shown):
        return [bars]
    return [bars, Table("Nodes of every operator", ("operator", "before", "after"), rows, ("before", "after"))]

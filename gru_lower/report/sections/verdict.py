"""What the verdict rests on: cases, dims, tolerances, errors by size and over time, and what was not covered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gru_lower.report.sections.blocks import (
    Badge,
    Bars,
    Folded,
    Items,
    Line,
    Lines,
    Paragraph,
    Section,
    Strong,
    Table,
    code,
    counted,
    listed,
    number,
    shortened,
)

if TYPE_CHECKING:
    from gru_lower.report.sections.blocks import Block, Tone

TONES: dict[str, Tone] = {"equivalent": "good", "different": "bad", "inconclusive": "doubt", "not_run": "plain"}
WORDS = {
    "equivalent": "Equivalent",
    "different": "Different",
    "inconclusive": "Inconclusive",
    "not_run": "Not verified",
}
LONGEST_MESSAGE = 600
KINDS = {
    "plain": "ordinary values and sizes",
    "wild": "wide ranges of values",
    "size": "sizes around constants of the graphs",
    "long": "one long sequence",
    "wide": "one large batch",
    "empty": "empty sequences or batches",
    "ids": "whole numbers that index",
    "number": "values around constants of the graphs",
    "lengths": "unusual sequence lengths",
    "flags": "both values of flags",
    "trips": "numbers of trips of loops",
    "zeros": "all zeros",
    "large": "very large values",
    "tiny": "very small values",
    "special": "NaN and infinities",
    "texts": "unusual texts",
}
"""What the kinds of drawn inputs are, as :data:`gru_lower.verification.directing.draws.DrawKind` names them."""


def verdict_line(report: dict[str, Any]) -> Line:
    """Return the verdict in a sentence.

    Args:
        report: The JSON report.

    """
    found = report["verification"]
    if report["command"] == "check" and found["status"] == "not_run":
        count = sum(each["severity"] != "note" for each in report["diagnostics"])
        tone: Tone = "doubt" if count else "good"
        return (Badge(counted(count, "finding") if count else "Nothing found", tone), " in this model.")
    badge = Badge(WORDS[found["status"]], TONES[found["status"]])
    message = shortened(found["message"], LONGEST_MESSAGE)
    if found["status"] == "not_run":
        return (badge, f": {message}.")
    where = "each GRU by itself" if found["scope"] == "site" else "the whole model"
    text = f" on {counted(found['cases'], 'case')} of {where}."
    if found["max_abs_error"] is not None:
        text = f"{text[:-1]}; the largest error is {number(found['max_abs_error'])}"
        text += "." if found["max_rel_error"] is None else f", relative {number(found['max_rel_error'])}."
    line: Line = (badge, text)
    return (*line, f" {message[:1].upper()}{message[1:]}.") if message else line


def tone_of(report: dict[str, Any]) -> Tone:
    """Return how good the verdict is."""
    badge = verdict_line(report)[0]
    return badge.tone if isinstance(badge, Badge) else "plain"


def verdict_section(report: dict[str, Any]) -> Section:
    """Return what the verdict rests on.

    Args:
        report: The JSON report.

    """
    found, evidence = report["verification"], report.get("evidence") or {}
    blocks: list[Block] = [Paragraph(verdict_line(report))]
    if found["proved"]:
        blocks.append(Paragraph((Strong("Proved"), " over the reals, for all inputs: each GRU is what stands for it.")))
    if found["starts_in"]:
        grus = listed(found["starts_at"]) or "no GRU"
        blocks.append(Paragraph(("The two start to differ at ", grus, ", in value ", code(found["starts_in"]), ".")))
    if found["status"] == "different":
        least = [f"{name} {number(found[key])}" for name, key in (("atol", "least_atol"), ("rtol", "least_rtol"))]
        if found["least_atol"] is not None:
            blocks.append(Paragraph((f"The least tolerance that passes on these inputs: {' or '.join(least)}.",)))
    blocks += _quantised(report)
    blocks += _accuracy(found)
    outputs = evidence.get("outputs", [])
    if outputs:
        blocks.append(_tolerances(outputs))
        for each in outputs:
            blocks += _output(each)
    blocks += _sites(evidence.get("sites", []))
    blocks += _cases(found, evidence)
    blocks += _stream(report)
    blocks.append(Paragraph((Strong("What was not covered"),)))
    blocks.append(Items([(each,) for each in _not_covered(report)]))
    return Section("verdict", "What the verdict rests on", blocks)


def _quantised(report: dict[str, Any]) -> list[Block]:
    blocks: list[Block] = []
    fidelity = report["verification"].get("fidelity", [])
    if fidelity:
        rows: list[list[Line]] = []
        for each in fidelity:
            snr = "no noise" if each["snr_db"] is None and each["same"] is None else number(each["snr_db"])
            share = "–" if each["same"] is None else f"{each['same']:.2%}"
            rows.append([(code(each["output"]),), (snr,), (number(each["cosine"], 8),), (share,)])
        head = ("output", "signal to noise, dB", "cosine", "values the same")
        blocks.append(Table("How faithful the quantised model is, by output", head, rows, head[1:]))
        known = [each for each in fidelity if each["snr_db"] is not None]
        if known:
            title = "Signal to noise by output, in decibels; 20 dB has to be reached"
            labels = [shortened(each["output"], 40) for each in known]
            blocks.append(Bars(title, labels, {"dB": [max(0.0, each["snr_db"]) for each in known]}, "dB"))
    for site in report["sites"]:
        errors = (site.get("quantisation") or {}).get("errors")
        if errors and len(errors["by_step"]) > 1:
            steps = [each["step"] for each in errors["by_step"]]
            title = f"Error of the states of {shortened(site['site'], 60)} over the steps, root mean square"
            blocks.append(Lines(title, steps, "step", {"error": [each["rms"] for each in errors["by_step"]]}))
    return blocks


def _accuracy(found: dict[str, Any]) -> list[Block]:
    if not found["accuracy"]:
        return []
    rows: list[list[Line]] = []
    for each in found["accuracy"]:
        shares = [f"{each[key]:.2%}" for key in ("before", "after")]
        rows.append([(code(each["output"]),), (shares[0],), (shares[1],), (number(each["count"]),)])
    head = ("output", "before", "after", "labels")
    return [Table("Accuracy on the labels that were given", head, rows, head[1:])]


def _tolerances(outputs: list[dict[str, Any]]) -> Table:
    rows: list[list[Line]] = []
    for each in outputs:
        worst = each["worst"]
        largest = [entry["largest"] for entry in each["by_case"]]
        error = "no number" if None in largest else number(max(largest, default=None))
        place = "–" if worst is None else f"case {worst['case']}, at {worst['index']}"
        limits = f"{each['atol']:g} + {each['rtol']:g} × size" if each["by_tolerance"] else "signal to noise decides"
        counts = f"{number(each['count'])}, {number(each['same'])} the same"
        rows.append([(code(each["output"]),), (each["type"],), (limits,), (counts,), (error,), (place,)])
    head = ("output", "type", "tolerance", "values compared", "largest error", "where")
    return Table("Tolerances and largest errors, by output", head, rows, ("largest error",))


def _output(found: dict[str, Any]) -> list[Block]:
    blocks: list[Block] = []
    name = shortened(found["output"], 60)
    blocks += _histogram(found, name)
    by_case = [each for each in found["by_case"] if each["largest"]]
    if len(found["by_case"]) > 1 and by_case:
        labels = [f"case {each['case']}" for each in by_case]
        title = f"Largest error of {name}, by case"
        blocks.append(Bars(title, labels, {"error": [each["largest"] for each in by_case]}, logarithmic=True))
    blocks += _curves(found, name)
    return blocks


def _histogram(found: dict[str, Any], name: str) -> list[Block]:
    if not found["decades"] and not found["not_finite"]:
        return [Paragraph((f"Every value of {name} is the very same before and after.",))] if found["count"] else []
    labels, counts = ["0"], [found["same"]]
    decades = {each["decade"]: each["count"] for each in found["decades"]}
    for decade in range(min(decades, default=0), max(decades, default=-1) + 1):
        labels.append(f"1e{decade}")
        counts.append(decades.get(decade, 0))
    if found["not_finite"]:
        labels.append("no number")
        counts.append(found["not_finite"])
    return [
        Bars(
            f"Errors of {name} by size: how many values are off by so much and up to ten times that",
            labels,
            {"values": counts},
            "values",
        )
    ]


def _curves(found: dict[str, Any], name: str) -> list[Block]:
    blocks: list[Block] = []
    limit = found["atol"] if found["by_tolerance"] else None
    time, side = found["over_time"], found["side_by_side"]
    if time is not None and len(time["values"]["error"]) > 1:
        points = [time["begin"] + place * time["every"] for place in range(len(time["values"]["error"]))]
        title = (
            f"Error of {name} over time (along axis {time['axis']}), the largest at each step of case {time['case']}"
        )
        blocks.append(Lines(title, points, "step", {"error": time["values"]["error"]}, logarithmic=True, limit=limit))
    if side is not None and len(side["values"]["before"]) > 1:
        points = [side["begin"] + place for place in range(len(side["values"]["before"]))]
        index = ["…" if each == -1 else str(each) for each in side["index"]]
        what = "the worst case, side by side" if found["worst"] is not None else "before and after"
        title = f"{name}[{', '.join(index)}] in case {side['case']}: {what}"
        blocks.append(Lines(title, points, f"axis {side['axis']}", side["values"]))
    return blocks


def _sites(sites: list[dict[str, Any]]) -> list[Block]:
    blocks: list[Block] = []
    for site in sites:
        if site["outputs"]:
            inner: list[Block] = [_tolerances(site["outputs"])]
            for each in site["outputs"]:
                inner += _output(each)
            head = ("By itself: ", code(site["site"]), f" on {counted(site['cases'], 'case')}")
            blocks.append(Folded(head, inner))
    return blocks


def _cases(found: dict[str, Any], evidence: dict[str, Any]) -> list[Block]:
    blocks: list[Block] = []
    drawn = found.get("drawn")
    if drawn:
        kinds: list[Line] = [
            (f"{number(count)} × ", str(KINDS.get(kind, kind))) for kind, count in drawn["kinds"].items()
        ]
        blocks += [Paragraph((Strong("Cases that were drawn"),)), Items(kinds)]
        rows: list[list[Line]] = [
            [(code(each["dim"]),), ("sizes",), (listed([str(size) for size in each["sizes"]], 24),)]
            for each in drawn["dims"]
        ]
        for each in drawn["values"]:
            special = ", and NaN or infinities" if each["special"] else ""
            span = f"{number(each['least'])} to {number(each['largest'])}{special}"
            rows.append([(code(each["input"]),), ("values",), (span,)])
        if rows:
            blocks.append(Table("What dims and inputs were", ("name", "what", "drawn"), rows))
    if evidence.get("cases"):
        rows = []
        for case in evidence["cases"]:
            shapes = [f"{shortened(each['name'], 40)} {each['type']}{each['shape']}" for each in case["inputs"]]
            rows.append([(number(case["case"]),), (case["what"],), (listed(shapes, 12),)])
        if evidence["more_cases"]:
            rows.append([("…",), ("",), (f"and {evidence['more_cases']:,} more",)])
        table = Table("Inputs of each case", ("case", "drawn for", "inputs"), rows, ("case",))
        blocks.append(Folded((f"{counted(len(rows), 'case')}, one by one",), [table]))
    return blocks


def _stream(report: dict[str, Any]) -> list[Block]:
    stream = report.get("stream")
    if not stream:
        return []
    lag = f"{counted(stream['lag'], 'frame')} late" if stream["lag"] else "not late"
    settles = f"; its own states are the last ones after {stream['settles']} more" if "settles" in stream else ""
    line = f"Each push takes {counted(stream['chunk'], 'frame')}; outputs are at most {lag}{settles}."
    rows: list[list[Line]] = []
    for each in stream["outputs"]:
        warm = "as of the latest frame" if each["axis"] is None else _warm_up(each["lag"])
        rows.append([(code(each["name"]),), (number(each["chunk"]),), (number(each["lag"]),), (warm,)])
    head = ("output", "frames a push", "lag", "warm-up")
    states: list[list[Line]] = []
    for each in stream["states"]:
        shape = " × ".join(map(str, each["shape"]))
        states.append([(code(each["input"]),), (code(each["output"]),), (shape,), (each["kind"],)])
    table = Table("States that are handed on", ("input", "output", "shape", "kind"), states)
    return [
        Paragraph((Strong("The stream"), f": {line}")),
        Table("Lag and warm-up, by output", head, rows, head[1:3]),
        *([Folded((counted(len(states), "state"),), [table])] if states else []),
    ]


def _warm_up(lag: int) -> str:
    return f"the first {counted(lag, 'frame')} that come out are not to be used" if lag else "none"


def _not_covered(report: dict[str, Any]) -> list[str]:
    """Return what a verdict says nothing of."""
    found, evidence = report["verification"], report.get("evidence") or {}
    if found["status"] == "not_run":
        return [f"Nothing was run: {found['message']}."]
    said: list[str] = []
    drawn = found.get("drawn")
    if drawn:
        said += [f"{each['what']}: {shortened(each['why'])}" for each in drawn["left_out"]]
        said += [f"and {drawn['more_left_out']:,} more that were left out"] * bool(drawn["more_left_out"])
        missing = [words for kind, words in KINDS.items() if kind not in drawn["kinds"]]
        said += [f"No case was drawn for {listed(missing, 20)}."] if missing else []
        sizes = [f"{each['dim']} above {max(each['sizes'])}" for each in drawn["dims"] if each["sizes"]]
        said += [f"No case had {listed(sizes)}."] if sizes else []
    elif not report.get("stream"):
        said.append("Other inputs than those that were compared on.")
    if found["scope"] == "site":
        said.append("The whole model: the verdict rests on the GRUs, each run by itself.")
    if found["chaotic"]:
        said.append("Inputs on which the original itself is chaotic: nothing can be told there.")
    if not evidence.get("outputs"):
        said.append("No whole outputs are there to show errors of.")
    said.append(
        "Other runtimes than onnxruntime on this machine's CPU"
        + ("." if not found["proved"] else ", but for the proof.")
    )
    return said

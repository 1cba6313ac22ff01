"""What was found and done, in words: the model, what became of each GRU and why, and the diagnostics."""

from __future__ import annotations

from collections import Counter
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from gru_lower.diagnostic_codes import CODES
from gru_lower.report.sections.blocks import (
    Badge,
    Equations,
    Folded,
    Items,
    Line,
    Link,
    Paragraph,
    Prose,
    Section,
    Strong,
    Table,
    code,
    counted,
    listed,
    number,
    shortened,
)
from gru_lower.report.sections.equations import equations, variant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.report.sections.blocks import Block, Tone

MOST_ROWS = 150
"""How many GRUs, findings and variants are listed one by one."""
MOST_PAGES = 60
MOST_SPELLED = 4
"""How many variants with the same equations are spelled out."""
TONES: dict[str, Tone] = {"error": "bad", "warning": "doubt", "note": "plain"}
FORMS = {
    "scan": "a Scan",
    "loop": "a Loop",
    "unroll": "unrolled steps",
    "step": "a single step",
}


def found_section(report: dict[str, Any]) -> Section:
    """Return what was found and done.

    Args:
        report: The JSON report.

    """
    blocks: list[Block] = [Paragraph(line) for line in _summary(report)]
    blocks.append(_files(report))
    if report["sites"]:
        blocks.append(_sites(report["sites"]))
    stays = [site for site in report["sites"] if site["missing_term"]]
    if stays:
        lines = [(code(site["site"]), f" lacks the term {shortened(site['missing_term'])}") for site in stays]
        blocks.append(Items(lines[:MOST_ROWS]))
    blocks += _diagnostics(report["diagnostics"])
    return Section("found", "What was found and done", blocks)


def _summary(report: dict[str, Any]) -> list[Line]:
    evidence = report.get("evidence")
    sites = report["sites"]
    lines: list[Line] = []
    became = Counter(_became(site) for site in sites)
    if sites:
        what = [f"{count:,} {words}" for words, count in became.most_common(MOST_ROWS)]
        lines.append((Strong(counted(len(sites), "GRU")), f": {'; '.join(what)}."))
    elif evidence and evidence["grus"]:
        lines.append((Strong(counted(len(evidence["grus"]), "GRU")), " in the models."))
    else:
        lines.append(("There is no GRU in the model that this command sees.",))
    preconditions = [(site["site"], each) for site in sites for each in site.get("preconditions", [])]
    if preconditions:
        names = listed([f"{each} at {site}" for site, each in preconditions])
        lines.append(("What has to hold of the inputs: ", names, "."))
    count = Counter(each["severity"] for each in report["diagnostics"])
    said = [counted(count[each], each) for each in ("error", "warning", "note") if count[each]]
    if not said:
        lines.append(("There is nothing to warn of.",))
    else:
        codes = dict.fromkeys(each["code"] for each in report["diagnostics"])
        lines.append((f"{', '.join(said)}: ", *_links(list(codes)[:MOST_PAGES]), "."))
    return lines


def _links(codes: list[str]) -> Line:
    pieces: list[Any] = []
    for each in codes:
        pieces += [", "] * bool(pieces) + [Link(each, f"code-{each}")]
    return tuple(pieces)


def _became(site: dict[str, Any]) -> str:
    action = site["action"]
    if action == "lowered":
        return f"became {FORMS.get(site['form'], 'plain operators')}"
    if action == "kept" and site["code"]:
        return f"kept ({site['code']})"
    words = {"kept": "kept as it was", "seen": "seen", "fused": "made of what was decomposed"}
    return words.get(action, str(action))


def _files(report: dict[str, Any]) -> Table:
    sizes = (report.get("evidence") or {}).get("sizes") or report.get("sizes") or {}
    compares = report["command"] == "verify"
    rows: list[list[Line]] = []
    names = (("the original" if compares else "read"), ("compared with it" if compares else "written"))
    for what, key, side in zip(names, ("input", "output"), ("before", "after"), strict=True):
        entry = report[key]
        if entry is None:
            continue
        path = "in memory" if entry["path"] is None else "a pipe" if entry["path"] == "-" else entry["path"]
        rows.append([(what,), (code(path),), (number(sizes.get(side)),), (code(entry["sha256"][:16]),)])
    rows.append([("by",), (f"gru-lower {report['version']}, {report['command']}",), ("",), ("",)])
    return Table("Files", ("what", "model", "bytes", "SHA-256 begins"), rows, right=("bytes",))


def _sites(sites: list[dict[str, Any]]) -> Table:
    rows: list[list[Line]] = []
    for site in sites[:MOST_ROWS]:
        reason: Line = (shortened(site["message"]),)
        if site["code"]:
            reason = (Link(site["code"], f"code-{site['code']}"), " ", *reason)
        nodes = f"{number(site['nodes_before'])} → {number(site['nodes_after'])}"
        described = "not understood" if site["spec"] is None else variant(site["spec"])
        rows.append([(code(site["site"]),), (described,), (_became(site),), (nodes,), reason])
    left = sites[MOST_ROWS:]
    if left:
        rest = Counter(_became(site) for site in left)
        said = ", ".join(f"{count:,} {words}" for words, count in rest.items())
        rows.append([(f"and {len(left):,} more",), ("in the JSON report",), (said,), ("",), ("",)])
    return Table("Each GRU, and what became of it", ("GRU", "variant", "became", "nodes", "why"), rows, ("nodes",))


def _diagnostics(found: list[dict[str, Any]]) -> list[Block]:
    rows: list[list[Line]] = []
    for each in found[:MOST_ROWS]:
        where = each["node"] or each["scope"]
        advice = shortened(each["hint"], 240)
        if each["fix"]:
            done = "mended" if each["fix"]["applied"] else "can be mended"
            advice = f"{advice}; {done}: {each['fix']['message']}".removeprefix("; ")
        rows.append(
            [
                (Link(each["code"], f"code-{each['code']}"),),
                (Badge(each["severity"], TONES[each["severity"]]),),
                (code(where),) if where else ("the model",),
                (shortened(each["message"], 400),),
                (advice,),
            ]
        )
    if not rows:
        return []
    if len(found) > MOST_ROWS:
        rows.append([(f"and {len(found) - MOST_ROWS:,} more",), ("",), ("",), ("in the JSON report",), ("",)])
    return [Table("What there is to say", ("code", "severity", "where", "what", "what to do"), rows)]


def variants_section(report: dict[str, Any]) -> Section | None:
    """Return the variants of the GRUs and their equations, ``None`` without one.

    Args:
        report: The JSON report.

    """
    specs = [(site["site"], site["spec"]) for site in report["sites"]]
    specs = specs or [(each["site"], each["spec"]) for each in (report.get("evidence") or {}).get("grus", [])]
    by_equations: dict[tuple[str, ...], list[tuple[str, dict[str, Any]]]] = {}
    for site, spec in specs:
        if spec is not None:
            by_equations.setdefault(tuple(equations(spec)), []).append((site, spec))
    blocks: list[Block] = []
    for lines, members in [*by_equations.items()][: MOST_ROWS // 4]:
        described = Counter(variant(spec) for _, spec in members)
        names = listed([site for site, _ in members])
        more = f"; and {len(described) - MOST_SPELLED:,} more" if len(described) > MOST_SPELLED else ""
        blocks.append(Paragraph((Strong("; ".join([*described][:MOST_SPELLED]) + more),)))
        blocks.append(Paragraph((f"{counted(len(members), 'GRU')}: ", names)))
        blocks.append(Equations(lines))
    if not blocks:
        return None
    legend = (
        "X is the input and H the state, W and R are the weights, b the biases; z is the update gate, r the reset "
        "gate, h the candidate; σ is the sigmoid function, ∘ the elementwise product, T transposes."
    )
    return Section("equations", "Variants and equations", [*blocks, Paragraph((legend,))])


def pages_section(report: dict[str, Any]) -> Section | None:
    """Return the pages of the codes that a report names, ``None`` where it names none.

    Args:
        report: The JSON report.

    """
    return pages_of([each["code"] for each in report["diagnostics"]] + [site["code"] for site in report["sites"]])


def pages_of(named: Sequence[str | None]) -> Section | None:
    """Return the pages of some codes, ``None`` where there is none.

    Args:
        named: The codes; one may come several times.

    """
    codes = [each for each in dict.fromkeys(filter(None, named)) if each in CODES]
    blocks: list[Block] = []
    for each in codes[:MOST_PAGES]:
        text = files("gru_lower.pages").joinpath(f"{each}.md").read_text(encoding="utf-8")
        head = (Link(each, f"code-{each}"), f" {CODES[each].title}")
        blocks.append(Folded(head, [Prose(text.partition("\n")[2].strip())]))
    return Section("codes", "What the codes mean", blocks) if blocks else None

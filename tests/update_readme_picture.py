"""Draw docs/digits-before-and-after.svg anew: ``python tests/update_readme_picture.py``; it wants pygraphviz.

The README shows it: the GRU of the trained fixture, and what ``--form scan`` writes for it, drawn as ``--report`` draws
both. A test holds every word of the picture to what is written today.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gru_lower
from gru_lower.report.html.layout import Layout, Layouts
from gru_lower.report.html.operator_kinds import KINDS
from gru_lower.report.html.picture import picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.report.html.layout import Edge

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "digits-before-and-after.svg"
FIXTURE = ROOT / "fixtures" / "digits_gru.onnx"
PAGE_STYLE = ROOT / "gru_lower" / "report" / "html" / "style.css"
TITLES = {"before": "before", "after": "after gru-lower --form scan"}
GAP, HEADING = 40, 24
"""The space between the two, and the height of the line above each, in pixels."""
RULES = """text { font: 10px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
text { text-anchor: middle; }
text.op { font-size: 12px; font-weight: 700; }
text.value { paint-order: stroke; stroke-width: 4px; }
rect.body { stroke-dasharray: 4 3; }
.edge { fill: none; }
"""
COLOURED = """text { fill: front; }
text.value { stroke: back; }
.arrow { fill: line; }
rect { fill: back; }
.node rect, .edge { stroke: line; }
"""
"""Rules with the names of colours."""

_SIZE = re.compile(r'width="(\d+)" height="(\d+)"')
_SAID = re.compile(r"<(?:text|title)[^>]*>([^<]*)<|: (#\w+);")
_COLOUR = re.compile(r"--(\w+): (#\w+)")
_FOLDERS_OF_NAME = re.compile(r'"(?:[^"]*/)')


class NoLayouts(Layouts):
    """Puts everything into one place: for what a picture says, not where."""

    def lay_out(self, sizes: Sequence[tuple[float, float]], edges: Sequence[Edge]) -> Layout:
        """Return one place for all."""
        return Layout(0, 0, [(0.0, 0.0)] * len(sizes), [[(0.0, 0.0)] * 4 for _ in edges])


def before_and_after(layouts: Layouts) -> str:
    """Return both graphs side by side as SVG.

    Args:
        layouts: Says where things go.

    """
    left, height = 0, 0
    drawn: list[str] = []
    for side, graph in _graphs().items():
        svg, _ = picture(graph, TITLES[side], layouts)
        wide, high = map(int, _SIZE.findall(svg)[0])
        drawn.append(f'<text class="op" x="{left + wide / 2:.0f}" y="14">{TITLES[side]}</text>')
        drawn.append(svg.replace("<svg ", f'<svg x="{left}" y="{HEADING}" ', 1))
        left, height = left + wide + GAP, max(height, high + HEADING)
    size = f'width="{left - GAP}" height="{height}" viewBox="0 0 {left - GAP} {height}"'
    lines = [f"<style>\n{_style()}\n</style>", '<rect width="100%" height="100%"/>', *drawn]
    return "\n".join((f'<svg xmlns="http://www.w3.org/2000/svg" {size}>', *lines, "</svg>", ""))


def said(svg: str) -> list[str]:
    """Return the words and the colours of a picture, in order."""
    return [words or colour for words, colour in _SAID.findall(svg)]


def _graphs() -> dict[str, Any]:
    """Return the graphs around the fixture's GRU, as a report holds them, with short names."""
    result = gru_lower.lower(FIXTURE, form="scan", verify=False, evidence=True)
    (graphs,) = result.report.to_dict()["evidence"]["pictures"]
    return {side: _short(graphs[side]) for side in TITLES}


def _short(graph: dict[str, Any]) -> Any:
    """Return a graph with the ends of names, without the type that all have, and the states that a next step reads."""
    for body in (each["graph"] for node in graph["nodes"] for each in node["bodies"]):
        body["outputs"] = [name for name in body["outputs"] if f"{name}_1" in body["inputs"]]
    return json.loads(_FOLDERS_OF_NAME.sub('"', json.dumps(graph)).replace("float32 [", "["))


def _style() -> str:
    """Return the rules of both colour schemes, in the colours of a report's page: not every viewer knows variables."""
    light, _, dark = PAGE_STYLE.read_text(encoding="utf-8").partition("* {")[0].partition("@media")
    return f"{RULES}{_coloured(light)}@media (prefers-color-scheme: dark) {{\n{_coloured(dark)}}}"


def _coloured(variables: str) -> str:
    """Return the rules that give things their colours."""
    colours: dict[str, str] = dict(_COLOUR.findall(variables))
    rules = COLOURED + "".join(f".kind-{kind} > rect {{ fill: {kind}; }}\n" for kind in KINDS if kind in colours)
    return re.sub(r"(?<=: )(\w+)(?=;)", lambda word: str(colours.get(word[1], word[1])), rules)


if __name__ == "__main__":
    PICTURE.write_text(before_and_after(Layouts()), encoding="utf-8")

"""Draw docs/architecture.svg anew: ``python tests/update_architecture.py``. A test holds the picture to the code.

Rows and their order are those of import-linter's contracts in pyproject.toml; the arrows are the imports there are,
without those that follow from others.
"""

from __future__ import annotations

import ast
import textwrap
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "architecture.svg"
FOLDERS = {
    "gru_lower.passes": "passes",
    "gru_lower.cli": "cli",
    "gru_lower.pages": "docs/diagnostics",
    "gru_lower": "gru_lower",
}
PANELS = ("floors", "passes", "fuse-gru", "lower-gru", "verification")
"""The contracts that are drawn, by their ids."""
WIDTH, MARGIN, GAP, TITLE = 1000, 20, 14, 30
"""The picture's width, its border, the space between boxes in a row, the height of a panel's heading, in pixels."""
WIDEST, BETWEEN, LINE, CHARACTER = 470, 26, 14, 5.9
"""The widest box, the space between rows, the height of a caption's line, the width of its characters, in pixels."""


def contracts() -> dict[str, dict[str, Any]]:
    """Return the layer contracts by id."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {each["id"]: each for each in project["tool"]["importlinter"]["contracts"] if each["type"] == "layers"}


def rows_of(contract: dict[str, Any]) -> list[list[str]]:
    """Return a contract's layers, the highest first, each a list of modules."""
    layers = [layer.replace("|", ":").split(":") for layer in contract["layers"]]
    return [[name.strip().strip("()") for name in layer] for layer in layers]


def modules() -> dict[str, Path]:
    """Return every module's file by its dotted name."""
    found: dict[str, Path] = {}
    for package, folder in FOLDERS.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = ".".join((package, *path.relative_to(ROOT / folder).with_suffix("").parts)).removesuffix(".__init__")
            found.setdefault(name, path)
    return found


def imports(path: Path) -> set[str]:
    """Return the dotted names a file imports, for type checkers too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def arrows(container: str, rooms: list[str], files: dict[str, Path]) -> set[tuple[str, str]]:
    """Return which rooms of a package import which others, without what follows from other arrows."""

    def room_of(name: str) -> str | None:
        parts = name.removeprefix(f"{container}.").split(".")
        return parts[0] if name.startswith(f"{container}.") and parts[0] in rooms else None

    edges = {
        (own, other)
        for name, path in files.items()
        if (own := room_of(name))
        for used in imports(path)
        if (other := room_of(used)) and other != own
    }
    reach = {room: {other for own, other in edges if own == room} for room in rooms}
    for _ in rooms:
        for room in rooms:
            reach[room] = reach[room].union(*(reach[other] for other in reach[room]))
    return {
        (own, other)
        for own, other in edges
        if not any(other in reach[between] for between in {b for a, b in edges if a == own} - {other})
    }


@dataclass(frozen=True)
class Box:
    """A room as it is drawn: its name, its caption in lines, and where it stands, in pixels."""

    name: str
    caption: list[str]
    left: float
    top: float
    width: float
    height: float


def _caption(path: Path, width: float) -> list[str]:
    """Return the first sentence of a module's docstring in lines that fit into a box."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    first = " ".join(text.partition("\n\n")[0].replace("``", "").split()).rstrip(".")
    return textwrap.wrap(first, int((width - 16) / CHARACTER))


def _laid_out(rows: list[list[tuple[str, Path]]], top: float) -> list[Box]:
    """Return the boxes of all rows: as wide as each other in a row, as high as the longest caption asks for."""
    boxes: list[Box] = []
    for row in rows:
        width = min(WIDEST, (WIDTH - 2 * MARGIN - GAP * (len(row) - 1)) / len(row))
        captions = [_caption(path, width) for _, path in row]
        height = 26 + LINE * max(map(len, captions))
        left = (WIDTH - width * len(row) - GAP * (len(row) - 1)) / 2
        for number, ((name, _), caption) in enumerate(zip(row, captions, strict=True)):
            boxes.append(Box(name, caption, left + number * (width + GAP), top, width, height))
        top += height + BETWEEN
    return boxes


def _panel(contract: dict[str, Any], files: dict[str, Path], top: float) -> tuple[list[str], float]:
    (container,) = contract["containers"]
    rows = [
        [(name, files[f"{container}.{name}"]) for name in row if f"{container}.{name}" in files]
        for row in rows_of(contract)
    ]
    rows = [row[start : start + 4] for row in rows for start in range(0, len(row), 4)]
    boxes = {box.name: box for box in _laid_out(rows, top + TITLE)}
    heading = contract["name"][:1].upper() + contract["name"][1:]
    drawn = [f'<text class="title" x="{MARGIN}" y="{top + 16:.0f}">{escape(heading)}</text>']
    for own, other in sorted(arrows(container, list(boxes), files)):
        above, below = boxes[own], boxes[other]
        if above.top >= below.top:
            continue
        x, to_x = above.left + above.width / 2, below.left + below.width / 2
        y, to_y = above.top + above.height, below.top - 2
        path = f"M {x:.0f} {y:.0f} C {x:.0f} {y + 22:.0f}, {to_x:.0f} {to_y - 26:.0f}, {to_x:.0f} {to_y:.0f}"
        drawn.append(f'<path class="arrow" d="{path}"><title>{own} imports {other}</title></path>')
    for box in boxes.values():
        shown = f"{box.name}/" if files[f"{container}.{box.name}"].name == "__init__.py" else f"{box.name}.py"
        x = box.left + box.width / 2
        drawn.append(
            f'<rect class="room" x="{box.left:.0f}" y="{box.top:.0f}" width="{box.width:.0f}" '
            f'height="{box.height:.0f}" rx="4"/>'
        )
        drawn.append(f'<text class="name" x="{x:.0f}" y="{box.top + 17:.0f}">{escape(shown)}</text>')
        drawn += [
            f'<text class="caption" x="{x:.0f}" y="{box.top + 32 + LINE * line:.0f}">{escape(text)}</text>'
            for line, text in enumerate(box.caption)
        ]
    return drawn, max(box.top + box.height for box in boxes.values()) + BETWEEN


STYLE = """
    svg { background: #ffffff; }
    .title { font: bold 14px sans-serif; fill: #222222; }
    .name { font: bold 12px monospace; fill: #102a43; text-anchor: middle; }
    .caption { font: 11px sans-serif; fill: #334e68; text-anchor: middle; }
    .room { fill: #e6f0fa; stroke: #486581; }
    .arrow { fill: none; stroke: #829ab1; marker-end: url(#head); }
"""


def picture() -> str:
    """Return the picture as SVG."""
    known, files = contracts(), modules()
    drawn: list[str] = []
    bottom: float = MARGIN
    for name in PANELS:
        more, bottom = _panel(known[name], files, bottom)
        drawn += more
    head = (
        '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M 0 0 L 8 4 L 0 8 z" fill="#829ab1"/></marker>'
    )
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom:.0f}" role="img"',
            '     aria-label="The rooms of gru-lower, the highest layer on top; arrows are imports">',
            f"  <style>{STYLE}  </style>",
            f"  <defs>{head}</defs>",
            *(f"  {line}" for line in drawn),
            "</svg>",
            "",
        )
    )


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8")

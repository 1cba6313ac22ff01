"""The page: a report as one file of HTML with its style and its script in it."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from typing import TYPE_CHECKING

from gru_lower.light_dataclass import dataclass
from gru_lower.report.html.escaping import text
from gru_lower.report.html.write_blocks import BlockWriter, legend, line
from gru_lower.version import tool_version

if TYPE_CHECKING:
    from gru_lower.report.sections.blocks import ReportText


@dataclass(frozen=True)
class Page:
    """A page.

    Attributes:
        html: The file's text.
        without_pictures: What is to be installed for pictures, ``""`` where nothing is missing.
        picture_size: How many bytes of it are pictures.

    """

    html: str
    without_pictures: str
    picture_size: int


def page(said: ReportText, back: str = "") -> Page:
    """Return a report as a page.

    Args:
        said: What it says.
        back: The page that lists this one among others, if there is one.

    """
    style, script = (_resource(name) for name in ("style.css", "page.js"))
    writer = BlockWriter()
    parts: list[str] = []
    for section in said.sections:
        colours = legend() if section.key == "pictures" else ""
        body = writer.write(section.blocks)
        missing = ""
        if section.key == "pictures" and writer.without_pictures:
            missing = f"<p>Pictures want a package more: <code>{text(writer.without_pictures)}</code></p>"
            colours = ""
        head = f'<h2 id="{section.key}">{text(section.title)}</h2>'
        parts.append(f'<section aria-labelledby="{section.key}">{head}{missing}{colours}{body}</section>')
    links = "".join(f'<li><a href="#{section.key}">{text(section.title)}</a></li>' for section in said.sections)
    up = f'<p><a href="{text(back)}">All models</a></p>' if back else ""
    html = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_policy(style, script)}">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="gru-lower {text(tool_version())}">
<title>{text(said.title)}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the report</a>
<header>{up}<h1>{text(said.title)}</h1><p class="verdict {said.tone}">{line(said.verdict)}</p>
<nav aria-label="Parts of the report"><ul>{links}</ul></nav></header>
<main id="main">
{"".join(parts)}
</main>
<footer><p>Written by gru-lower {text(tool_version())}. This page needs no network.</p></footer>
<script>{script}</script>
</body>
</html>
"""
    return Page(html, writer.without_pictures, writer.picture_size)


def _resource(name: str) -> str:
    return files("gru_lower.report.html").joinpath(name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """Return what the page may load and run: its own style and its own script, by their digests."""
    digests = [base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in (style, script)]
    own = f"style-src 'sha256-{digests[0]}'; script-src 'sha256-{digests[1]}'"
    return f"default-src 'none'; img-src data:; {own}; base-uri 'none'; form-action 'none'"

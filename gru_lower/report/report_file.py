"""Where a report for people goes, and its writing: a page (``.html``), or Markdown (``.md``, ``-`` for stdout)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gru_lower.errors import Unsupported
from gru_lower.graph.atomic_file import AtomicFile
from gru_lower.graph.write_model import check_target
from gru_lower.report.markdown import markdown
from gru_lower.report.sections.report_text import report_text

if TYPE_CHECKING:
    import os

    from gru_lower.report.sections.blocks import ReportText

STDOUT = "-"
HTML, MARKDOWN = (".html", ".htm"), (".md", ".markdown")
OUTPUT_FLAG = re.compile(r"(?<!\S)-o\b")
CODE = "GL970"


class ReportFile(NamedTuple):
    """Where a report goes.

    Attributes:
        path: The file, ``None`` for stdout.
        is_page: Whether it is a page of HTML.
        overwrite: Whether a file that is there may be replaced.

    """

    path: Path | None
    is_page: bool
    overwrite: bool


def report_file(place: str | os.PathLike[str], *, overwrite: bool) -> ReportFile:
    """Return where a report goes, once it is sure that it can.

    Args:
        place: A path that ends in .html or .md, or ``-``.
        overwrite: Whether a file that is there may be replaced.

    Raises:
        Unsupported: Its ending says nothing of a format that there is, or no file can be written there.

    """
    if str(place) == STDOUT:
        return ReportFile(None, is_page=False, overwrite=overwrite)
    path = Path(place)
    ending = path.suffix.lower()
    if ending not in (*HTML, *MARKDOWN):
        hint = "end it in .html for a page or in .md for Markdown; - writes Markdown to stdout"
        raise Unsupported(f"{path}: is no name for a report", code=CODE, hint=hint)
    try:
        check_target(path, overwrite=overwrite)
    except Unsupported as error:
        hint = OUTPUT_FLAG.sub("--report", error.hint or "")
        raise Unsupported(error.message, code=error.code, hint=hint) from error
    return ReportFile(path, is_page=ending in HTML, overwrite=overwrite)


def write_report(report: dict[str, Any], file: ReportFile) -> str:
    """Write the report on one model.

    Args:
        report: The JSON report.
        file: Where to; no stdout, of which :func:`markdown_of` gives the text.

    Returns:
        What is to be installed for pictures, ``""`` where nothing is missing.

    Raises:
        Unsupported: The file cannot be written.

    """
    return write_text(report_text(report), file)


def markdown_of(report: dict[str, Any]) -> str:
    """Return the report on one model as Markdown."""
    return markdown(report_text(report))


def write_text(said: ReportText, file: ReportFile, back: str = "") -> str:
    """Write what a report says.

    Args:
        said: What it says.
        file: Where to.
        back: The page that lists this one among others.

    Returns:
        What is to be installed for pictures, ``""`` where nothing is missing.

    Raises:
        Unsupported: The file cannot be written.

    """
    if file.path is None:
        raise AssertionError("stdout is the command line's")
    missing = ""
    if file.is_page:
        from gru_lower.report.html.page import page

        made = page(said, back)
        content, missing = made.html, made.without_pictures
    else:
        content = markdown(said)
    try:
        with AtomicFile(file.path, overwrite=file.overwrite) as written:
            written.handle.write(content.encode())
    except OSError as error:
        reason = error.strerror or error
        raise Unsupported(
            f"{file.path}: cannot be written ({reason})", code=CODE, hint="name another file with --report"
        ) from error
    return missing

"""The report on many models: an index, and beside it a folder with a page for each."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from gru_lower.errors import Unsupported
from gru_lower.report.markdown import markdown
from gru_lower.report.report_file import CODE, ReportFile, write_text
from gru_lower.report.sections.index_text import index_text, row_of
from gru_lower.report.sections.report_text import report_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from gru_lower.report.sections.index_text import Row

LONGEST_STEM = 48


def pages_folder(file: ReportFile) -> Path | None:
    """Return the folder of the pages, ``None`` where there are none: Markdown has the index alone.

    Raises:
        Unsupported: Something else lies in its place, or pages do that may not be replaced.

    """
    if file.path is None or not file.is_page:
        return None
    folder = file.path.with_name(f"{file.path.stem}_pages")
    if folder.exists() and not folder.is_dir():
        raise Unsupported(f"{folder}: is no folder", code=CODE, hint="move it, or name another file with --report")
    if not file.overwrite and folder.is_dir() and any(folder.iterdir()):
        hint = "name another file with --report, or allow it with --overwrite"
        raise Unsupported(f"{folder}: is there already, and not empty", code="GL004", hint=hint)
    return folder


def write_index(title: str, outcomes: Iterable[dict[str, Any]], file: ReportFile) -> str:
    """Write the index of many models, and a page for each.

    Args:
        title: What was done.
        outcomes: What came of each: objects of ``schema/batch-1.json``. One is held at a time.
        file: Where the index goes.

    Returns:
        What is to be installed for pictures, ``""`` where nothing is missing.

    Raises:
        Unsupported: Something cannot be written.

    """
    folder = pages_folder(file)
    rows: list[Row] = []
    missing = ""
    for place, outcome in enumerate(outcomes, 1):
        page = ""
        if folder is not None and file.path is not None and outcome["report"] is not None:
            name = f"{place:04d}-{_stem(outcome['model'])}.html"
            try:
                folder.mkdir(exist_ok=True)
            except OSError as error:
                message = f"{folder}: cannot be made ({error.strerror or error})"
                raise Unsupported(message, code=CODE, hint="name another file with --report") from error
            own = ReportFile(folder / name, is_page=True, overwrite=file.overwrite)
            missing = write_text(report_text(outcome["report"]), own, back=f"../{file.path.name}") or missing
            page = f"{folder.name}/{name}"
        rows.append(row_of(outcome, page))
    return write_text(index_text(title, rows), file) or missing


def markdown_index(title: str, outcomes: Iterable[dict[str, Any]]) -> str:
    """Return the index of many models as Markdown."""
    return markdown(index_text(title, [row_of(each, "") for each in outcomes]))


def _stem(model: str) -> str:
    """Return a part of a file's name that a model's is told by."""
    plain = re.sub(r"[^A-Za-z0-9]+", "-", PurePath(model).stem).strip("-")
    return plain[:LONGEST_STEM].strip("-") or "model"

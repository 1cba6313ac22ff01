"""What commands print fits 60, 80 and 120 columns and ASCII, and is what tests/tables holds."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from rich.cells import cell_len

from gru_lower.cli.ascii_spellings import SPELLINGS
from gru_lower.cli.printer import Printer
from gru_lower.cli.styled_text import NARROW, width_of
from gru_lower.cli.tables import show_table
from gru_lower.report import markdown
from gru_lower.targets.profile import MARKS
from update_tables import TABLES, printed, texts

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("file", texts())
def test_what_is_printed_is_kept(file: str) -> None:
    assert printed(*texts()[file]) == (TABLES / file).read_text(encoding="utf-8"), "python tests/update_tables.py"


@pytest.mark.parametrize("file", sorted(TABLES.glob("target*.txt")), ids=lambda file: file.name)
def test_targets_fit_the_terminal(file: Path) -> None:
    width = int(file.stem.partition("-")[2].replace("ascii", "80"))
    assert max(map(cell_len, file.read_text(encoding="utf-8").splitlines())) <= width


def test_marks_stay_apart_in_ascii() -> None:
    assert len({SPELLINGS.get(mark, mark) for mark in MARKS.values()}) == len(MARKS)
    assert all(len(SPELLINGS.get(mark, mark)) == 1 for mark in MARKS.values())


def test_verdicts_have_signs_of_their_own_in_ascii() -> None:
    spelled = ["".join(SPELLINGS.get(sign, sign) for sign in mark) for mark in markdown.MARKS.values()]
    assert all(each.isascii() for each in spelled)
    assert len(set(spelled)) == len(spelled)


class _Terminal:
    """As much of a terminal as a table is printed on."""

    def __init__(self, width: int) -> None:
        self.shown = io.StringIO()
        self.out = Printer(self.shown, plain=True)
        self.out.width = width


def _shown(width: int, rows: list[tuple[str, ...]]) -> str:
    terminal = _Terminal(width)
    show_table(terminal, ("site", "became", "remark"), rows)  # type: ignore[arg-type]
    return terminal.shown.getvalue()


def test_no_word_is_broken() -> None:
    name = "main#11:/gru/GRU_output_0"
    for width in range(10, 90):
        assert name in _shown(width, [(name, "unroll", "the sequence length is 8")])


def test_an_empty_column_takes_no_room() -> None:
    assert "became" not in _shown(80, [("a", "", "b"), ("c", "", "")])


def test_what_is_written_here_is_one_column_wide() -> None:
    assert [cell_len(chr(sign)) for sign in NARROW] == [1] * len(NARROW)
    assert width_of("1 → 96, 時系列") == cell_len("1 → 96, 時系列") == 14

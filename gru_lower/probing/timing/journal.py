"""What was timed so far, a line of JSON for each size: a run that was ended goes on where it was."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from gru_lower.probing.timing.fit_costs import Measured
from gru_lower.targets.costs import Size, Way

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

HEAD = "gru-lower probe --time"


class Journal:
    """The file, or none.

    Args:
        path: Where it is; ``None`` keeps nothing.
        about: What was timed how: lines of an earlier run about something else are not taken.

    """

    def __init__(self, path: Path | None, about: str) -> None:
        """Read what is there."""
        self._path, self._about = path, about
        self.sizes: dict[tuple[Size, str, str], list[Measured]] = {}
        if path is None or not path.is_file():
            return
        lines = path.read_text(encoding="utf-8").splitlines()
        if not lines or lines[0] != self._head:
            path.unlink()
            return
        for line in lines[1:]:
            with suppress(ValueError, KeyError, TypeError):  # a line that was cut off when the run was ended
                self._take(json.loads(line))

    @property
    def _head(self) -> str:
        return json.dumps([HEAD, self._about])

    def _take(self, entry: dict[str, Any]) -> None:
        size, precision, flags = Size(**entry["size"]), entry["precision"], entry["flags"]
        self.sizes[size, precision, flags] = [
            Measured(size, Way(form, tuple((key, value) for key, value in spelling)), seconds, precision, flags, spread)
            for form, spelling, seconds, spread in entry["ways"]
        ]

    def add(self, size: Size, precision: str, flags: str, measured: Sequence[Measured]) -> None:
        """Enter what was measured at one size."""
        self.sizes[size, precision, flags] = list(measured)
        if self._path is None:
            return
        entry = {
            "size": asdict(size),
            "precision": precision,
            "flags": flags,
            "ways": [[each.way.form, each.way.spelling, each.seconds, each.spread] for each in measured],
        }
        new = not self._path.exists()
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{self._head}\n" if new else "")
            file.write(f"{json.dumps(entry)}\n")

    def done(self) -> None:
        """Take the file away: all of it is in the profile."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)

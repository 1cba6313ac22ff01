"""Starting the process that runs models before they are read, where a command is likely to need it.

Python, numpy and onnxruntime load there in half the time that the command itself needs to read and rewrite a model, and
then the model as it is in its file, so that nobody waits for them.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from gru_lower.verification.worker.asked_ahead import FileAhead, may_have_data_elsewhere
from gru_lower.verification.worker.kept_processes import start_ahead

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

OPERATOR = b"GRU"
SEARCHED = 16 << 20
"""Bytes of a file in which the operator is looked for: nodes stand in front of weights."""


def start_for_any(models: Sequence[Path]) -> None:
    """Start it if one of the models exists.

    Args:
        models: The models, by name.

    """
    with suppress(OSError):  # as whoever reads it will say
        if any(model.is_file() for model in models):
            start_ahead()


def start_for_gru(models: Sequence[Path]) -> None:
    """Start it if the first model seems to have a GRU.

    Args:
        models: The models, by name.

    """
    with suppress(OSError):  # as whoever reads it will say
        if models[0].is_file():
            with models[0].open("rb") as file:
                begin = file.read(SEARCHED)
            if OPERATOR in begin:
                is_small = len(begin) < SEARCHED and not may_have_data_elsewhere(begin)  # which is of any size
                start_ahead(FileAhead(begin, str(models[0].parent.absolute())) if is_small else None)

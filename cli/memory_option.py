"""``--memory``: how much the processes may take that run models, and call onnx on graphs it might not survive."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from gru_lower.api.comparison_options import MemoryOption
from gru_lower.cli.library_flags import library_flags

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")


def memory_option(command: Callable[P, R]) -> Callable[P, R]:
    """Add ``--memory`` to a command, and hold its processes to it; odd numbers in a model give no warnings."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        from gru_lower.isolation.chosen_memory import asked_memory
        from gru_lower.isolation.odd_numbers import odd_numbers_expected

        memory = kwargs.get("memory")
        with asked_memory(memory if isinstance(memory, int) else None), odd_numbers_expected():
            return command(*args, **kwargs)

    return library_flags(MemoryOption, "memory")(wrapped)

"""What a batch does with each model: a command line, read before anything starts."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gru_lower.batching.command_process import ask
from gru_lower.errors import InternalError, Unsupported

if TYPE_CHECKING:
    from collections.abc import Sequence


EVIDENCE = "--evidence"


class DoLine(NamedTuple):
    """What a line asks for.

    Attributes:
        command: The command.
        words: Its words, with the configuration that holds here.
        writes: Whether it writes a model.
        overwrites: Whether it may replace one.
        paths: The files and folders that it names, absolute.
        shows: Whether its report can hold what a page shows.

    """

    command: str
    words: list[str]
    writes: bool
    overwrites: bool
    paths: list[str]
    shows: bool

    @property
    def with_evidence(self) -> list[str]:
        """Its words, asking for a report that holds what a page shows, where there is one."""
        return [self.words[0], *([EVIDENCE] if self.shows else []), *self.words[1:]]


def read(do: str | Sequence[str]) -> DoLine:
    """Read a line with the command line's own parser.

    Args:
        do: A command and its options as on the command line, as text or in words.

    Raises:
        Unsupported: It is no command for many models, or its options are not understood.

    """
    try:
        words = shlex.split(do) if isinstance(do, str) else [str(word) for word in do]
    except ValueError as error:
        raise Unsupported(f"--do: {error}", code="GL008", hint="close the quote") from error
    answer: dict[str, Any] = ask({"command": "read", "words": words, "folder": str(Path.cwd())})
    refused = answer.get("error")
    if refused is not None:
        kind = InternalError if refused["internal"] else Unsupported
        raise kind(refused["message"], code=refused["code"], hint=refused["hint"])
    return DoLine(**answer["line"])

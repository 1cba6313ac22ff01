"""What a process was asked before anybody needs the answer: loads and runs that are under way meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gru_lower.verification.arrays import Array
    from gru_lower.verification.worker.frames import Frame

FILE = 0
"""The handle, and the number, of the model of a command's file."""


def may_have_data_elsewhere(model: bytes) -> bool:
    """Whether a serialised model may have weights in other files: then it says where they are."""
    return b"location" in model


class FileAhead(NamedTuple):
    """The model of a command's file, which its process loads without being asked to."""

    model: bytes
    folder: str

    @property
    def header(self) -> dict[str, Any]:
        """How it is loaded."""
        return {"handle": FILE, "number": FILE, **load_header(self.folder)}


def load_header(
    folder: str | None, runtime: str = "onnxruntime", threads: int | None = None, providers: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return how a model is to be loaded."""
    return {"command": "load", "runtime": runtime, "base_dir": folder, "threads": threads, "providers": providers}


class AskedAhead:
    """What one process was asked ahead and nobody has fetched.

    Attributes:
        answers: What it has answered, by number.

    Args:
        file: What it loads without being asked to.

    """

    def __init__(self, file: FileAhead | None) -> None:
        """Know of the file."""
        self._loads: list[tuple[dict[str, Any], bytes]] = [] if file is None else [(file.header, file.model)]
        self._numbers: dict[tuple[object, ...], int] = {} if file is None else {("load", FILE): FILE}
        self._feeds: dict[int, Mapping[str, Array]] = {}  # held, so that no others are taken for them
        self._last = FILE
        self.answers: dict[int, Frame] = {}
        self._was_ahead = False

    def handle(self, header: Mapping[str, Any], model: bytes) -> int | None:
        """Return the handle of a model that is being loaded ahead in the same way, ``None`` where none is."""
        wanted = {name: header[name] for name in load_header(None)}
        for begun, other in self._loads:
            if wanted.items() <= begun.items() and other == model:
                return int(begun["handle"])
        return None

    def add_load(self, header: dict[str, Any], model: bytes) -> int:
        """Enter that a model is loaded ahead; return the number of that."""
        self._loads.append((header, model))
        return self.add(("load", header["handle"]))

    def load_is_taken(self, handle: int) -> None:
        """Enter that a model is loaded for somebody, who may unload it."""
        self._loads = [each for each in self._loads if each[0]["handle"] != handle]

    def number_of(self, key: tuple[object, ...]) -> int | None:
        """Return the number of what was asked ahead and nobody has fetched, ``None`` if it was not."""
        return self._numbers.get(key)

    def add(self, key: tuple[object, ...], feeds: Mapping[str, Array] | None = None) -> int:
        """Enter that something is asked ahead; return its number."""
        self._last += 1
        self._numbers[key] = self._last
        if feeds is not None:
            self._feeds[self._last] = feeds
        return self._last

    def fetch(self, key: tuple[object, ...]) -> int | None:
        """Return the number of what was asked ahead, which is waited for from now on; ``None`` if it was not."""
        number = self._numbers.pop(key, None)
        self._was_ahead = number is not None
        if number is not None:
            self._feeds.pop(number, None)
        return number

    @property
    def matters(self) -> bool:
        """Whether what was fetched last, or asked, may not have been the only thing that the process did."""
        return self._was_ahead or bool(self._numbers)

    @property
    def has_file(self) -> bool:
        """Whether the model of the file may still be wanted."""
        return any(header["handle"] == FILE for header, _ in self._loads)

    def forget(self) -> None:
        """Know of the file alone: the use for which the rest was asked is over."""
        self.answers = {number: answer for number, answer in self.answers.items() if number == FILE}
        self._loads = [each for each in self._loads if each[0]["handle"] == FILE]
        self._numbers = {key: number for key, number in self._numbers.items() if number == FILE}
        self._feeds.clear()

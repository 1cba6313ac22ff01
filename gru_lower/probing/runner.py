"""Running a model by a user's command, with a time limit, and reading the outputs it wrote.

The command has the placeholders ``{model}``, ``{inputs}`` and ``{outputs}``: the model's file, an .npz with an array
per input of the graph, and the .npz to write with an array per output. Exit status 0 says that it ran; with any other,
or beyond the time limit, it was rejected, for the reason on the last line of stderr.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from gru_lower.errors import Unsupported
from gru_lower.light_dataclass import dataclass
from gru_lower.verification.npz_archive import DamagedArchiveError, read_npz

if TYPE_CHECKING:
    from onnx import ModelProto

Array = np.ndarray[Any, np.dtype[Any]]
Arrays = dict[str, Array]
PLACEHOLDERS = ("{model}", "{inputs}", "{outputs}")
LONGEST_REASON = 200
NO_ANSWER = "no answer within"


@dataclass(frozen=True)
class Outcome:
    """The result of one run.

    Attributes:
        outputs: The arrays by name, ``None`` where the model was rejected.
        reason: Why it was rejected, or why what was written cannot be read.

    """

    outputs: Arrays | None
    reason: str = ""


class Runner(Protocol):
    """A function that runs a model once."""

    def __call__(self, model: ModelProto, feeds: Arrays) -> Outcome:
        """Run the model on one set of inputs."""
        ...


class CommandRunner:
    """Runs a user's command for each model.

    Args:
        command: With the placeholders.
        timeout: Seconds for one run.

    Raises:
        Unsupported: A placeholder is missing, or the text is no command.

    """

    def __init__(self, command: str, timeout: float = 60.0) -> None:
        """Split the command into words."""
        missing = [each for each in PLACEHOLDERS if each not in command]
        example = "python my_npu.py {model} {inputs} {outputs}"
        if missing:
            raise Unsupported(
                f"the runner's command lacks {', '.join(missing)}", code="GL405", hint=f'write it like "{example}"'
            )
        try:
            self._words = shlex.split(command)
        except ValueError as error:
            raise Unsupported(
                f"the runner's command cannot be read: {error}", code="GL405", hint=f'write it like "{example}"'
            ) from error
        self._timeout = timeout

    def __call__(self, model: ModelProto, feeds: Arrays) -> Outcome:
        """Write the files, run the command, read what it wrote."""
        with tempfile.TemporaryDirectory(prefix="gru-lower-probe-") as folder:
            paths = {each: str(Path(folder) / f"{each[1:-1]}.npz") for each in PLACEHOLDERS}
            paths["{model}"] = str(Path(folder) / "model.onnx")
            Path(paths["{model}"]).write_bytes(model.SerializeToString())
            np.savez(paths["{inputs}"], **feeds)  # type: ignore[arg-type] # no input is called allow_pickle
            words = [_filled(word, paths) for word in self._words]
            with tempfile.TemporaryFile() as errors:
                reason = self._run(words, errors)
            return Outcome(None, reason) if reason else _read(Path(paths["{outputs}"]))

    def _run(self, words: list[str], errors: Any) -> str:  # noqa: ANN401 - a binary file of tempfile's own kind
        """Return why it was rejected, ``""`` if it ran."""
        try:
            process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True
            )
        except OSError as error:
            hint = "check the command's first word; a path is relative to the current folder"
            message = f"the runner cannot be started: {words[0]}: {error.strerror or error}"
            raise Unsupported(message, code="GL405", hint=hint) from error
        try:
            status = process.wait(self._timeout)
        except subprocess.TimeoutExpired:
            return f"{NO_ANSWER} {self._timeout:g} s"
        finally:
            _end(process)
        if status == 0:
            return ""
        errors.seek(0)
        lines = errors.read().decode(errors="replace").splitlines()
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return last[:LONGEST_REASON] or f"exit status {status}"


def _filled(word: str, paths: dict[str, str]) -> str:
    for placeholder, path in paths.items():
        word = word.replace(placeholder, path)
    return word


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the command and all processes it started."""
    with suppress(OSError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()


def _read(path: Path) -> Outcome:
    if not path.exists():
        return Outcome({}, "it ended with 0, and wrote no outputs")
    try:
        with path.open("rb") as given:
            return Outcome(read_npz(given))
    except (OSError, DamagedArchiveError):
        return Outcome({}, "it ended with 0, and what it wrote is no .npz of numbers by name")

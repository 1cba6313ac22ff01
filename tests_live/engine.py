"""An engine behind its runner: models in, outputs or a reason out."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

import numpy as np

from tests_live import ROOT

if TYPE_CHECKING:
    import onnx

Arrays = dict[str, np.ndarray[Any, Any]]
RUNNERS = ROOT / "examples" / "runners"
PYTHON = os.environ.get("ENGINE_PYTHON", sys.executable)
"""The interpreter that the engine is installed for: some want older packages than gru-lower, or another Python."""
LIMIT = 1200.0
"""Seconds a model may take."""


@dataclass(frozen=True)
class Outcome:
    """What came of one run.

    Attributes:
        outputs: By name; ``None`` if the engine rejected the model.
        reason: Why it did.

    """

    outputs: Arrays | None
    reason: str = ""


class Engine:
    """A server that runs models through one runner; a context manager.

    Args:
        name: The engine's, as in ``run_NAME.py``.
        package: The distribution whose version is the engine's, or the path of a package.json.
        here: Whether the runner keeps something open from model to model.
        runner: Whose runner it is, where that is another engine's: the one in ``run_RUNNER.py``.
        python: The interpreter that it is installed for.
        tolerance: How far off a value may be at least, of the largest value, at least 1.

    """

    def __init__(
        self,
        name: str,
        package: str,
        *,
        here: bool = False,
        runner: str = "",
        python: str = PYTHON,
        tolerance: float = 0.0,
    ) -> None:
        """Start the server."""
        self.name, self.tolerance = name, tolerance
        self.version = version(package, python)
        self._seen: dict[bytes, Outcome] = {}
        self._folder = tempfile.TemporaryDirectory()
        self.script = RUNNERS / f"run_{runner or name}.py"
        command = [python, "-m", "tests_live.serve", str(self.script), *(["--here"] if here else [])]
        self._server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)

    def run(self, model: onnx.ModelProto, feeds: Arrays) -> Outcome:
        """Run one model, or return what came of the same one before."""
        given = sorted((name, array.dtype.str, array.shape, array.tobytes()) for name, array in feeds.items())
        key = hashlib.sha256(model.SerializeToString(deterministic=True) + repr(given).encode()).digest()
        if key not in self._seen:
            self._seen[key] = self._run(model, feeds)
        return self._seen[key]

    def _run(self, model: onnx.ModelProto, feeds: Arrays) -> Outcome:
        folder = Path(self._folder.name)
        paths = {key: folder / key for key in ("model.onnx", "inputs.npz", "outputs.npz", "log.txt")}
        paths["outputs.npz"].unlink(missing_ok=True)
        paths["model.onnx"].write_bytes(model.SerializeToString())
        np.savez(paths["inputs.npz"], **feeds)  # type: ignore[arg-type]
        status = self._ask([*map(str, paths.values()), LIMIT])
        if status == 0:
            with np.load(paths["outputs.npz"]) as outputs:
                return Outcome(dict(outputs))
        said = paths["log.txt"].read_text(encoding="utf-8", errors="replace").split("\n")
        last = next((line for line in reversed(said) if line.strip()), "")
        if status is None:
            last = f"no end after {LIMIT:g} s"
        elif status < 0:
            last = f"ended by signal {-status}: {last}"
        return Outcome(None, last)

    def _ask(self, job: list[object]) -> int | None:
        stdin, stdout = self._server.stdin, self._server.stdout
        assert stdin is not None
        assert stdout is not None
        _write(stdin, job)
        answer = stdout.readline()
        if not answer:
            raise RuntimeError(f"the runner of {self.name} has ended")
        status: int | None = json.loads(answer)
        return status

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait()
        self._folder.cleanup()


def version(package: str, python: str = PYTHON) -> str:
    """Return the version of a distribution, or of an npm package by its package.json."""
    if package.endswith(".json"):
        return str(json.loads(Path(package).read_text(encoding="utf-8"))["version"])
    said = [python, "-c", f"from importlib import metadata; print(metadata.version({package!r}))"]
    return subprocess.run(said, capture_output=True, text=True, check=True).stdout.strip()


def _write(stream: IO[str], job: list[object]) -> None:
    stream.write(f"{json.dumps(job)}\n")
    stream.flush()

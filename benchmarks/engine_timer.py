"""A timer of models in a live engine: a process in the engine's environment that loads and times them in turn."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gru_lower.probing.timing.timer import Timing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gru_lower.probing.probe_model import ProbeModel

ROOT = Path(__file__).resolve().parents[1]
BLOCK = 2e-3
"""Seconds that are timed at a time at least."""


class EngineProcess:
    """A process that times models in one engine.

    Args:
        runner: The name of its runner, ``run_NAME.py``.
        python: The interpreter of the engine's environment.

    """

    def __init__(self, runner: str, python: str) -> None:
        """Start it."""
        self._folder = tempfile.TemporaryDirectory(prefix="gru-lower-timing-")
        script = ROOT / "examples" / "runners" / f"run_{runner}.py"
        command = [python, str(ROOT / "benchmarks" / "engine_server.py"), str(script)]
        env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {"OMP_NUM_THREADS": "1"}
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True, env=env
        )

    def time(
        self, models: Sequence[ProbeModel], settings: Sequence[Mapping[str, str]], rounds: int, block: float = BLOCK
    ) -> list[Timing]:
        """Time models that take the same inputs, each with settings of the engine's."""
        folder = Path(self._folder.name)
        np.savez(folder / "inputs.npz", **models[0].feeds)  # type: ignore[arg-type] # no input is called allow_pickle
        entries = []
        for place, (each, setting) in enumerate(zip(models, settings, strict=True)):
            path, outputs = folder / f"{place}.onnx", folder / f"{place}.npz"
            path.write_bytes(each.model.SerializeToString())
            entries.append({"path": str(path), "outputs": str(outputs), "settings": dict(setting)})
        result = folder / "result.json"
        task = {"models": entries, "inputs": str(folder / "inputs.npz"), "result": str(result), "rounds": rounds}
        status = self._ask(task | {"block": block})
        if status or not result.exists():
            if len(models) == 1:
                return [Timing(reason=f"the engine ended with {status}")]
            pairs = zip(models, settings, strict=True)  # one of them ends the engine: each by itself then
            return [self.time([model], [setting], rounds, block)[0] for model, setting in pairs]
        found: list[dict[str, Any]] = json.loads(result.read_text(encoding="utf-8"))
        return [_timing(each, entry, one) for each, entry, one in zip(models, entries, found, strict=True)]

    def _ask(self, task: dict[str, Any]) -> int:
        asked, answers = self._process.stdin, self._process.stdout
        if asked is None or answers is None:
            raise RuntimeError("the engine's process has no pipes")
        asked.write(f"{json.dumps(task)}\n")
        asked.flush()
        answer = answers.readline()
        if not answer:
            raise RuntimeError("the engine's process has ended: is the engine installed there?")
        return int(json.loads(answer))

    def close(self) -> None:
        """End it."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()
        self._folder.cleanup()


def _timing(model: ProbeModel, entry: Mapping[str, Any], found: Mapping[str, Any]) -> Timing:
    if "reason" in found:
        return Timing(reason=str(found["reason"]))
    with np.load(entry["outputs"]) as outputs:
        fault = model.fault(dict(outputs))
    return Timing(reason=fault) if fault else Timing(tuple(found["seconds"]))

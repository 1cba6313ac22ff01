"""Times models in an engine through its runner: ``python benchmarks/engine_server.py examples/runners/run_ENGINE.py``.

It runs in the engine's environment, where gru-lower need not be. A line of JSON comes for each task: models that take
the same inputs, each with settings; they are loaded once, called in turn, and timed in CPU time, in a fork, so that a
crash ends nothing else. A line answers: the exit status. The result's file says of
each model its seconds by rounds, or why it was rejected.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

WARM_UP = 3


def serve(script: Path) -> None:
    """Serve until stdin ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what engines print to stdout must not come between
    sys.path.insert(0, str(script.parent))
    runner = importlib.import_module(script.stem)
    for line in sys.stdin:
        task = json.loads(line)
        result = Path(task["result"])
        result.unlink(missing_ok=True)
        child = os.fork()
        if not child:
            result.write_text(json.dumps(_timed(runner.prepare, task)), encoding="utf-8")
            os._exit(0)
        _, status = os.waitpid(child, 0)
        answers.write(f"{json.dumps(os.waitstatus_to_exitcode(status))}\n")
        answers.flush()


def _timed(prepare: Callable[..., Any], task: dict[str, Any]) -> list[dict[str, Any]]:
    with np.load(task["inputs"]) as arrays:
        feeds = dict(arrays)
    found: list[dict[str, Any]] = []
    calls: list[Callable[[], Any] | None] = []
    for model in task["models"]:
        try:
            call = prepare(model["path"], feeds, **model["settings"])
            np.savez(model["outputs"], **call())
            call()  # what runs once need not run twice
        except Exception as error:  # noqa: BLE001 - whatever an engine raises, the model was rejected
            calls.append(None)
            found.append({"reason": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"})
        else:
            calls.append(call)
            found.append({"seconds": []})
    gc.collect()
    gc.disable()
    for place, seconds in _in_turn(calls, task["rounds"], task["block"]):
        found[place]["seconds"].append(seconds)
    return [
        {"reason": "it gives other outputs when it is run again"} if call and _changed(call, model["outputs"]) else each
        for each, call, model in zip(found, calls, task["models"], strict=True)
    ]


def _changed(call: Callable[[], Any], outputs: str) -> bool:
    again = call()
    with np.load(outputs) as before:
        return any(not np.array_equal(before[name], array, equal_nan=True) for name, array in again.items())


def _in_turn(calls: list[Callable[[], Any] | None], rounds: int, block: float) -> list[tuple[int, float]]:
    timed = [(place, call, _repeats(call, block)) for place, call in enumerate(calls) if call is not None]
    found = []
    for _ in range(rounds):
        for place, call, repeats in timed:
            begun = time.process_time()
            for _ in range(repeats):
                call()
            found.append((place, (time.process_time() - begun) / repeats))
        timed.reverse()
    return found


def _repeats(call: Callable[[], Any], block: float) -> int:
    shortest = float("inf")
    for _ in range(WARM_UP):
        begun = time.perf_counter()
        call()
        shortest = min(shortest, time.perf_counter() - begun)
    return max(1, round(block / max(shortest, 1e-9)))


if __name__ == "__main__":
    serve(Path(sys.argv[1]))

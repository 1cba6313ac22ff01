"""What every runner shares: the command's arguments, the files, the exit status, the reason, and timing.

A runner is one function and ``sys.exit(main(prepare))``. Its command is::

    python run_ENGINE.py {model} {inputs} {outputs} [--repeat N] [--set NAME=VALUE ...]

``inputs`` is an .npz with an array per input of the graph, ``outputs`` the one to write, with an array per output. The
exit status is 0 if the engine ran the model. Otherwise the last line on stderr says why it did not. With ``--repeat N``
the model is loaded once, warmed up and run N times; beside the outputs stands the array ``__seconds__`` then, the
seconds that each run took.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

if TYPE_CHECKING:
    from collections.abc import Callable

Array = np.ndarray[Any, Any]
Arrays = dict[str, Array]
SECONDS = "__seconds__"
WARM_UP = 3
CLOCKS = {"cpu": time.process_time, "wall": time.perf_counter}
BLOCK = 1e-3
"""Seconds that are timed at a time at least: far above the clocks' own cost."""


def main(run: Callable[..., Any]) -> int:
    """Run one model and return the exit status.

    Args:
        run: Takes the model's path, an array per input name, and settings by keyword, if there are any. Returns an
            array per output name; or, so that it can be timed, a function that runs the loaded model and returns them.
            Raises if it cannot.

    """
    given = _arguments()
    with np.load(given.inputs) as arrays:
        feeds = dict(arrays)
    try:
        prepared = run(given.model, feeds, **dict(each.split("=", 1) for each in given.set))
        results = _twice(prepared) if callable(prepared) else prepared
        taken = {SECONDS: seconds(prepared, given.repeat, given.clock)} if given.repeat else {}
    except Exception as error:  # noqa: BLE001 - whatever an engine raises, the model was rejected
        why = reason(error)
    else:
        np.savez(given.outputs, **as_declared(given.model, results), **taken)  # type: ignore[arg-type] # no output is called allow_pickle
        return 0
    print(why, file=sys.stderr)  # only now: what the error held on to may say something when it goes
    return 1


def _twice(call: Callable[[], Arrays]) -> Arrays:
    """Run the loaded model twice: there are engines that run a model once, and fail or go on from there afterwards."""
    first = {name: np.array(array) for name, array in call().items()}
    again = call()
    for name, array in first.items():
        if not np.allclose(array, again[name], rtol=1e-3, atol=1e-5, equal_nan=True):
            raise RuntimeError(f"{name} is another when the model is run again")
    return first


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    for name in ("model", "inputs", "outputs"):
        parser.add_argument(name)
    parser.add_argument("--repeat", type=int, default=0, help="load once, run so often, and write how long each took")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="time that passes, or the process's CPU time")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the engine's")
    return parser.parse_args()


def seconds(call: Callable[[], Arrays], repeat: int, clock: str = "wall") -> Array:
    """Return the seconds that each of some runs took, [repeat], after a few that are not counted."""
    if not callable(call):
        raise TypeError("this runner loads the model anew for each run: it has nothing to repeat")
    read = CLOCKS[clock]
    shortest = min(_block(call, time.perf_counter, 1) for _ in range(WARM_UP))
    block = max(1, round(BLOCK / max(shortest, 1e-9)))
    return np.array([_block(call, read, block) for _ in range(repeat)])


def _block(call: Callable[[], Arrays], read: Callable[[], float], block: int) -> float:
    begun = read()
    for _ in range(block):
        call()
    return (read() - begun) / block


def reason(error: BaseException) -> str:
    """Return an exception as one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:1000]}"


def as_declared(model: str, results: Arrays) -> Arrays:
    """Return floats in the type the graph declares, for engines that compute in another and hand that out."""
    declared = {
        value.name: onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
        for value in onnx.load(model, load_external_data=False).graph.output
    }
    return {
        name: array.astype(declared[name]) if array.dtype.kind == declared[name].kind == "f" else array
        for name, array in results.items()
    }


def names(model: str) -> tuple[list[str], list[str]]:
    """Return the names of a model's inputs, initializers left out, and of its outputs, in the graph's order."""
    graph = onnx.load(model, load_external_data=False).graph
    constant = {tensor.name for tensor in graph.initializer}
    inputs = [value.name for value in graph.input if value.name not in constant]
    return inputs, [value.name for value in graph.output]

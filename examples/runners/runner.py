"""What every runner shares: the command's arguments, the files, the exit status, the reason.

A runner is one function ``run(model, feeds)`` and ``sys.exit(main(run))``. Its command is::

    python run_ENGINE.py {model} {inputs} {outputs}

``inputs`` is an .npz with an array per input of the graph, ``outputs`` the one to write, with an array per output. The
exit status is 0 if the engine ran the model. Otherwise the last line on stderr says why it did not.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

if TYPE_CHECKING:
    from collections.abc import Callable

Array = np.ndarray[Any, Any]
Arrays = dict[str, Array]


def main(run: Callable[[str, Arrays], Arrays]) -> int:
    """Run one model and return the exit status.

    Args:
        run: Takes the model's path and an array per input name, returns an array per output name; raises if it cannot.

    """
    model, inputs, outputs = sys.argv[1:]
    with np.load(inputs) as given:
        feeds = dict(given)
    try:
        results = run(model, feeds)
    except Exception as error:  # noqa: BLE001 - whatever an engine raises, the model was rejected
        why = reason(error)
    else:
        np.savez(outputs, **as_declared(model, results))  # type: ignore[arg-type] # no output is called allow_pickle
        return 0
    print(why, file=sys.stderr)  # only now: what the error held on to may say something when it goes
    return 1


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

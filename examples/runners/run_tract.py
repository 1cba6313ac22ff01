"""Run a model in tract."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import tract

from runner import Arrays, main, names

if TYPE_CHECKING:
    from collections.abc import Callable


def prepare(model: str, feeds: Arrays) -> Callable[[], Arrays]:
    """Optimise the model as it stands, its symbolic dims included."""
    _, outputs = names(model)
    graph = tract.onnx().load(model)
    order = [graph.input_name(index) for index in range(graph.input_count())]
    try:
        runnable = graph.into_model().into_runnable()
    except tract.TractError as error:
        raise _shortened(error) from error

    given = [tract.Tensor.from_numpy(feeds[name]) for name in order]

    def call() -> Arrays:
        try:
            results = runnable.run(given)  # a state of its own each time: one that is kept goes on where it ended
        except tract.TractError as error:
            raise _shortened(error) from error
        return {name: value.to_numpy() for name, value in zip(outputs, results, strict=True)}

    return call


def run(model: str, feeds: Arrays) -> Arrays:
    """Optimise the model and run it once."""
    return prepare(model, feeds)()


def _shortened(error: tract.TractError) -> RuntimeError:
    return RuntimeError(str(error).partition("Stack backtrace")[0])


if __name__ == "__main__":
    sys.exit(main(prepare))

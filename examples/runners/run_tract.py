"""Run a model in tract."""

from __future__ import annotations

import sys

import tract

from runner import Arrays, main, names


def run(model: str, feeds: Arrays) -> Arrays:
    """Optimise the model as it stands, its symbolic dims included, and run it."""
    _, outputs = names(model)
    graph = tract.onnx().load(model)
    order = [graph.input_name(index) for index in range(graph.input_count())]
    try:
        results = graph.into_model().into_runnable().run([feeds[name] for name in order])
    except tract.TractError as error:
        raise RuntimeError(str(error).partition("Stack backtrace")[0]) from error
    return {name: value.to_numpy() for name, value in zip(outputs, results, strict=True)}


if __name__ == "__main__":
    sys.exit(main(run))

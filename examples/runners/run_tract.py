"""Run a model in tract."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

import tract

from runner import main, names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from runner import Array, Arrays


class Results(Mapping[str, "Array"]):
    """Outputs that become arrays when they are read, so that what is timed is tract: a small GRU takes less.

    Args:
        names: Of the outputs.
        tensors: The outputs.

    """

    def __init__(self, names: Sequence[str], tensors: Sequence[tract.Tensor]) -> None:
        """Keep them."""
        self._tensors = dict(zip(names, tensors, strict=True))

    def __getitem__(self, name: str) -> Array:
        """Return one as an array."""
        array: Array = self._tensors[name].to_numpy()
        return array

    def __iter__(self) -> Iterator[str]:
        """Yield the names."""
        return iter(self._tensors)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._tensors)


def prepare(model: str, feeds: Arrays) -> Callable[[], Results]:
    """Optimise the model as it stands, its symbolic dims included."""
    _, outputs = names(model)
    graph = tract.onnx().load(model)
    order = [graph.input_name(index) for index in range(graph.input_count())]
    try:
        runnable = graph.into_model().into_runnable()
    except tract.TractError as error:
        raise _shortened(error) from error

    given = [tract.Tensor.from_numpy(feeds[name]) for name in order]

    def call() -> Results:
        try:
            results = runnable.run(given)  # a state of its own each time: one that is kept goes on where it ended
        except tract.TractError as error:
            raise _shortened(error) from error
        return Results(outputs, results)

    return call


def run(model: str, feeds: Arrays) -> Arrays:
    """Optimise the model and run it once."""
    return dict(prepare(model, feeds)())


def _shortened(error: tract.TractError) -> RuntimeError:
    return RuntimeError(str(error).partition("Stack backtrace")[0])


if __name__ == "__main__":
    sys.exit(main(prepare))

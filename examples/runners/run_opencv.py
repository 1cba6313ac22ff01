"""Run a model in OpenCV's dnn module."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import cv2

from runner import Arrays, main, names

if TYPE_CHECKING:
    from collections.abc import Callable


def prepare(model: str, feeds: Arrays, threads: str = "") -> Callable[[], Arrays]:
    """Read the model; each call asks for every output by name.

    Args:
        model: Its path.
        feeds: An array per input.
        threads: Of the CPU, OpenCV's own number by default.

    """
    if threads:
        cv2.setNumThreads(int(threads))
    _, outputs = names(model)
    net = cv2.dnn.readNetFromONNX(model)

    def call() -> Arrays:
        for name, array in feeds.items():
            net.setInput(array, name)
        return dict(zip(outputs, net.forward(outputs), strict=True))

    return call


def run(model: str, feeds: Arrays) -> Arrays:
    """Read the model and run it once."""
    return prepare(model, feeds)()


if __name__ == "__main__":
    sys.exit(main(prepare))

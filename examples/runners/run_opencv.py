"""Run a model in OpenCV's dnn module."""

from __future__ import annotations

import sys

import cv2

from runner import Arrays, main, names


def run(model: str, feeds: Arrays) -> Arrays:
    """Read the model and ask for every output by name."""
    _, outputs = names(model)
    net = cv2.dnn.readNetFromONNX(model)
    for name, array in feeds.items():
        net.setInput(array, name)
    return dict(zip(outputs, net.forward(outputs), strict=True))


if __name__ == "__main__":
    sys.exit(main(run))

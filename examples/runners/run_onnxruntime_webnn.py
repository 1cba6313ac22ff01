"""Run a model in onnxruntime-web, by its WebNN provider, in a headless Chromium that has WebNN.

Debian's Chromium has none; that of the npm package ``@sparticuz/chromium`` has, on the CPU, and ``CHROMIUM`` is to name
it: ``node -e 'import("@sparticuz/chromium").then((c) => c.default.executablePath()).then(console.log)'`` unpacks it
and says where. What the provider does not take runs on WASM, so a model is rejected where a GRU or a product of it is
placed there.

See ``run_onnxruntime_web.py`` for what else has to be installed.
"""

from __future__ import annotations

import sys
from functools import cache

import onnx

from run_onnxruntime_web import Browser
from runner import Arrays, main

FLAGS = ("--no-zygote", "--enable-features=WebMachineLearningNeuralNetwork")
COMPUTES = ("GRU", "MatMul", "Gemm")
"""What has to be on the device, the first that a model has."""


@cache
def browser() -> Browser:
    """Return the one browser of this process."""
    return Browser("?bundle=ort.all.min.mjs&provider=webnn", FLAGS, limit=60)


def run(model: str, feeds: Arrays) -> Arrays:
    """Run the model in the browser, which stays open."""
    kinds = {node.op_type for node in onnx.load(model, load_external_data=False).graph.node}
    return browser().run(model, feeds, stays=next((kind for kind in COMPUTES if kind in kinds), ""))


if __name__ == "__main__":
    sys.exit(main(run))

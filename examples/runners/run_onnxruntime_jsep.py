"""Run a model in onnxruntime-web as ``import "onnxruntime-web"`` brings it, by its WebGPU provider in JavaScript.

It is another one than that of ``import "onnxruntime-web/webgpu"``, which ``run_onnxruntime_webgpu.py`` runs. It has no
GRU: the node runs on WASM.

See ``run_onnxruntime_web.py`` for what has to be installed.
"""

from __future__ import annotations

import sys
from functools import cache

from run_onnxruntime_web import Browser
from run_onnxruntime_webgpu import FLAGS
from runner import Arrays, main


@cache
def browser() -> Browser:
    """Return the one browser of this process."""
    return Browser("?bundle=ort.min.mjs&provider=webgpu", FLAGS)


def run(model: str, feeds: Arrays) -> Arrays:
    """Run the model in the browser, which stays open."""
    return browser().run(model, feeds)


if __name__ == "__main__":
    sys.exit(main(run))

"""Run a model in onnxruntime-web, by its WebGPU provider, in a headless Chromium.

What the provider does not take runs on WASM, and the values leave the GPU on the way: a Scan, say, or what computes
shapes. For a GRU that would be a reason to lower it, so a model is rejected where one of its GRUs is placed there.
Where there is no GPU, Chromium computes as one in software.

See ``run_onnxruntime_web.py`` for what has to be installed.
"""

from __future__ import annotations

import sys
from functools import cache

import onnx

from run_onnxruntime_web import Browser
from runner import Arrays, main

FLAGS = ("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan")


@cache
def browser() -> Browser:
    """Return the one browser of this process."""
    return Browser("?bundle=ort.webgpu.min.mjs&provider=webgpu", FLAGS)


def run(model: str, feeds: Arrays) -> Arrays:
    """Run the model in the browser, which stays open."""
    graph = onnx.load(model, load_external_data=False).graph
    return browser().run(model, feeds, stays="GRU" if any(node.op_type == "GRU" for node in graph.node) else "")


if __name__ == "__main__":
    sys.exit(main(run))

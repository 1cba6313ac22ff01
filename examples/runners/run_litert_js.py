"""Convert a model to LiteRT by onnx2tf, and run it in LiteRT.js on the CPU (WASM), in a headless Chromium.

``LITERT_JS`` names the folder of the npm packages, ``node_modules/@litertjs`` by default. See ``run_onnx2tf.py`` and
``run_onnxruntime_web.py`` for what else has to be installed. ``LITERT_JS_ACCELERATOR=webgpu`` runs it on the GPU, or
rejects what is not wholly there.
"""

from __future__ import annotations

import os
import sys
import tempfile
from functools import cache
from pathlib import Path

import onnx2tf  # noqa: F401 - TensorFlow is imported before the browser is started
from run_onnx2tf import converted
from run_onnxruntime_web import NO_GPU, Browser
from run_onnxruntime_webgpu import FLAGS
from runner import Arrays, main, names

PACKAGES = Path(os.environ.get("LITERT_JS", "node_modules/@litertjs"))
ACCELERATOR = os.environ.get("LITERT_JS_ACCELERATOR", "wasm")
PAGE = Path(__file__).parent / "litert_js"


@cache
def browser() -> Browser:
    """Return the one browser of this process."""
    served = {f"/{name}/": PACKAGES / name for name in ("core", "wasm-utils")}
    flags = NO_GPU if ACCELERATOR == "wasm" else FLAGS
    return Browser(f"?accelerator={ACCELERATOR}", flags, page=PAGE, served=served)


def run(model: str, feeds: Arrays) -> Arrays:
    """Convert the model, and run it in the browser, which stays open."""
    _, outputs = names(model)
    with tempfile.TemporaryDirectory() as folder:
        found = browser().run(str(converted(model, folder)), feeds)
    return {name: found[name] for name in outputs}


if __name__ == "__main__":
    sys.exit(main(run))

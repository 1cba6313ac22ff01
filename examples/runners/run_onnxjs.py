"""Run a model in onnxjs, onnxruntime-web's predecessor, on its CPU backend, in node.

``ONNXJS`` names the folder of the npm package, ``node_modules/onnxjs`` by default, and ``NODE`` node's command.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from runner import Arrays, main, names

SCRIPT = Path(__file__).parent / "onnxjs" / "run.cjs"
PACKAGE = os.environ.get("ONNXJS", "node_modules/onnxjs")
NODE = os.environ.get("NODE", "node")
LIMIT = 300
"""Seconds a model may take."""


def run(model: str, feeds: Arrays) -> Arrays:
    """Hand the model to node, which loads and runs it."""
    _, outputs = names(model)
    job = {
        "model": str(Path(model).resolve()),
        "inputs": {
            name: {
                "kind": array.dtype.name,
                "dims": array.shape,
                "data": base64.b64encode(np.ascontiguousarray(array).tobytes()).decode(),
            }
            for name, array in feeds.items()
        },
    }
    done = subprocess.run(
        [NODE, str(SCRIPT), str(Path(PACKAGE).resolve())],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
    )
    said = [line for line in done.stdout.splitlines() if line.startswith('{"')]
    if not said:
        raise RuntimeError(done.stderr.strip() or f"node ended with {done.returncode}")
    answer = json.loads(said[-1])
    if "error" in answer:
        raise RuntimeError(answer["error"])
    found = {
        name: np.frombuffer(base64.b64decode(each["data"]), each["kind"]).reshape(each["dims"])
        for name, each in answer["results"].items()
    }
    return {name: found[name] for name in outputs}


if __name__ == "__main__":
    sys.exit(main(run))

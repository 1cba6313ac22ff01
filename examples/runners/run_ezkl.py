"""Compile a model to a circuit of ezkl, and compute its witness: fixed-point numbers of 12 bits behind the point."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import ezkl
import numpy as np

from chips import shapes_of
from runner import Arrays, main, names

BITS = 12


def run(model: str, feeds: Arrays) -> Arrays:
    """Compile the model and compute what a proof would be of."""
    inputs, outputs = names(model)
    wanted = ezkl.PyRunArgs()
    wanted.input_scale = wanted.param_scale = BITS
    with tempfile.TemporaryDirectory() as folder:
        data, settings, circuit, witness = (str(Path(folder, name)) for name in ("data", "settings", "circuit", "out"))
        given = {"input_data": [feeds[name].astype(float).ravel().tolist() for name in inputs]}
        Path(data).write_text(json.dumps(given), encoding="utf-8")
        ezkl.gen_settings(model, settings, wanted)
        ezkl.compile_circuit(model, circuit, settings)
        ezkl.gen_witness(data, circuit, witness)
        said = json.loads(Path(witness).read_text(encoding="utf-8"))
    values = said["pretty_elements"]["rescaled_outputs"]
    shapes = shapes_of(Path(model))
    return {
        name: np.array([float(value) for value in each], np.float32).reshape(shapes[name])
        for name, each in zip(outputs, values, strict=True)
    }


if __name__ == "__main__":
    sys.exit(main(run))

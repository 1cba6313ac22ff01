"""Convert a model for Apple's Core AI by coreai-onnx, and run it in the runtime that coreai-core has for Linux."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

import coreai_onnx
import numpy as np
import onnx
from coreai.authoring import AIModelAsset
from coreai.runtime import NDArray

from runner import Arrays, main, names

NARROW = {"int64": np.int32, "float64": np.float32}
"""Types that it has no tensors of, and what its programs take in their place."""


def run(model: str, feeds: Arrays) -> Arrays:
    """Convert the model, save it as an asset, and run that on units that are not named, as it has to be on Linux."""
    _, outputs = names(model)
    given = {name: NDArray(array.astype(NARROW.get(array.dtype.name, array.dtype))) for name, array in feeds.items()}

    async def called(path: Path) -> Arrays:
        async with AIModelAsset.load(path).executable(None) as program:
            found = await program.load_function("main")(given)
            return {name: np.asarray(found[name].numpy()).copy() for name in outputs}

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.aimodel")
        coreai_onnx.convert(onnx.load(model)).save_asset(path)
        return asyncio.run(called(path))


if __name__ == "__main__":
    sys.exit(main(run))

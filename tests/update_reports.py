"""Write the reports that docs/reports.md shows: ``python tests/update_reports.py [NAME...]``; it wants pygraphviz.

Models that may not be shipped lie in ../shared: of them a report holds names, shapes and errors, and no weight.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from gru_lower.cli.main import run

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "reports"
SHARED = Path(os.environ.get("GRU_LOWER_SHARED", ROOT.parent / "shared")) / "models"
MODELS = {
    "digits": ROOT / "fixtures" / "digits_gru.onnx",
    "g2p": ROOT / "fixtures" / "g2p_encoder.onnx",
    "gtcrn": SHARED / "gtcrn_stream_simple" / "model.onnx",
    "plcmos": SHARED / "plcmos_v1_nonintrusive" / "model.onnx",
    "aecmos": SHARED / "aecmos_Run_1663829550_Stage_0" / "model.onnx",
}


def other_digits() -> None:
    """Write digits.onnx with weights a hundredth larger, as a converter might that rounds them."""
    model = onnx.load("digits.onnx")
    weights = next(each for each in model.graph.initializer if "GRU" in each.name)
    values = numpy_helper.to_array(weights) * np.float32(1.01)
    weights.CopyFrom(numpy_helper.from_array(values, weights.name))
    onnx.save(model, "digits.converted.onnx")


def write_reports(names: list[str]) -> None:
    """Write the reports of some models, in a folder of its own, so that no path of this machine is in them."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name in names:
            shutil.copyfile(MODELS.get(name, MODELS["digits"]), f"{name if name in MODELS else 'digits'}.onnx")
            page = ["--report", str(FOLDER / f"{name}.html"), "--overwrite"]
            if name == "different":
                other_digits()
                run(["verify", "digits.onnx", "digits.converted.onnx", *page])
            else:
                run(["lower", f"{name}.onnx", "-o", f"{name}.lowered.onnx", *page])
        os.chdir(ROOT)


if __name__ == "__main__":
    write_reports(sys.argv[1:] or [*MODELS, "different"])

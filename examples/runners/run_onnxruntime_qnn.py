"""Run a model in onnxruntime's QNN provider, in the simulator of Qualcomm's HTP that its wheel for Linux carries.

It computes floats in 16 bits. With ``--int8`` or ``--int16`` onnxruntime's own quantiser writes what QNN reads: 8 or 16
bits for activations, 8 for weights.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING

import onnx
import onnxruntime
import onnxruntime_qnn
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize
from onnxruntime.quantization.execution_providers.qnn import get_qnn_qdq_config

from chips import Built, Job, main, once, wholly
from runner import Arrays, names

if TYPE_CHECKING:
    from pathlib import Path

CHIP = {"htp_arch": "73", "soc_model": "43"}
"""Which one is simulated; without it no graph can be made."""
ACTIVATIONS = {"int8": QuantType.QUInt8, "int16": QuantType.QUInt16}


class Cases(CalibrationDataReader):  # type: ignore[misc] # it has no types
    """What calibrates, one case after the other."""

    def __init__(self, cases: list[Arrays]) -> None:
        """Begin with the first."""
        self._left = iter(cases)

    def get_next(self) -> Arrays | None:
        """Return the next case."""
        return next(self._left, None)


def build(job: Job) -> Built:
    """Quantise the model if asked to, and make a session in which QNN comes before the CPU."""
    _, outputs = names(str(job.model))
    session = _session(job.model if job.precision == "float" else _quantised(job))
    placed: dict[str, Counter[str]] = {"NPU": Counter(), "CPU": Counter()}
    for part in session.get_provider_graph_assignment_info():  # several are the same provider's
        place = "NPU" if part.ep_name == onnxruntime_qnn.get_ep_name() else "CPU"
        placed[place].update(node.op_type for node in part.get_nodes())

    def run(feeds: Arrays) -> Arrays:
        return dict(zip(outputs, session.run(outputs, feeds), strict=True))

    return Built(run, {place: dict(counts) for place, counts in placed.items()})


def _quantised(job: Job) -> Path:
    made = job.folder / "quantised.onnx"
    wanted = get_qnn_qdq_config(
        onnx.load(job.model),
        Cases(job.cases),
        activation_type=ACTIVATIONS[job.precision],
        weight_type=QuantType.QUInt8,
    )
    quantize(str(job.model), str(made), wanted)
    return made


def _session(model: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    chip = {"backend_path": onnxruntime_qnn.get_qnn_htp_path(), "enable_htp_fp16_precision": "1", **CHIP}
    options.add_provider_for_devices(_devices(), chip)
    return onnxruntime.InferenceSession(str(model), options)


def _devices() -> list[onnxruntime.OrtEpDevice]:
    name = onnxruntime_qnn.get_ep_name()
    found = [each for each in onnxruntime.get_ep_devices() if each.ep_name == name]
    if not found:
        onnxruntime.register_execution_provider_library(name, onnxruntime_qnn.get_library_path())
        found = [each for each in onnxruntime.get_ep_devices() if each.ep_name == name]
    return found


run = once(wholly(build))

if __name__ == "__main__":
    sys.exit(main(build))

"""The engines that ``python -m benchmarks targets`` measures, and how each is run: one thread, on the CPU."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class EngineSetting:
    """A way to run an engine.

    Attributes:
        name: For people.
        options: Of its runner.
        precision: What it computes in, ``""`` where there is one only.
        flags: Flags of its own, ``""`` for none.

    """

    name: str
    options: dict[str, str] = field(default_factory=dict)
    precision: str = ""
    flags: str = ""


@dataclass(frozen=True)
class MeasuredEngine:
    """An engine.

    Attributes:
        runner: Of its runner, ``run_NAME.py``.
        package: The distribution whose version is the engine's.
        target: Its profile.
        settings: The ways to run it; without flags the first.

    """

    runner: str
    package: str
    target: str
    settings: tuple[EngineSetting, ...]


THREAD = {"threads": "1"}
ORIGIN = "--useOriginRNNImpl"
ENGINES = {
    "mnn": MeasuredEngine(
        "mnn",
        "MNN",
        "mnn",
        (EngineSetting("default", THREAD), EngineSetting(ORIGIN, THREAD | {"flags": ORIGIN}, flags=ORIGIN)),
    ),
    "opencv": MeasuredEngine("opencv", "opencv-python-headless", "opencv5", (EngineSetting("default", THREAD),)),
    "openvino": MeasuredEngine(
        "openvino",
        "openvino",
        "openvino",
        tuple(EngineSetting(each, THREAD | {"precision": each}, precision=each) for each in ("f32", "bf16")),
    ),
    "tract": MeasuredEngine("tract", "tract", "tract", (EngineSetting("default"),)),
    "onnxruntime": MeasuredEngine("onnxruntime", "onnxruntime", "onnxruntime", (EngineSetting("default", THREAD),)),
}

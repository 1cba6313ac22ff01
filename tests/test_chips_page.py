"""docs/chips.md: a loop around a model of one step gives what the whole sequence gives, in Python and in C."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import gru_lower
from document_blocks import blocks
from gru_lower.frameworks import pytorch
from lowering import run

if TYPE_CHECKING:
    from collections.abc import Callable

    Array = np.ndarray[Any, Any]
    Step = Callable[[Array, Array], tuple[Array, Array]]

PAGE = Path(__file__).resolve().parents[1] / "docs" / "chips.md"
T, I, H = 23, 4, 6
FLOATS = ctypes.POINTER(ctypes.c_float)


def block(name: str) -> str:
    return next(each.text for each in blocks(PAGE.read_text(encoding="utf-8")) if each.file == name)


def weights() -> dict[str, Array]:
    rng = np.random.default_rng(7)
    shapes = {"weight_ih_l0": (3 * H, I), "weight_hh_l0": (3 * H, H), "bias_ih_l0": (3 * H,), "bias_hh_l0": (3 * H,)}
    both = {f"{name}{end}": shape for name, shape in shapes.items() for end in ("", "_reverse")}
    return {name: rng.uniform(-0.6, 0.6, shape).astype(np.float32) for name, shape in both.items()}


def exported(given: dict[str, Array], *, both: bool) -> Any:
    config = {"input_size": I, "hidden_size": H, "bidirectional": both}
    return pytorch.to_onnx(given, config=config, opset=17)


def whole(frames: Array) -> Array:
    """Return the outputs of both directions over the whole sequence, [T, 2, H]."""
    (outputs, *_) = run(exported(weights(), both=True), {"X": frames[:, None]}).values()
    return outputs.reshape(T, 2, H)


def step_of(end: str) -> Step:
    """Return one step of a direction, as a chip has it: streamed, and lowered for any target."""
    chosen = {
        name.removesuffix(end): value for name, value in weights().items() if name.endswith("_reverse") == bool(end)
    }
    streamed = gru_lower.stream(exported(chosen, both=False)).model
    made = gru_lower.lower(streamed, target="portable", fix_dims={"B": 1}).model
    assert len(made.graph.node) < 30
    frame, state = (value.name for value in made.graph.input)
    output, after = made.graph.output[0].name, made.graph.output[-1].name

    def step(given: Array, held: Array) -> tuple[Array, Array]:
        found = run(made, {frame: given.reshape(1, 1, I), state: held.reshape(1, 1, H)})
        return found[output].reshape(H), found[after].reshape(H)

    return step


@pytest.fixture
def frames() -> Array:
    return np.random.default_rng(1).normal(size=(T, I)).astype(np.float32)


def test_the_loop_in_python(frames: Array) -> None:
    names: dict[str, Any] = {}
    exec(block("step_loop.py"), names)  # noqa: S102 - our own document
    for direction, end in enumerate(("", "_reverse")):
        outputs, last = names["run_steps"](step_of(end), frames, np.zeros(H, np.float32), backwards=bool(end))
        np.testing.assert_allclose(outputs, whole(frames)[:, direction], atol=1e-5)
        np.testing.assert_array_equal(last, outputs[0 if end else -1])


@pytest.mark.skipif(shutil.which(os.environ.get("CC", "cc")) is None, reason="needs a C compiler; CC names one")
def test_the_loop_in_c(frames: Array, tmp_path: Path) -> None:
    (tmp_path / "step_loop.c").write_text(block("step_loop.c"), encoding="utf-8")
    library = tmp_path / "step_loop.so"
    strict = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    subprocess.run([os.environ.get("CC", "cc"), *strict, "-o", library, tmp_path / "step_loop.c"], check=True)
    run_steps = ctypes.CDLL(str(library)).run_steps
    callback = ctypes.CFUNCTYPE(ctypes.c_int, FLOATS, FLOATS, FLOATS, FLOATS)

    def looped(step: Any, direction: int) -> tuple[int, Array, Array]:
        """Return what the loop returned, its outputs and the last state."""
        state, room, outputs = np.zeros(H, np.float32), np.zeros(H, np.float32), np.zeros((T, H), np.float32)
        length, of_frame, of_state, of_output = (ctypes.c_size_t(size) for size in (T, I, H, H))
        given, held, after, made = (array.ctypes.data_as(FLOATS) for array in (frames, state, room, outputs))
        status = run_steps(callback(step), given, length, of_frame, held, after, of_state, made, of_output, direction)
        return status, outputs, state

    for direction, end in enumerate(("", "_reverse")):
        step = step_of(end)

        def called(frame: Any, state: Any, output: Any, after: Any, step: Step = step) -> int:
            found = step(np.ctypeslib.as_array(frame, (I,)), np.ctypeslib.as_array(state, (H,)))
            for place, value in zip((output, after), found, strict=True):
                np.ctypeslib.as_array(place, (H,))[:] = value
            return 0

        status, outputs, state = looped(called, direction)
        assert status == 0
        np.testing.assert_allclose(outputs, whole(frames)[:, direction], atol=1e-5)
        np.testing.assert_array_equal(state, outputs[0 if end else -1])
    assert looped(lambda *_: 3, 0)[0] == 3

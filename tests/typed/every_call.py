"""A user's file: every call of the library, with the kinds of model that are handed in. Type-checked, never run."""

from pathlib import Path
from typing import assert_type

import numpy as np
import onnx

import gru_lower
from gru_lower.frameworks import keras, mlx, pytorch, tensorflow
from gru_lower.testing import assert_equivalent


def shown(*_values: object) -> None:
    """Stand for whatever a user does with values."""


def rewritten(proto: onnx.ModelProto) -> None:
    assert_type(gru_lower.lower("m.onnx", form="scan").model, onnx.ModelProto)
    assert_type(gru_lower.lower(Path("m.onnx"), target="portable", fix_dims={"batch": 1}).model, onnx.ModelProto)
    assert_type(gru_lower.lower(b"...", opset=17, set={"lengths": "time"}).model, onnx.ModelProto)
    assert_type(gru_lower.lower(proto, forbid=("Split", "Sub"), vocabulary="minimal").model, onnx.ModelProto)
    assert_type(gru_lower.fuse(proto, require=1).model, onnx.ModelProto)
    assert_type(gru_lower.legalize(proto, target="mnn").model, onnx.ModelProto)
    assert_type(gru_lower.quantize(proto, weights_only=True).model, onnx.ModelProto)
    assert_type(gru_lower.fix(proto, unsafe=True, select=["GL711"]).model, onnx.ModelProto)
    streamed = gru_lower.stream(proto, chunk=2)
    assert_type(streamed, gru_lower.Result[onnx.ModelProto])
    streamed.save("stream.onnx", overwrite=True)
    assert_type(streamed.to_bytes(), bytes)
    assert_type(streamed.report.verification.status == "equivalent", bool)


def looked_at(proto: onnx.ModelProto) -> None:
    for site in gru_lower.inspect(proto).sites:
        shown(site.site, site.action, site.message)
    for found in gru_lower.check("m.onnx", target="mnn", ignore=("GL7",)).diagnostics:
        shown(found.code, found.message, found.hint)
    verdict = gru_lower.verify(proto, "b.onnx", inputs=[{"x": np.zeros((2, 3), np.float32)}], prove=True)
    shown(verdict.max_abs_error, verdict.starts_at)
    shown(gru_lower.bench("m.onnx", seconds=1.0, threads=2).ratio)
    assert_equivalent("a.onnx", proto, rtol=1e-3)
    for outcome in gru_lower.batch("models/*.onnx", do="lower", out="lowered", cluster="none"):
        shown(outcome.model, outcome.exit_code)


def streamed(frames: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> None:
    session = gru_lower.streaming.Session(gru_lower.stream("m.onnx"), threads=2)
    shown(session.push(frames), session.flush(), session.states)
    session.reset()
    shown(gru_lower.streaming.describe(onnx.load("stream.onnx")))


def computed(x: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> None:
    shown(gru_lower.reference.gru(x, x, x))
    shown(gru_lower.__version__)


def of_frameworks(layer: object) -> None:
    weights = pytorch.to_weights("m.onnx", node="gru")
    assert_type(pytorch.to_onnx(weights, config=pytorch.to_config("m.onnx")), onnx.ModelProto)
    assert_type(keras.to_onnx(layer, opset=17), onnx.ModelProto)
    assert_type(tensorflow.to_onnx(layer), onnx.ModelProto)
    assert_type(mlx.to_onnx(layer), onnx.ModelProto)
    shown(
        pytorch.from_onnx("m.onnx"), keras.from_onnx("m.onnx"), tensorflow.from_onnx("m.onnx"), mlx.from_onnx("m.onnx")
    )
    shown(keras.to_weights("m.onnx"), tensorflow.to_config("m.onnx"), mlx.to_weights("m.onnx"))


def failing() -> None:
    try:
        gru_lower.lower("m.onnx")
    except (gru_lower.InvalidModel, gru_lower.Unsupported, gru_lower.Remaining, gru_lower.NotEquivalent) as error:
        shown(error, error.code, error.hint, error.node)
    except gru_lower.InternalError as error:
        shown(error)
    except gru_lower.GruLowerError as error:
        shown(error, error.code, error.hint, error.node)

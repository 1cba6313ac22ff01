"""What runners of LiteRT models share: conversion by onnx2tf, to floats or whole numbers, and tensors of these."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # read when TensorFlow is imported

import numpy as np
import onnx
import onnx2tf
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from runner import names

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from chips import Job
    from runner import Array

KINDS = {
    "int8": ([tf.lite.OpsSet.TFLITE_BUILTINS_INT8], tf.int8),
    "int16": ([tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8], tf.int16),
}


def converted(job: Job) -> Path:
    """Return the LiteRT model that onnx2tf makes, with axes as they stand; quantised whole, with what goes in and out.

    It is what ``onnx2tf -oiqt`` writes, whose calibration takes inputs of one first axis alone.
    """
    inputs, _ = names(str(job.model))
    indices = _index_by_int32(job.model)
    with contextlib.chdir(job.folder):  # it leaves files where it stands
        onnx2tf.convert(
            input_onnx_file_path=str(job.model),
            output_folder_path=str(job.folder),
            keep_shape_absolutely_input_names=inputs,
            copy_onnx_input_output_names_to_tflite=True,
            output_signaturedefs=True,
            not_use_onnxsim=True,
            non_verbose=True,
        )
    made = job.folder / "model_float32.tflite"
    if job.precision != "float":
        made = job.folder / f"model_{job.precision}.tflite"
        made.write_bytes(_quantised(job, inputs, indices))
    return made


def _index_by_int32(path: Path) -> set[str]:
    """Make indices int32, and return the names of those handed in: a microcontroller has no GATHER by int64."""
    model, indices = onnx.load(path), set()
    readers = [(node.op_type, place, name) for node in model.graph.node for place, name in enumerate(node.input)]

    def is_index(name: str) -> bool:
        return {(op_type, place) for op_type, place, read in readers if read == name} == {("Gather", 1)}

    for given in model.graph.input:
        if is_index(given.name):
            given.type.tensor_type.elem_type = onnx.TensorProto.INT32
            indices.add(given.name)
    for tensor in model.graph.initializer:
        if is_index(tensor.name):
            whole = onnx.numpy_helper.to_array(tensor).astype(np.int32)
            tensor.CopyFrom(onnx.numpy_helper.from_array(whole, tensor.name))
    onnx.save(model, path)
    return indices


def _quantised(job: Job, inputs: list[str], indices: set[str]) -> bytes:
    def cases() -> Iterator[dict[str, Array]]:
        for case in job.cases:
            yield {name: case[name].astype(np.int32) if name in indices else case[name] for name in inputs}

    converter = tf.lite.TFLiteConverter.from_saved_model(str(job.folder))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_ops, kind = KINDS[job.precision]
    converter.representative_dataset = cases
    converter.inference_input_type = converter.inference_output_type = kind
    made: bytes = converter.convert()
    return made


def operators(model: Path) -> list[str]:
    """Return the kinds of a LiteRT model's operators."""
    return [each["op_name"] for each in Interpreter(str(model))._get_ops_details()]  # noqa: SLF001 - no public one


def places(model: Path, inputs: list[str], outputs: list[str]) -> tuple[list[int], list[int]]:
    """Return at which place of the LiteRT model each input and output of the ONNX model is."""
    interpreter = Interpreter(str(model))
    (signature,) = interpreter._get_full_signature_list().values()  # noqa: SLF001 - names alone are public
    order = [
        [each["index"] for each in details()]
        for details in (interpreter.get_input_details, interpreter.get_output_details)
    ]
    taken, made = signature["inputs"], signature["outputs"]
    numbered = [f"output_{index}" for index in range(len(outputs))]  # what a quantised model is left with
    found = outputs if set(outputs) <= set(made) else numbered
    return [order[0].index(taken[name]) for name in inputs], [order[1].index(made[name]) for name in found]


def to_whole(array: Array, details: dict[str, Any]) -> Array:
    """Return an array in the type of a tensor, by the tensor's scale and zero point if it stands for floats."""
    steps = _steps(details)
    if steps is None:
        return array.astype(details["dtype"])
    limits = np.iinfo(details["dtype"])
    scale, zero = steps
    return np.clip(np.round(array / scale) + zero, limits.min, limits.max).astype(details["dtype"])


def to_float(array: Array, details: dict[str, Any]) -> Array:
    """Return what a tensor's whole numbers stand for."""
    steps = _steps(details)
    if steps is None:
        return array
    scale, zero = steps
    return ((array.astype(np.float32) - zero) * scale).astype(np.float32)


def _steps(details: dict[str, Any]) -> tuple[float, int] | None:
    quantisation = details["quantization_parameters"]
    if not len(quantisation["scales"]):
        return None
    return float(quantisation["scales"][0]), int(quantisation["zero_points"][0])

"""Calls of onnx's functions that are written in C++: shape inference, the version converter, the inliner.

On some graphs they end the process, or take memory without end. A graph of which every operator, attribute and size is
known (:mod:`gru_lower.graph.validation.plain_graphs`) is handed to them as it is; any other in a process of its own,
within limits of memory and time.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from collections import OrderedDict
from typing import TYPE_CHECKING

import onnx
from google.protobuf.message import DecodeError, EncodeError

from gru_lower.errors import Unsupported
from gru_lower.graph import budget
from gru_lower.graph.onnx_functions import FUNCTIONS, REFUSALS
from gru_lower.graph.validation.negative_dims import keeps_dims_positive
from gru_lower.graph.validation.plain_graphs import has_few_calls, is_plain
from gru_lower.isolation.chosen_memory import chosen_memory
from gru_lower.isolation.environment import environment

if TYPE_CHECKING:
    from typing import Literal

    Name = Literal["infer", "infer strictly", "convert", "inline"]

COMMAND = (sys.executable, "-P", "-m", "gru_lower.graph.onnx_functions")
SECONDS = 20.0
"""How long a call may take in a process of its own."""
MOST_INLINED, DEEPEST_INLINED = 200_000, 64
"""How many nodes functions may be, written out, and how deep calls may be nested."""
KEPT = 8
"""How many answers of processes are kept: passes ask for the same one again."""


class OnnxRefusalError(Exception):
    """onnx refuses a model, or did not survive it."""


_answers: OrderedDict[bytes, bytes] = OrderedDict()


def call(
    name: Name, model: onnx.ModelProto, number: int = 0, *, plain: bool = False, slices: bool = True
) -> onnx.ModelProto:
    """Return what one of onnx's functions makes of a model.

    Args:
        name: The function, a key of :data:`gru_lower.graph.onnx_functions.FUNCTIONS`.
        model: The model; large constants should have been taken out where the function does not need them.
        number: The opset to convert to; of the inliner whether to convert functions.
        plain: Whether the model is known to be plain; otherwise that is found out.
        slices: Whether it may hold a Slice.

    Raises:
        OnnxRefusalError: With onnx's own words, or with what became of the process.

    """
    if plain or is_plain(model):
        try:
            safe = name == "inline" or not slices
            if safe or keeps_dims_positive(model, lambda graph: FUNCTIONS["infer"](graph, 0)):
                return FUNCTIONS[name](model, number)
        except REFUSALS as error:
            raise OnnxRefusalError(str(error)) from error
    try:
        raw = model.SerializeToString()
    except (EncodeError, ValueError) as error:
        raise OnnxRefusalError(f"the model is too large ({error})") from error
    key = hashlib.sha256(f"{name} {number} ".encode() + raw).digest()
    reply = _answers.get(key, b"")
    if not reply:
        had_all_its_time = budget.current().process_seconds >= SECONDS
        reply = _asked(name, number, raw)
        if reply[:1] == b"X":
            budget.current().ended.append(reply[1:].decode())
        if reply[:1] != b"X" or had_all_its_time:
            _answers[key] = reply
        while len(_answers) > KEPT:
            _answers.popitem(last=False)
    if reply[:1] != b"M":
        raise OnnxRefusalError(reply[1:].decode(errors="replace"))
    try:
        answer: onnx.ModelProto = onnx.ModelProto.FromString(reply[1:])
    except DecodeError as error:
        raise OnnxRefusalError("onnx's answer cannot be read") from error
    return answer


def _asked(name: str, number: int, raw: bytes) -> bytes:
    """Return the answer of a process."""
    command = [*COMMAND, name, str(number), str(chosen_memory())]
    spent, start = budget.current(), time.monotonic()
    seconds = min(SECONDS, spent.process_seconds)
    if seconds <= 0:
        return b"Xonnx was not asked again: earlier calls took all the time there is"
    try:
        done = subprocess.run(
            command,
            input=raw,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
            env=environment(),
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"Xonnx did not answer within {seconds:.3g} s".encode()
    except OSError as error:
        return f"Xthe process cannot be started ({error.strerror or error})".encode()
    finally:
        spent.process_seconds -= time.monotonic() - start
    if done.returncode or not done.stdout:
        return f"Xonnx did not survive the model (exit status {done.returncode})".encode()
    return done.stdout


def inlined(model: onnx.ModelProto, *, convert: bool = False) -> onnx.ModelProto:
    """Return a model with its local functions written out wherever they are called.

    Args:
        model: The model.
        convert: Whether functions of another opset than the model's are converted to it; otherwise they stay.

    Raises:
        Unsupported: They would be too many nodes (GL017), or onnx cannot.

    """
    if not has_few_calls(model, MOST_INLINED, DEEPEST_INLINED):
        raise budget.over_budget(budget.OverBudgetError("the nodes of all functions at all calls"))
    try:
        return call("inline", model, int(convert))
    except OnnxRefusalError as error:
        hint = "export the model again without local functions"
        raise Unsupported(f"onnx cannot inline the model's functions: {error}", code="GL017", hint=hint) from error

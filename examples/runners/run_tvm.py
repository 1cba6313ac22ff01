"""Compile a model by TVM's relax frontend for the CPU and run it."""

from __future__ import annotations

import sys

import onnx
import tvm
from tvm import relax
from tvm.relax.frontend.onnx import from_onnx

from runner import Arrays, main, names


def run(model: str, feeds: Arrays) -> Arrays:
    """Compile the model for the shapes of its inputs and run it once."""
    _, outputs = names(model)
    shapes = {name: list(array.shape) for name, array in feeds.items()}
    module = from_onnx(onnx.load(model), shape_dict=shapes, keep_params_in_input=False)
    machine = relax.VirtualMachine(tvm.compile(module, target="llvm"), tvm.cpu())
    order = [parameter.name for parameter in module["main"].params]
    machine.set_input("main", *[tvm.runtime.tensor(feeds[name]) for name in order])
    machine.invoke_stateful("main")
    results = machine.get_outputs("main")
    values = [results] if len(outputs) == 1 else results
    return {name: value.numpy() for name, value in zip(outputs, values, strict=True)}


if __name__ == "__main__":
    sys.exit(main(run))

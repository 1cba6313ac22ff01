#!/usr/bin/env bash
# jax2onnx 0.17.1 keeps ONNX's habits for values out of range where JAX has others: padding becomes a class, slices shrink.
#
# Behaviour: jax.nn.one_hot becomes OneHot, for which -1 is the last class; jax.lax.dynamic_slice becomes Slice, which
#   cuts at the end, so that the result has another shape than the model declares.
# Right: JAX's documentation: one_hot gives a row of zeros for an index out of range; dynamic_slice moves its start so
#   that the slice lies inside, and always returns slice_sizes. ONNX operator OneHot-11 counts negative indices from the
#   back (a row of zeros only below -depth), and Slice-13 clamps start and end separately.
# Why it matters: -1 and past-the-end are what padded batches and KV caches hold.
# Seen: one_hot(-1, 3) is [0, 0, 0] in JAX and [0, 0, 1] exported; dynamic_slice(x, 4, 3) of five is x[2:5], exported x[4:5].
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -qq jax==0.10.2 jax2onnx==0.17.1 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$dir/venv/bin/python" - <<'PY'
import sys
from importlib.metadata import version

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import onnxruntime as ort
from jax2onnx import to_onnx

ort.set_default_logger_severity(3)


def both(function, shapes, *values):
    model = to_onnx(function, shapes)
    onnx.checker.check_model(model, full_check=True)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    fed = {held.name: np.asarray(value) for held, value in zip(session.get_inputs(), values)}
    declared = session.get_outputs()[0].shape
    return np.asarray(function(*values)).tolist(), session.run(None, fed)[0].tolist(), declared


print("jax", jax.__version__, "jax2onnx", version("jax2onnx"))
five = np.arange(5, dtype=np.float32)
at = jax.ShapeDtypeStruct((), jnp.int32)


def cut(x, i):
    return jax.lax.dynamic_slice(x, (i,), (3,))


def classes(i):
    return jax.nn.one_hot(i, 3)


hot = both(classes, [jax.ShapeDtypeStruct((3,), jnp.int32)], np.array([0, -1, 5], np.int32))
inside = both(cut, [(5,), at], five, np.int32(1))
beyond = both(cut, [(5,), at], five, np.int32(4))
print("one_hot of 0, -1 and 5: JAX", hot[0], "ONNX", hot[1])
for start, seen in ((1, inside), (4, beyond)):
    print(f"dynamic_slice of 3 from {start}: JAX {seen[0]}, ONNX {seen[1]}, declared shape {seen[2]}")
zeros, last = [0.0, 0.0, 0.0], [0.0, 0.0, 1.0]
wrong = hot[0][1:] == [zeros, zeros] and hot[1][1:] == [last, zeros]
wrong = wrong and inside[0] == inside[1] and beyond == ([2.0, 3.0, 4.0], [4.0], [3])
if not wrong:
    sys.exit(f"CHANGED: one_hot {hot}, dynamic_slice {inside} and {beyond}")
print("AS DESCRIBED: -1 is the last class, and slices at the end are short")
PY

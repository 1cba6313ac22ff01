"""``gru-lower probe``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gru_lower.cli import printing_options


@click.command("probe", short_help="Find out what a target takes, by running small models on it.")
@click.option(
    "--runner",
    required=True,
    metavar="COMMAND",
    help='Runs one model: "python my_npu.py {model} {inputs} {outputs}"; both data files are .npz.',
)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The profile to write, a .toml.")
@click.option("--name", help="The profile's name.  [default: the output's]")
@click.option("--target-version", default="", help="The target's version, for the profile to name.")
@click.option("--summary", default="", help="One line about the target.")
@click.option(
    "--timeout", type=click.FloatRange(0, min_open=True), default=60.0, show_default=True, help="Seconds a model."
)
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Models to run at a time.")
@click.option("--quick", is_flag=True, help="Each option by itself alone, no two together.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of weights, inputs and draws.")
@click.option("--overwrite", is_flag=True, help="Allow replacing an existing file.")
@printing_options.report_printing
def command(**o: Any) -> int:  # noqa: ANN401 - click's values
    """Run small models - each GRU variant, each lowered form, each operator they need - and write what came of it.

    The runner is given a model and its inputs, writes the outputs, and ends with 0 if it ran. A few hundred models are
    run, about a thousand if the target takes everything; --quick runs a quarter of them, and a GRU with two unusual
    options is then not trusted on the target.
    """
    from gru_lower.cli.progress_bar import progress_bar
    from gru_lower.cli.render_targets import show_probed, write_targets
    from gru_lower.cli.terminal import Terminal
    from gru_lower.graph.atomic_file import AtomicFile
    from gru_lower.graph.write_model import check_target
    from gru_lower.probing.probe import ProbeOptions, probe
    from gru_lower.probing.runner import CommandRunner
    from gru_lower.targets.write_profile import to_toml

    check_target(o["output"], overwrite=o["overwrite"])
    terminal = Terminal(o, aside=True)
    how = ProbeOptions(
        name=o["name"] or o["output"].stem,
        summary=o["summary"],
        version=o["target_version"],
        pairs=not o["quick"],
        jobs=o["jobs"],
        seed=o["seed"],
    )
    with progress_bar(terminal) as progress:
        found = probe(CommandRunner(o["runner"], o["timeout"]), how, progress)
    with AtomicFile(o["output"], overwrite=o["overwrite"]) as file:
        file.handle.write(to_toml(found.profile).encode("utf-8"))
    if terminal.for_person:
        show_probed(terminal, found, str(o["output"]))
    write_targets(terminal, [found.profile], "probe")
    return 0

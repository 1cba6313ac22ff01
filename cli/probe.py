"""``gru-lower probe``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gru_lower.cli import help_pages, parse_values, printing_options
from gru_lower.cli.library_flags import Number, WholeNumber

if TYPE_CHECKING:
    from gru_lower.graph.atomic_file import AtomicFile

PRECISIONS = ("f32", "bf16")


@help_pages.command("probe", short_help="Find out what a target takes, by running small models on it.")
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
    "--timeout", type=Number(0, min_open=True), default=60.0, metavar="SECONDS", help="Seconds a model.  [default: 60]"
)
@click.option("--jobs", type=WholeNumber(1), metavar="N", default=1, show_default=True, help="Models to run at a time.")
@click.option("--quick", is_flag=True, help="Each option by itself alone, no two together.")
@click.option("--int8", is_flag=True, help="Add --int8 to the command, for a runner that quantises; see --tolerance.")
@click.option(
    "--tolerance",
    type=Number(0),
    metavar="FLOAT",
    help="How far off values may be, absolutely and relative to the largest; for one that computes in 16 bits about"
    " 0.02.  [default: 0.001, float16 0.02; with --int8 0.1]",
)
@click.option("--seed", type=int, metavar="N", default=0, show_default=True, help="Seed of weights, inputs and draws.")
@click.option("--time", is_flag=True, help="Time each form and spelling, too, so that lower can take the fastest.")
@click.option(
    "--verdicts", metavar="NAME|FILE", help="With --time: the profile that says what is right; probes nothing."
)
@click.option(
    "--limit",
    type=Number(0),
    default=0.0,
    metavar="MINUTES",
    help="With --time: how long to time at most; what was timed by then counts.  [default: no limit]",
)
@click.option(
    "--precision", type=parse_values.Word(PRECISIONS), help="With --time: what the runner lets the target compute in."
)
@click.option("--flags", default="", help="With --time: flags of the target's own that the runner gives it.")
@click.option("--overwrite", is_flag=True, help="Allow replacing an existing file.")
@printing_options.report_printing
def command(**o: Any) -> int:  # noqa: ANN401 - click's values
    """Run small models - each GRU variant, each lowered form, each operator they need - and write what came of it.

    The runner is given a model and its inputs, writes the outputs, and ends with 0 if it ran. A few hundred models are
    run, about a thousand if the target takes everything; --quick runs a quarter of them, and a GRU with two unusual
    options is then not trusted on the target.

    With --time the command also has {repeat}: how often to run the model once it is loaded and warm. The runner writes
    the array __seconds__ beside the outputs, what each run took. A run that is ended goes on where it was.

    What lowering writes is tried in each of its spellings - Gemm with a matrix to add, Split and Slice along time,
    either order of operands, Gather by int32 and int64 - and the profile asks for those that are right.
    """
    from gru_lower.cli.progress_bar import progress_bar
    from gru_lower.cli.render_targets import show_probed, show_timed, write_targets
    from gru_lower.cli.terminal import Terminal
    from gru_lower.graph.atomic_file import AtomicFile
    from gru_lower.graph.write_model import check_target
    from gru_lower.probing.probe import ProbeOptions, probe
    from gru_lower.probing.runner import CommandRunner
    from gru_lower.probing.timing.time_by_command import journal_of, time_by_command
    from gru_lower.probing.timing.timer import untimed
    from gru_lower.probing.tolerance import INT8_TOLERANCE
    from gru_lower.targets import read_profile
    from gru_lower.targets.write_profile import to_toml

    _refuse_without_time(o)
    check_target(o["output"], overwrite=o["overwrite"])
    terminal = Terminal(o, aside=True)
    name = o["name"] or o["output"].stem
    words = f"{o['runner']} --int8" if o["int8"] else o["runner"]
    how = ProbeOptions(
        name=name,
        summary=o["summary"] or (f"as probed in 8 bits with the runner of {name}" if o["int8"] else ""),
        version=o["target_version"],
        pairs=not o["quick"],
        jobs=o["jobs"],
        seed=o["seed"],
        tolerance=(INT8_TOLERANCE if o["int8"] else 0.0) if o["tolerance"] is None else o["tolerance"],
    )
    found = timed = None
    with progress_bar(terminal) as progress:
        if o["verdicts"]:
            profile = read_profile.load(o["verdicts"])
        else:
            found = probe(CommandRunner(untimed(words), o["timeout"]), how, progress)
            profile = found.profile
        if found is not None:
            _write(AtomicFile(o["output"], overwrite=o["overwrite"]), to_toml(profile))
        if o["time"]:
            timed = time_by_command(
                words,
                profile,
                o["timeout"],
                journal=journal_of(o["output"]),
                limit=o["limit"] * 60,
                version=o["target_version"],
                precision=o["precision"] or "",
                flags=o["flags"],
                progress=progress,
            )
            profile = timed.profile
            _write(AtomicFile(o["output"], overwrite=found is not None or o["overwrite"]), to_toml(profile))
            journal_of(o["output"]).unlink(missing_ok=True)
    if terminal.for_person and found is not None:
        show_probed(terminal, found, str(o["output"]))
    if terminal.for_person and timed is not None:
        show_timed(terminal, timed, str(o["output"]))
    write_targets(terminal, [profile], "probe")
    return 0


def _write(file: AtomicFile, text: str) -> None:
    with file:
        file.handle.write(text.encode("utf-8"))


def _refuse_without_time(o: dict[str, Any]) -> None:
    given = next((name for name in ("verdicts", "limit", "precision", "flags") if o[name]), None)
    if given and not o["time"]:
        raise click.UsageError(f"--{given} goes with --time.")

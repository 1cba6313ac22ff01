"""Where a rewritten model goes: the options that say so, and the writing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from gru_lower.cli.named_models import result_beside
from gru_lower.cli.standard_streams import write_bytes
from gru_lower.errors import Unsupported

if TYPE_CHECKING:
    from collections.abc import Callable

    from gru_lower.report.run_report import Report
    from gru_lower.rewriting.result import Result


KEEP_DIFFERENT = click.option(
    "--keep-different", is_flag=True, help="Write a result that differs, as MODEL.different.onnx."
)


def output_option(kind: str, condition: str = "") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add -o.

    Args:
        kind: What stands in the default name: ``lowered``, ``fused``.
        condition: The flag without which nothing is written.

    """
    text = f"{condition}{'w' if condition else 'W'}here to write; - is stdout.  [default: MODEL.{kind}.onnx]"
    return click.option("-o", "--output", type=click.Path(path_type=Path, allow_dash=True), help=text)


class Outputs(NamedTuple):
    """Where a result goes.

    Attributes:
        output: The file, or ``-``.
        if_different: The file for one that differs.

    """

    output: Path
    if_different: Path

    @property
    def piped(self) -> bool:
        """Whether stdout takes the model."""
        return str(self.output) == "-"


def choose_outputs(o: dict[str, Any], kind: str) -> Outputs:
    """Find out where the result goes, and refuse a place that cannot take it before anything is done.

    Args:
        o: The command's option values.
        kind: What stands in the default name: ``lowered``, ``fused``.

    Raises:
        Unsupported: The file may not be replaced, or cannot be written.

    """
    path = o["model"]
    named = o["output"] and Path(f"{str(o['output']).removesuffix('.onnx')}.different.onnx")
    found = Outputs(_beside(path, o["output"], kind), _beside(path, named, "different"))
    if not found.piped and not o["dry_run"]:
        for output in (found.output, found.if_different) if o["keep_different"] else (found.output,):
            refuse_output(path, output, overwrite=o["overwrite"])
    return found


def _beside(path: Path, output: Path | None, suffix: str) -> Path:
    """Return where the result goes: ``-o``, or the input's name with a suffix; stdin's goes to stdout."""
    if output is not None:
        return output
    if str(path) == "-":
        return Path("-")
    return result_beside(path, suffix)


def refuse_output(path: Path, output: Path, *, overwrite: bool) -> None:
    """Refuse a file that is the input or cannot be written.

    Raises:
        Unsupported: So it is.

    """
    from gru_lower.graph.write_model import check_target

    refuse_same(path, output, overwrite=overwrite)
    check_target(output, overwrite=overwrite)


def refuse_same(path: Path, output: Path, *, overwrite: bool) -> None:
    """Refuse to write over the input unless that was allowed.

    Raises:
        Unsupported: The output is the input and ``overwrite`` is false.

    """
    if not overwrite and output.exists() and path.exists() and output.samefile(path):
        raise Unsupported(
            f"{output}: is the input itself", code="GL004", hint="choose another -o, or allow it with --overwrite"
        )


def write_result(o: dict[str, Any], outputs: Outputs, result: Result[Any]) -> Report:
    """Write the result, unless that is not wanted or it differs; return the report, with the file that was written."""
    from gru_lower.graph.write_model import save
    from gru_lower.rewriting.result import with_output

    different = result.report.verification.status == "different"
    output = outputs.if_different if different and not outputs.piped else outputs.output
    if o["dry_run"] or (different and (outputs.piped or not o["keep_different"])):
        return result.report
    if outputs.piped:
        write_bytes(result.held.blocks())
        return with_output(result.report, "-", result.held.sha256())
    return with_output(result.report, str(output), save(result.held, output, overwrite=o["overwrite"]))

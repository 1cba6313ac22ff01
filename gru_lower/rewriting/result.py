"""What a rewrite gives back: the model and the report."""

from __future__ import annotations

from dataclasses import field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from gru_lower.errors import Unsupported
from gru_lower.graph.tensor_values import read_transposed
from gru_lower.graph.whole_bytes import bring_back
from gru_lower.graph.write_model import save
from gru_lower.light_dataclass import dataclass
from gru_lower.report.run_report import File, Report

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    import onnx

    from gru_lower.graph.model import Model
    from gru_lower.interop import Source
    from gru_lower.verification.sites.site import Site


KindT = TypeVar("KindT")
"""The kind of model that was handed in; a ModelProto for a path or bytes."""


@dataclass
class Result(Generic[KindT]):
    """What a call that rewrites a model gives back, generic in the kind of model that was handed in.

    Attributes:
        report: What was done and how it was verified.
        held: The model as it is written, with what is still in its own file.
        restore: Gives a ModelProto the kind that was handed in.

    """

    report: Report
    held: Model = field(repr=False)
    restore: Callable[[onnx.ModelProto], Any] = field(default=lambda proto: proto, repr=False)

    def _repr_html_(self) -> str:
        """Return what a notebook shows of it: the core of the report."""
        return self.report.to_html()

    @cached_property
    def model(self) -> KindT:
        """The new model, of the kind that was handed in.

        A path and bytes give a ModelProto; see :meth:`save` and :meth:`to_bytes`.
        """
        return cast("KindT", self.restore(self.held.result()))

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the model to a file, whole or not at all.

        External data that is not found from there goes into one file beside it, ``PATH.DIGEST.data``.

        Args:
            path: Where to.
            overwrite: Whether an existing file may be replaced.

        Raises:
            Unsupported: The file exists and may not be replaced, or cannot be written.

        """
        try:
            save(self.held, Path(path), overwrite=overwrite)
        except Unsupported as error:
            error.hint = (
                (error.hint or "").replace("--overwrite", "overwrite=True").replace("another -o", "another path")
            )
            raise

    def to_bytes(self) -> bytes:
        """Return the model's bytes: those that were read where nothing was changed.

        Raises:
            Unsupported: It is larger than a protobuf message may be (2 GiB).

        """
        return self.held.to_bytes()


def restore_kind(result: Result[onnx.ModelProto], source: Source) -> Result[Any]:
    """Give a result's model the kind that was handed in."""
    held = result.held
    read_transposed(held.stubbed, held.base_dir, besides=held.aside)
    if held.aside is not None:  # nothing that is given back needs the file
        if result.model is not held.proto:
            bring_back(result.model, held.aside)
        held.bring_back()
        result.model = source.restore(result.model)
    result.restore = source.restore
    return result


def kept_grus(report: Report) -> list[Site]:
    """Return the GRUs a run had to leave."""
    return [site for site in report.sites if site.action == "kept" and site.code]


def with_output(report: Report, path: str, sha256: str) -> Report:
    """Return the report with the file that was written.

    Args:
        report: What was done.
        path: The file, ``"-"`` for stdout.
        sha256: The digest of what was written.

    """
    return replace(report, output=File(path, sha256))

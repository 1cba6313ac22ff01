"""A model in whatever holds one: it goes in as it is, and the same kind comes out.

Without arguments, every kind whose package is installed; or name some: ``python kinds.py path bytes ONNXProgram``.
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx

import gru_lower
from gru_lower.testing import assert_equivalent

if TYPE_CHECKING:
    from collections.abc import Callable

MODEL = Path(__file__).resolve().parents[1] / "fixtures" / "digits_gru.onnx"


def as_path() -> str:
    """The path of a file."""
    return str(MODEL)


def as_bytes() -> bytes:
    """What a file holds."""
    return MODEL.read_bytes()


def as_proto() -> onnx.ModelProto:
    """What onnx.load returns."""
    return onnx.load(MODEL)


def as_graphsurgeon() -> Any:  # noqa: ANN401 - untyped
    """A graph of NVIDIA's onnx-graphsurgeon."""
    import onnx_graphsurgeon

    return onnx_graphsurgeon.import_onnx(onnx.load(MODEL))


def as_ir() -> Any:  # noqa: ANN401
    """A model of onnx_ir, which torch's exporter and onnxscript build on."""
    import onnx_ir

    return onnx_ir.load(MODEL)


def as_program() -> Any:  # noqa: ANN401
    """What torch.onnx.export returns."""
    import torch

    class Last(torch.nn.Module):
        """A GRU's last state."""

        def __init__(self) -> None:
            super().__init__()
            self.gru = torch.nn.GRU(4, 8, batch_first=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            """Return [B,8] of [B,T,4]."""
            return self.gru(x)[1][0]

    torch.manual_seed(0)
    return torch.onnx.export(Last().eval(), (torch.randn(2, 6, 4),), dynamo=True, verbose=False)


KINDS: dict[str, tuple[Callable[[], Any], str]] = {
    "path": (as_path, "onnx"),
    "bytes": (as_bytes, "onnx"),
    "ModelProto": (as_proto, "onnx"),
    "gs.Graph": (as_graphsurgeon, "onnx_graphsurgeon"),
    "onnx_ir.Model": (as_ir, "onnx_ir"),
    "ONNXProgram": (as_program, "onnxscript"),
}


def show(name: str, model: Any) -> None:  # noqa: ANN401 - that is the point
    """Do everything with one model, and print what came out."""
    lowered = gru_lower.lower(model, form="loop")
    fused = gru_lower.fuse(lowered.model, require=1)
    verdict = gru_lower.verify(model, fused.model)
    findings = gru_lower.check(model, target="portable").diagnostics
    (site,) = gru_lower.inspect(model).sites
    assert_equivalent(model, lowered.model)
    with tempfile.TemporaryDirectory() as folder:
        lowered.save(Path(folder, "lowered.onnx"))
        assert Path(folder, "lowered.onnx").read_bytes() == lowered.to_bytes()
    if name not in ("path", "bytes"):  # these give a ModelProto
        assert type(lowered.model) is type(fused.model) is type(model)
    print(
        f"{name}: {type(lowered.model).__module__.partition('.')[0]}.{type(lowered.model).__name__} came out, "
        f"{verdict.status}; {site.spec.describe()}; {len(findings)} findings for portable"
    )


def main(names: list[str]) -> None:
    """Show the kinds that are named, or all that are installed."""
    for name, (make, package) in KINDS.items():
        if name in names or (not names and importlib.util.find_spec(package)):
            show(name, make())


if __name__ == "__main__":
    main(sys.argv[1:])

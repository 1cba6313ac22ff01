"""The kinds of model that calls take, for type checkers: what a package of its own has is known by what it can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

if TYPE_CHECKING:
    from os import PathLike

    import onnx


class GraphsurgeonGraph(Protocol):
    """An onnx_graphsurgeon.Graph."""

    def toposort(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - graphsurgeon is untyped
        """Sort its nodes."""


class IrModel(Protocol):
    """An onnx_ir.Model."""

    @property
    def opset_imports(self) -> Any:  # noqa: ANN401 - onnx_ir need not be installed
        """Its opsets by domain."""


class TorchProgram(Protocol):
    """A torch.onnx.ONNXProgram."""

    @property
    def model_proto(self) -> onnx.ModelProto:
        """The model."""
        ...


ModelFile: TypeAlias = "str | PathLike[str] | bytes | bytearray | memoryview"
"""A path, or what is in a file; what comes out for it is a ModelProto."""
ModelObject: TypeAlias = "onnx.ModelProto | GraphsurgeonGraph | IrModel | TorchProgram"
"""What comes out as the kind that went in."""
AcceptedModel: TypeAlias = "ModelFile | ModelObject"
ModelT = TypeVar("ModelT", bound="ModelObject")

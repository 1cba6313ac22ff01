"""Read a model from whatever kind of object holds it, and turn results into that kind.

The kinds are a path, bytes, a ModelProto, a graphsurgeon Graph, an onnx_ir Model and a torch ONNXProgram. An optional
package is imported only if an object of its own is handed in, and no object is ever changed.
"""

from __future__ import annotations

import copy
import os
import weakref
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx

from gru_lower.diagnostics import diagnostic
from gru_lower.errors import InvalidModel
from gru_lower.graph import budget, odd_models
from gru_lower.graph import model as graph_model
from gru_lower.isolation.chosen_memory import note_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from gru_lower.graph.model import Model

KNOWN_IR_VERSION = 8
"""An IR version that every runtime of the last years reads, and that has local functions."""


class Source:
    """A model that was handed in, and what turns a result into its kind.

    Attributes:
        model: The model, safe to edit; its notes say what is lost in turning one kind into the other, too.
        path: The file it was read from, as it was handed in; ``None`` for what is none.

    """

    def __init__(self, model: Model, back: Callable[[onnx.ModelProto], Any], path: Any = None) -> None:  # noqa: ANN401
        """Take the parts from :func:`read`."""
        self.model = model
        self.path = path
        odd_models.enter(model)
        held = weakref.ref(model)
        budget.begin(lambda: 0 if (model := held()) is None else model.data_size())
        note_model(lambda: 0 if (model := held()) is None else model.size_as_read())
        self._back = back

    def restore(self, proto: onnx.ModelProto) -> Any:  # noqa: ANN401 - whatever kind was handed in
        """Return a result as the kind of object that was handed in; a path and bytes give a ModelProto."""
        return self._back(proto)


def read(source: Any, *, whole: bool = False) -> Source:  # noqa: ANN401 - whatever holds a model
    """Read a model.

    Args:
        source: A path, bytes, ModelProto, onnx_graphsurgeon.Graph, onnx_ir.Model or torch.onnx.ONNXProgram; or what
            reading one of them gave.
        whole: Whether large constants in a file are read, too; else they are left there.

    Raises:
        InvalidModel: It is none of these, or the file is no readable model.

    """
    if isinstance(source, Source):
        return source
    if isinstance(source, (str, os.PathLike)):
        return Source(graph_model.load(Path(source), whole=whole), _as_proto, source)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return Source(graph_model.parse(bytes(source)), _as_proto)
    if isinstance(source, onnx.ModelProto):
        proto = onnx.ModelProto()
        proto.CopyFrom(source)
        return Source(graph_model.hold(proto), _as_proto)
    kinds = {(base.__module__.partition(".")[0], base.__name__) for base in type(source).__mro__}
    if ("onnx_graphsurgeon", "Graph") in kinds:
        return _from_graphsurgeon(source)
    if ("onnx_ir", "Model") in kinds:
        import onnx_ir

        return Source(graph_model.hold(onnx_ir.to_proto(source)), onnx_ir.from_proto)
    if ("torch", "ONNXProgram") in kinds:
        proto = onnx.ModelProto()
        proto.CopyFrom(source.model_proto)
        return Source(graph_model.hold(proto), partial(_as_program, source))
    raise InvalidModel(
        f"cannot take a {type(source).__module__}.{type(source).__qualname__} for a model",
        code="GL002",
        hint="hand in a path, bytes, ModelProto, onnx_graphsurgeon.Graph, onnx_ir.Model or ONNXProgram",
    )


def _as_proto(proto: onnx.ModelProto) -> onnx.ModelProto:
    return proto


def _as_program(program: Any, proto: onnx.ModelProto) -> Any:  # noqa: ANN401 - torch is not imported for its types
    """Return a torch program of another model, to be called and saved as the first; of old ones, a ModelProto."""
    if not hasattr(program, "model"):
        return proto
    import onnx_ir

    other = copy.copy(program)
    other.model = onnx_ir.from_proto(proto)
    for name in ("_inference_session", "_tempdir"):  # the first model's, which stay its own
        if name in vars(other):
            setattr(other, name, None)
    return other


def _from_graphsurgeon(graph: Any) -> Source:  # noqa: ANN401 - graphsurgeon is untyped
    import onnx_graphsurgeon as gs
    from onnx_graphsurgeon.util.exception import OnnxGraphSurgeonException

    note = diagnostic(
        "GL010", "an onnx_graphsurgeon.Graph holds no metadata_props, doc_strings or quantization annotations"
    )
    try:
        proto = gs.export_onnx(graph.copy())
    except OnnxGraphSurgeonException as error:
        hint = "export it with onnx_graphsurgeon.export_onnx and mend what that says"
        raise InvalidModel(f"the graph cannot be exported: {error}", code="GL003", hint=hint) from error
    if vars(graph).get("ir_version") is None:  # then it is onnx's newest, which runtimes may not know
        needed = onnx.helper.find_min_ir_version_for(proto.opset_import, ignore_unknown=True)
        proto.ir_version = max(needed, KNOWN_IR_VERSION)
    model = graph_model.hold(proto)
    model.notes.append(note)
    return Source(model, gs.import_onnx)

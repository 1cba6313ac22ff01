"""Reading of models: a model holds the bytes as they were read and the ModelProto as it is now.

The ModelProto is what passes edit; it is never built anew from another representation. Where nothing
was edited, :func:`gru_lower.graph.write_model.save` writes the very bytes that were read.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

import onnx
from google.protobuf.message import DecodeError, EncodeError

from gru_lower.diagnostics import Diagnostic, diagnostic
from gru_lower.errors import InvalidModel
from gru_lower.garbage_collection import without_garbage_collection
from gru_lower.graph import bounded_read, external_data, file_kinds, tensor_values
from gru_lower.graph.node_order import has_order, sort_scopes
from gru_lower.graph.parts import Part, count_operators, fields_of, merge
from gru_lower.graph.scopes import walk
from gru_lower.graph.set_aside import set_aside
from gru_lower.graph.validation.validate_model import validate_model
from gru_lower.graph.whole_bytes import bring_back, whole_bytes
from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Sequence

    from gru_lower.graph.node_order import Disorder
    from gru_lower.graph.scopes import Scope
    from gru_lower.graph.set_aside import Aside

PROTOBUF_LIMIT = bounded_read.LIMIT
UNSORTED = "GL733"
"""The code of a model whose nodes did not stand behind what they use."""


@dataclass
class Model:
    """One ONNX model and where it came from.

    Attributes:
        stubbed: The model, in which stubs stand for the parts that wait.
        raw: The bytes it was read from; ``None`` for a model handed over in memory. Without what was set aside.
        path: The file it was read from; ``None`` for bytes and protos.
        modified: Whether :attr:`proto` differs from :attr:`raw` in more than the order of its nodes.
        notes: What was met on reading it that every report is to say.
        aside: Where its large constants were left, ``None`` where all of it is in memory.
        waiting: The parts that no one has read yet, see :mod:`gru_lower.graph.parts`.
        read: Its scopes as reading left them, until :meth:`take_scopes` hands them out.

    """

    stubbed: onnx.ModelProto
    raw: bytes | None = None
    path: Path | None = None
    modified: bool = False
    notes: list[Diagnostic] = field(default_factory=list)
    aside: Aside | None = None
    waiting: list[Part | None] = field(default_factory=list, repr=False)
    read: list[Scope] | None = field(default=None, repr=False)

    @property
    def proto(self) -> onnx.ModelProto:
        """The model. Passes edit it through :mod:`gru_lower.graph.splice` and set :attr:`modified`."""
        if self.waiting:
            merge(self.stubbed.graph, self.waiting)
            self.waiting = []
        return self.stubbed

    def take_scopes(self, *, leave: bool = False) -> list[Scope]:
        """Return every scope of the model; what is edited later is not seen.

        What reading found out about the nodes comes with them, once.

        Args:
            leave: Whether it is left for another one to take.

        """
        scopes = None if self.modified else self.read
        self.read = scopes if leave else None
        return list(walk(self.proto)) if scopes is None else scopes

    @property
    def base_dir(self) -> Path | None:
        """The folder that external data locations are relative to."""
        return None if self.path is None else self.path.parent

    @property
    def ir_version(self) -> int:
        """The model's IR version; below 4 every initializer has to be a graph input as well."""
        return self.stubbed.ir_version

    def holds_aside(self, tensor: onnx.TensorProto) -> bool:
        """Whether a tensor is inside the model, and its bytes were left in the file."""
        return self.aside is not None and self.aside.holds(tensor)

    def is_outside(self, tensor: onnx.TensorProto) -> bool:
        """Whether a tensor's bytes are in another file."""
        return external_data.is_external(tensor) and not self.holds_aside(tensor)

    def copy(self) -> Model:
        """Return a model whose edits leave this one alone."""
        proto = onnx.ModelProto()
        proto.CopyFrom(self.proto)
        return Model(proto, self.raw, self.path, self.modified, list(self.notes), self.aside)

    def result(self) -> onnx.ModelProto:
        """Return the model to hand back: as it was read where nothing was edited, with its nodes in the order given."""
        if self.modified or self.raw is None or not any(note.code == UNSORTED for note in self.notes):
            return self.proto
        given: onnx.ModelProto = onnx.ModelProto.FromString(self.raw)
        return given

    def data_size(self) -> int:
        """Return how many bytes the model has, its external data included."""
        return external_data.total_size(self.stubbed)

    def as_read(self) -> bytes | None:
        """Return the bytes that it was read from, if they are the model: all of it, with its nodes in order."""
        whole = self.aside is None and not self.modified and not any(note.code == UNSORTED for note in self.notes)
        return self.raw if whole else None

    def size_as_read(self) -> int:
        """Return how many bytes it had when it was read, its external data included; as it is, where nobody read it."""
        if self.raw is None:
            return self.data_size()
        return len(self.raw) + external_data.size_elsewhere(self.stubbed)

    def op_counts(self) -> Counter[str]:
        """Count nodes by operator over every scope, those of other domains with their domain."""
        read = None if self.modified else self.read
        return count_operators(walk(self.stubbed) if read is None else read, self.waiting)

    def blocks(self, *, edited: bool = False) -> Iterable[bytes | memoryview]:
        """Return the model's bytes, block by block: those that were read where nothing was edited.

        Args:
            edited: Whether it was, even if nobody said so.

        Raises:
            InvalidModel: External data is missing, too short, or outside the model's folder; or the file the model was
                read from has changed since.
            Unsupported: The model is larger than a protobuf message may be (2 GiB).

        """
        if self.raw is not None and not edited and not self.modified:
            return [self.raw] if self.aside is None else self.aside.blocks()
        tensor_values.read_transposed(self.stubbed, self.base_dir, besides=self.aside)
        try:
            if self.waiting:
                return fields_of(self.stubbed, self.waiting)
            raw = bytes(self.stubbed.SerializeToString())
        except (EncodeError, ValueError) as error:
            raise bounded_read.too_large_to_write(str(error)) from error
        return [raw] if self.aside is None else whole_bytes(raw, self.aside).blocks()

    def to_bytes(self) -> bytes:
        """Serialise: the bytes as read where nothing was edited; raises what :meth:`blocks` does."""
        return b"".join(self.blocks())

    def sha256(self) -> str:
        """Return the digest of :meth:`to_bytes`, as the report names it."""
        digest = hashlib.sha256()
        for block in self.blocks():
            digest.update(block)
        return digest.hexdigest()

    def bring_back(self) -> None:
        """Read all that was set aside, so that the model needs its file no more.

        Raises:
            InvalidModel: The file has changed since the model was read.

        """
        if self.aside is not None:
            if self.raw is not None:
                self.raw = None if self.modified else b"".join(self.aside.blocks())
            bring_back(self.proto, self.aside)
            self.aside = None


def load(source: str | Path, *, whole: bool = False) -> Model:
    """Read a model from a file without touching its external data, nor the large constants in it.

    Args:
        source: Path of an ``.onnx`` file.
        whole: Whether its constants are read all the same.

    Raises:
        InvalidModel: The file is missing, unreadable, something else than ONNX, or truncated.

    """
    path = Path(source)
    try:
        if not path.exists():
            raise InvalidModel(f"{path}: no such file", code="GL001", hint=file_kinds.missing_hint(path))
        if path.is_dir():
            what, hint = file_kinds.recognise_folder(path)
            raise InvalidModel(f"{path}: {what}", code="GL002", hint=hint)
        found = None if whole else set_aside(path)
        raw, aside = (bounded_read.read_file(path, PROTOBUF_LIMIT), None) if found is None else found
    except OSError as error:
        raise InvalidModel(
            f"{path}: cannot be read ({error.strerror or error})", code="GL001", hint="check the file's permissions"
        ) from error
    return parse(raw, path=path, aside=aside)


def parse(raw: bytes, *, path: Path | None = None, checked: bool = False, aside: Aside | None = None) -> Model:
    """Parse the bytes of an ``.onnx`` file.

    Args:
        raw: The file's content.
        path: Where it came from: for messages, and for external data, which is looked up beside it.
        checked: Whether these very bytes have been parsed before, and held to ONNX's rules.
        aside: Where large constants were left.

    Raises:
        InvalidModel: The bytes are no ONNX model, only the beginning of one, or one that breaks ONNX's rules.

    """
    name = "the input" if path is None else str(path)
    found = file_kinds.recognise(raw, path)
    if found is not None:
        what, hint = found
        raise InvalidModel(f"{name}: {what}", code="GL002", hint=hint)
    try:
        proto = onnx.ModelProto.FromString(raw)
    except DecodeError as error:
        raise InvalidModel(
            f"{name}: not a readable ONNX model: the protobuf message is damaged or cut short",
            code="GL003",
            hint="copy or export the file again; compare its size with the original",
        ) from error
    if not proto.HasField("graph") or not proto.ir_version or not proto.opset_import:
        missing = [
            text
            for text, absent in (
                ("ir_version", not proto.ir_version),
                ("opset_import", not proto.opset_import),
                ("graph", not proto.HasField("graph")),
            )
            if absent
        ]
        raise InvalidModel(
            f"{name}: not a whole ONNX model: it has no {', no '.join(missing)}",
            code="GL003",
            hint="the file may be cut short or be something else; check it with onnx.checker.check_model",
        )
    model = hold(proto, raw, path, checked=checked)
    model.aside = aside
    return model


def hold(proto: onnx.ModelProto, raw: bytes | None = None, path: Path | None = None, *, checked: bool = False) -> Model:
    """Return a model to work on: the nodes of every scope in order, with a note (GL733) where they were not.

    Args:
        proto: The model; its nodes are sorted in place.
        raw: The bytes it was read from.
        path: The file it was read from.
        checked: Whether it has been held to ONNX's rules before.

    Raises:
        InvalidModel: It breaks ONNX's rules, or nodes use one another in a circle.

    """
    with without_garbage_collection():
        scopes = list(walk(proto)) if checked else validate_model(proto)
        in_order = all(map(has_order, scopes))
    if in_order:
        return Model(proto, raw, path, read=scopes)
    if raw is None:
        with suppress(EncodeError, ValueError):  # beyond 2 GiB: then what comes back is in order
            raw = proto.SerializeToString()
    disorder = sort_scopes(proto)
    return Model(proto, raw, path, notes=[_unsorted(disorder)] if disorder else [])


def _unsorted(disorder: Sequence[Disorder]) -> Diagnostic:
    first, count = disorder[0], sum(each.early for each in disorder)
    where = f"{first.node} in {first.scope}, which uses {first.value!r}"
    said = f"{count} nodes stand in front of what they use, such as {where}"
    if count == 1:
        said = f"{where}, stands in front of what makes it"
    return diagnostic(UNSORTED, said, scope=first.scope)

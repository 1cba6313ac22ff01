"""Reading refuses what is no model, with a code and a hint; writing is exact, atomic, and in nobody's way."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import pickle
import random
import re
import stat
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, numpy_helper
from safetensors.numpy import save as safetensors

import zoo
from gru_lower.diagnostic_codes import CODES
from gru_lower.errors import GruLowerError, InvalidModel, Unsupported
from gru_lower.graph import model as held_model
from gru_lower.graph.external_data import is_external, view
from gru_lower.graph.facts import Facts
from gru_lower.graph.model import Model, load, parse
from gru_lower.graph.model_tensors import tensors
from gru_lower.graph.scopes import is_onnx, walk
from gru_lower.graph.write_model import check_target, save
from gru_lower.gru.parse_node import parse as parse_gru

if TYPE_CHECKING:
    from collections.abc import Iterable

SMALL = zoo.gru_model(initializers=zoo.weights().values(), hidden_size=zoo.H).SerializeToString()
on_posix = pytest.mark.skipif(os.name != "posix", reason="permissions, links and long names are those of POSIX")
DAMAGED = (SMALL, zoo.nested().SerializeToString(), zoo.everything().SerializeToString())


def written(folder: Path, raw: bytes, name: str = "model.onnx") -> Path:
    """Write a file."""
    path = folder / name
    path.write_bytes(raw)
    return path


def refused(path: Path | str, code: str, *says: str) -> InvalidModel:
    """Assert that a file is refused with a code, in one line that names the file and says all of this."""
    with pytest.raises(InvalidModel) as caught:
        load(path)
    error = caught.value
    assert error.code == code, error.message
    assert "\n" not in error.message
    assert error.message.startswith(f"{Path(path)}: ")
    assert all(text in error.message for text in says), error.message
    assert error.hint
    assert error.exit_code == 2
    return error


def zipped(*names: str) -> bytes:
    """Return a zip archive of such files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, b"\0" * 100)
    return buffer.getvalue()


class TestLoad:
    def test_the_bytes_and_the_path_are_kept(self, tmp_path: Path) -> None:
        path = written(tmp_path, SMALL)
        model = load(str(path))
        assert (model.raw, model.path, model.base_dir, model.modified) == (SMALL, path, tmp_path, False)
        assert parse(SMALL).base_dir is None

    def test_a_missing_file_is_answered_with_a_neighbour(self, tmp_path: Path) -> None:
        written(tmp_path, SMALL, "encoder.onnx")
        assert "encoder.onnx" in str(refused(tmp_path / "encodr.onnx", "GL001", "no such file").hint)
        assert refused(tmp_path / "else", "GL001").hint == "check the path"
        assert "folder" in str(refused(tmp_path / "nowhere" / "m.onnx", "GL001").hint)

    @on_posix
    @pytest.mark.parametrize("name", ["n" * 300, "nul\0byte", "n/" * 3000])
    def test_a_path_that_cannot_exist_is_refused(self, name: str) -> None:
        refused(name, "GL001")

    def test_a_file_below_a_file_is_missing(self, tmp_path: Path) -> None:
        refused(written(tmp_path, SMALL) / "model.onnx", "GL001")

    @on_posix
    def test_a_dangling_link_is_missing(self, tmp_path: Path) -> None:
        (tmp_path / "link.onnx").symlink_to(tmp_path / "gone.onnx")
        refused(tmp_path / "link.onnx", "GL001")

    def test_an_unreadable_file_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def deny(path: Path) -> bytes:
            raise PermissionError(13, "Permission denied", str(path))

        path = written(tmp_path, SMALL)
        monkeypatch.setattr(Path, "read_bytes", deny)
        refused(path, "GL001", "Permission denied")

    def test_folders_are_told_apart(self, tmp_path: Path) -> None:
        assert refused(tmp_path, "GL002", "a folder").hint == "name an .onnx file"
        model = written(tmp_path, SMALL)
        assert str(model) in str(refused(tmp_path, "GL002", "a folder").hint)
        saved = tmp_path / "saved"
        saved.mkdir()
        written(saved, b"", "saved_model.pb")
        assert "tf2onnx" in str(refused(saved, "GL002", "SavedModel").hint)
        package = tmp_path / "net.mlpackage"
        package.mkdir()
        refused(package, "GL002", "Core ML")

    def test_the_beginning_of_a_model_is_never_anything_but_refused(self) -> None:
        for raw in DAMAGED:
            for end in range(0, len(raw), 10):
                try:
                    model = parse(raw[:end])
                except InvalidModel as error:
                    assert (error.code in {"GL002", "GL003"}, bool(error.hint)) == (True, True), end  # noqa: PT017
                else:
                    assert model.proto.HasField("graph")

    def test_what_is_missing_from_a_whole_message_is_named(self) -> None:
        for field in ("ir_version", "opset_import", "graph"):
            model = zoo.gru_model()
            model.ClearField(field)
            with pytest.raises(InvalidModel, match=rf"it has no {field}(\n|$)"):
                parse(model.SerializeToString())
        with pytest.raises(InvalidModel, match="no ir_version, no opset_import, no graph") as caught:
            parse(zoo.UNKNOWN_FIELD)
        assert caught.value.code == "GL003"

    @given(st.binary(max_size=200))
    def test_random_bytes_are_refused(self, raw: bytes) -> None:
        with pytest.raises(InvalidModel) as caught:
            parse(raw)
        assert caught.value.hint

    def test_a_damaged_model_is_refused_or_read_but_never_crashes(self) -> None:
        rng = random.Random(7)  # noqa: S311 - nothing is encrypted here
        for _ in range(1500):
            raw = bytearray(rng.choice(DAMAGED))
            for _ in range(rng.choice((1, 1, 2, 4))):
                place = rng.randrange(len(raw))
                match rng.randrange(3):
                    case 0:
                        raw[place] = rng.randrange(256)
                    case 1:
                        del raw[place]
                    case _:
                        raw.insert(place, rng.randrange(256))
            try:
                model = parse(bytes(raw))
                facts = Facts(model)
                for scope in walk(model.proto):
                    for index, node in enumerate(scope.nodes):
                        for name in node.output:
                            facts.shape(scope, name)
                            facts.array(scope, name)
                        if is_onnx(node, "GRU"):
                            parse_gru(scope, index, facts)
            except GruLowerError as error:
                assert error.code in CODES  # noqa: PT017 - many survive

    @pytest.mark.parametrize("where", ["node", "input", "op", "domain", "attribute", "graph", "initializer"])
    def test_a_name_that_is_no_text_is_refused(self, where: str) -> None:
        model = zoo.gru_model(initializers=zoo.weights().values(), clip=1.0)
        node = model.graph.node[0]
        match where:
            case "node":
                node.name = "N-ME"
            case "input":
                model.graph.input[0].name = node.input[0] = "N-ME"
            case "op":
                node.op_type = "N-ME"
            case "domain":
                node.domain = "N-ME"
            case "attribute":
                node.attribute[0].name = "N-ME"
            case "graph":
                model.graph.name = "N-ME"
            case "initializer":
                model.graph.initializer[0].name = node.input[1] = "N-ME"
        raw = model.SerializeToString().replace(b"N-ME", b"N\xe4ME")
        with pytest.raises(InvalidModel, match="UTF-8") as caught:
            parse(raw)
        assert caught.value.code == "GL003"

    def test_documentation_that_is_no_text_is_none_of_our_business(self, tmp_path: Path) -> None:
        model = zoo.gru_model()
        model.doc_string = model.graph.node[0].doc_string = model.producer_name = "gr-n"
        raw = model.SerializeToString().replace(b"gr-n", b"gr\xfcn")
        save(parse(raw), tmp_path / "out.onnx")
        assert (tmp_path / "out.onnx").read_bytes() == raw


PICKLED = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19." + pickle.dumps({"protocol_version": 1001}, 2) + b"ctorch._utils\n"
WRONG = {
    "empty": (b"", "m.onnx", "empty", "export"),
    "keras": (zipped("metadata.json", "config.json", "model.weights.h5"), "m.keras", ".keras", "model.export"),
    "keras by its content": (zipped("config.json", "model.weights.h5"), "m.onnx", ".keras", "model.export"),
    "h5": (b"\x89HDF\r\n\x1a\n" + b"\0" * 100, "m.h5", "HDF5", "model.export"),
    "torch": (zipped("net/data.pkl", "net/data/0", "net/version"), "m.bin", "PyTorch checkpoint", "torch.onnx.export"),
    "torch by its name": (zipped("net/other"), "m.pth", "PyTorch checkpoint", "torch.onnx.export"),
    "old torch": (PICKLED, "m.pt", "PyTorch checkpoint (pickle)", "torch.onnx.export"),
    "pt2": (zipped("net/archive_format", "net/models/model.json"), "m.zip", ".pt2", "torch.onnx.export"),
    "old pt2": (zipped("serialized_exported_program.json", "version"), "m", ".pt2", "torch.onnx.export"),
    "tflite": (b"\x1c\0\0\0TFL3" + b"\0" * 100, "m.tflite", "TensorFlow Lite", "tf2onnx"),
    "ort": (b"\x24\0\0\0ORTM" + b"\0" * 100, "m.ort", ".ort", ".onnx file"),
    "gzip": (gzip.compress(SMALL), "m.onnx.gz", "gzip", "gunzip"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "m.onnx", "LFS", "git lfs pull"),
    "html": (b"\n<!DOCTYPE html>\n<html>", "m.onnx", "HTML", "download"),
    "html without a doctype": (b"<HTML><head>", "m.onnx", "HTML", "download"),
    "html after a byte order mark": (b"\xef\xbb\xbf<!doctype HTML>", "m.onnx", "HTML", "download"),
    "mlpackage": (zipped("net.mlpackage/Data/model.mlmodel"), "m.zip", "Core ML", "export"),
    "npz": (zipped("weight_ih_l0.npy", "weight_hh_l0.npy"), "m.npz", "npz file", "gru-lower convert"),
    "safetensors": (safetensors({"Wx": np.ones((3, 1), np.float32)}), "m", "safetensors", "gru-lower convert"),
    "another zip": (zipped("model.onnx"), "m.zip", "zip archive", ".onnx file inside"),
    "external data": (b"\0" * 100, "net.onnx.data", "external data", "net.onnx"),
    "external data, as torch names it": (b"\0" * 100, "net.onnx_data", "external data", "net.onnx"),
}


class TestWrongFiles:
    @pytest.mark.parametrize("kind", WRONG)
    def test_each_kind_is_recognised_and_answered(self, tmp_path: Path, kind: str) -> None:
        raw, name, says, hint = WRONG[kind]
        assert hint in str(refused(written(tmp_path, raw, name), "GL002", says).hint)

    @pytest.mark.parametrize(
        "kind", [kind for kind in WRONG if not kind.startswith("external") and " name" not in kind]
    )
    def test_bytes_without_a_name_are_recognised_too(self, kind: str) -> None:
        raw, _, says, _ = WRONG[kind]
        with pytest.raises(InvalidModel, match="the input: ") as caught:
            parse(raw)
        assert says.lstrip(".") in caught.value.message

    @pytest.mark.parametrize("raw", [b"PK\x03\x04", b"\x1f\x8b", b"\x89HDF\r\n\x1a\n", b"{}", b"\0" * 50, b"\xff" * 50])
    def test_the_beginning_of_anything_is_refused(self, tmp_path: Path, raw: bytes) -> None:
        path = written(tmp_path, raw, "m.onnx")
        with pytest.raises(InvalidModel, match=r"m\.onnx: "):
            load(path)

    @pytest.mark.parametrize("producer", ["ORTModule", "TFL3onnx", "torch", "<html>", "PK"])
    def test_a_model_is_not_mistaken_for_what_its_producers_name_says(self, producer: str) -> None:
        for version in (3, 7, 10):
            model = zoo.gru_model()
            model.ir_version, model.producer_name = version, producer
            assert parse(model.SerializeToString()).proto == model


class TestSave:
    def test_a_model_nobody_edited_is_written_byte_for_byte(self, tmp_path: Path) -> None:
        model = zoo.everything()
        # Protobuf would write neither the order of these fields nor the length of this number so.
        raw = model.SerializeToString() + zoo.UNKNOWN_FIELD + b"\x08\x8a\x80\x00"
        held = parse(raw)
        assert held.proto.SerializeToString() != raw
        save(held, tmp_path / "out.onnx")
        assert (tmp_path / "out.onnx").read_bytes() == raw
        assert list(tmp_path.iterdir()) == [tmp_path / "out.onnx"]

    def test_an_edited_model_is_written_as_it_is_now(self, tmp_path: Path) -> None:
        held = parse(SMALL)
        held.proto.producer_name, held.modified = "me", True
        save(held, tmp_path / "out.onnx")
        assert onnx.load(tmp_path / "out.onnx").producer_name == "me"
        assert held.raw == SMALL

    def test_what_was_read_stands_for_the_model_until_it_is_edited(self) -> None:
        held = parse(SMALL)
        assert held.as_read() == SMALL
        held.proto.doc_string, held.modified = "edited", True
        assert held.as_read() is None
        assert held.size_as_read() == len(SMALL) < held.data_size()

    def test_what_was_read_in_another_order_does_not_stand_for_the_model(self) -> None:
        """A runtime is given the nodes as they are written, in order."""
        text = '<ir_version: 8, opset_import: ["": 17]> g (float[n] x) => (float[n] z) { y = Abs(x) z = Neg(y) }'
        proto = onnx.parser.parse_model(text)
        first, second = proto.graph.node
        del proto.graph.node[:]
        proto.graph.node.extend([second, first])
        assert parse(proto.SerializeToString()).as_read() is None

    def test_a_copy_is_edited_by_itself(self) -> None:
        held = parse(SMALL)
        copy = held.copy()
        copy.proto.graph.node[0].name, copy.modified = "else", True
        assert held.proto.graph.node[0].name == "gru"
        assert held.to_bytes() == SMALL != copy.to_bytes()
        assert held.sha256() != copy.sha256()

    def test_an_existing_file_is_replaced_only_where_that_is_allowed(self, tmp_path: Path) -> None:
        target = written(tmp_path, b"precious")
        with pytest.raises(Unsupported, match="already exists") as caught:
            save(parse(SMALL), target)
        assert (caught.value.code, "--overwrite" in str(caught.value.hint)) == ("GL004", True)
        assert target.read_bytes() == b"precious"
        save(parse(SMALL), target, overwrite=True)
        assert target.read_bytes() == SMALL

    @on_posix
    @pytest.mark.parametrize("overwrite", [False, True])
    def test_a_target_that_cannot_be_is_refused(self, tmp_path: Path, *, overwrite: bool) -> None:
        for target, says in (
            (tmp_path, "is a folder"),
            (tmp_path / "none" / "out.onnx", "no such folder"),
            (written(tmp_path, b"") / "out.onnx", "no such folder"),
            (tmp_path / ("n" * 300), "too long"),
        ):
            for attempt in (check_target, lambda path, *, overwrite: save(parse(SMALL), path, overwrite=overwrite)):
                with pytest.raises(Unsupported, match=says) as caught:
                    attempt(target, overwrite=overwrite)
                assert caught.value.code == "GL004"
                assert caught.value.hint

    @on_posix
    def test_the_longest_name_a_folder_takes_can_be_written(self, tmp_path: Path) -> None:
        target = tmp_path / ("n" * 250 + ".onnx")
        save(parse(SMALL), target)
        assert target.read_bytes() == SMALL

    @on_posix
    @pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
    def test_a_new_file_has_the_permissions_the_umask_leaves(self, tmp_path: Path, mask: int) -> None:
        before = os.umask(mask)
        try:
            save(parse(SMALL), tmp_path / "out.onnx")
        finally:
            assert os.umask(before) == mask
        assert stat.S_IMODE((tmp_path / "out.onnx").stat().st_mode) == 0o666 & ~mask

    @on_posix
    def test_a_replaced_file_keeps_its_permissions(self, tmp_path: Path) -> None:
        target = written(tmp_path, b"")
        target.chmod(0o640)
        save(parse(SMALL), target, overwrite=True)
        assert stat.S_IMODE(target.stat().st_mode) == 0o640

    @pytest.mark.parametrize("call", ["fsync", "replace", "write"])
    def test_a_failed_write_leaves_everything_as_it_was(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
    ) -> None:
        target = written(tmp_path, b"precious")
        fail_at(monkeypatch, call, 1)
        with pytest.raises(Unsupported, match=r"cannot be written \(No space left") as caught:
            save(parse(SMALL), target, overwrite=True)
        assert caught.value.code == "GL004"
        assert contents(tmp_path) == {"model.onnx": b"precious"}

    def test_a_model_over_the_limit_is_refused(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(held_model, "PROTOBUF_LIMIT", len(SMALL) - 1)
        with pytest.raises(Unsupported, match="2 GiB") as caught:
            load(written(tmp_path, SMALL))
        assert (caught.value.code, "external data" in str(caught.value.hint)) == ("GL005", True)


def fail_at(monkeypatch: pytest.MonkeyPatch, call: str, count: int) -> None:
    """Make the ``count``-th ``os.fsync``, ``Path.replace`` or block written fail as a full disk does."""
    left = iter(range(1, 10**6))

    def full() -> None:
        if next(left) == count:
            raise OSError(28, "No space left on device")

    if call == "fsync":
        real_fsync = os.fsync

        def fsync(descriptor: int) -> None:
            full()
            real_fsync(descriptor)

        monkeypatch.setattr(os, "fsync", fsync)
    elif call == "replace":
        real_replace = Path.replace

        def rename(source: Path, target: Path) -> Path:
            full()
            return real_replace(source, target)

        monkeypatch.setattr(Path, "replace", rename)
    else:
        real_open = os.fdopen

        class Full(io.BufferedWriter):
            def write(self, data: object) -> int:
                full()
                return super().write(data)  # type: ignore[arg-type]

        def opened(descriptor: int, mode: str) -> object:
            return Full(real_open(descriptor, mode, buffering=0))

        monkeypatch.setattr(os, "fdopen", opened)


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder, and every folder as empty."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b"" for path in folder.rglob("*")}


def with_external(
    folder: Path, tensors: Iterable[TensorProto], files: dict[str, bytes], *, modified: bool = False
) -> Model:
    """Write a model with such tensors, and the files they refer to, into a folder; return it loaded."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, raw in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(raw)
    model = zoo.gru_model(inputs=["X", "W", "R"], hidden_size=zoo.H)
    model.graph.initializer.extend(tensors)
    held = load(written(folder, model.SerializeToString()))
    held.modified = modified
    return held


def arrays(path: Path) -> list[bytes]:
    """Return the bytes of every initializer of a model and the data beside it."""
    return [numpy_helper.to_array(tensor).tobytes() for tensor in onnx.load(path).graph.initializer]


def data_of(path: Path) -> Path:
    """Return the file of external data that was written for a model."""
    found = [each for each in path.parent.iterdir() if re.fullmatch(rf"{path.name}\.[0-9a-f]{{16}}\.data", each.name)]
    model = onnx.load(path, load_external_data=False)
    locations = {view(tensor).location for tensor in filter(is_external, tensors(model))}
    return next(each for each in found if each.name in locations)


BYTES = np.random.default_rng(3).integers(1, 255, 10_000, np.uint8).tobytes()


class TestExternalData:
    """Writing into another folder takes the data along, as far as the model refers to it."""

    def tensors(self) -> list[TensorProto]:
        return [
            zoo.external_tensor("late", [100], location="w.bin", offset=8000, length=400),
            zoo.external_tensor("early", [10], location="w.bin", offset=16, length=40),
            zoo.external_tensor("within", [5], location="w.bin", offset=8100, length=20),
            zoo.external_tensor("overlapping", [100], location="w.bin", offset=8200, length=400),
            zoo.external_tensor("elsewhere", [4], location="sub/dir/v.bin", offset=4, length=16),
            zoo.external_tensor("empty", [0, 3], location="sub/dir/v.bin", offset=0, length=0),
        ]

    def files(self) -> dict[str, bytes]:
        return {"w.bin": BYTES, "sub/dir/v.bin": BYTES[:50], "unrelated.bin": b"not the model's"}

    def test_only_what_is_referred_to_is_carried_into_one_file(self, tmp_path: Path) -> None:
        held = with_external(tmp_path / "a", self.tensors(), self.files())
        before = held.proto.SerializeToString()
        (tmp_path / "b").mkdir()
        digest = save(held, tmp_path / "b" / "out.onnx")
        copy = data_of(tmp_path / "b" / "out.onnx")
        assert set(contents(tmp_path / "b")) == {"out.onnx", copy.name}
        assert digest == hashlib.sha256((tmp_path / "b" / "out.onnx").read_bytes()).hexdigest()
        assert arrays(tmp_path / "b" / "out.onnx") == arrays(tmp_path / "a" / "model.onnx")
        raw = copy.read_bytes()
        assert copy.name == f"out.onnx.{hashlib.sha256(raw).hexdigest()[:16]}.data"
        assert BYTES[16:56] in raw
        assert BYTES[8000:8600] in raw  # tensors that overlap are carried once
        assert len(raw) < 3 * 4096  # a range begins as far into a page as it did
        assert (tmp_path / "a" / "w.bin").read_bytes() == BYTES
        assert held.proto.SerializeToString() == before

    def test_the_same_input_gives_the_same_bytes(self, tmp_path: Path) -> None:
        held = with_external(tmp_path / "a", self.tensors(), self.files())
        for folder in ("b", "c"):
            (tmp_path / folder).mkdir()
            save(held, tmp_path / folder / "out.onnx")
        assert contents(tmp_path / "b") == contents(tmp_path / "c")
        save(held, tmp_path / "b" / "out.onnx", overwrite=True)
        assert contents(tmp_path / "b") == contents(tmp_path / "c")

    def test_a_link_out_of_the_folder_is_copied_in_the_same_folder_too(self, tmp_path: Path) -> None:
        held = with_external(tmp_path / "a", self.tensors(), self.files())
        (tmp_path / "cache").mkdir()
        (tmp_path / "a" / "w.bin").rename(tmp_path / "cache" / "blob")
        (tmp_path / "a" / "w.bin").symlink_to(tmp_path / "cache" / "blob")
        save(held, tmp_path / "a" / "out.onnx")
        there = {
            view(tensor).location
            for tensor in onnx.load(tmp_path / "a" / "out.onnx", load_external_data=False).graph.initializer
        }
        assert there == {data_of(tmp_path / "a" / "out.onnx").name, "sub/dir/v.bin"}
        assert (tmp_path / "cache" / "blob").read_bytes() == BYTES

    def test_older_data_of_the_same_output_goes_and_no_other_file(self, tmp_path: Path) -> None:
        old = with_external(tmp_path / "old", self.tensors(), self.files())
        new = with_external(tmp_path / "new", self.tensors(), self.files() | {"w.bin": BYTES[::-1]})
        out = tmp_path / "b"
        out.mkdir()
        save(old, out / "out.onnx")
        older = data_of(out / "out.onnx")
        written(out, b"not read by it", f"out.onnx.{'0' * 16}.data")
        written(out, b"not read by it", "w.bin")
        save(new, out / "out.onnx", overwrite=True)
        assert not older.exists()
        assert data_of(out / "out.onnx").exists()
        assert {each.name for each in out.iterdir()} == {
            "out.onnx",
            "w.bin",
            f"out.onnx.{'0' * 16}.data",
            data_of(out / "out.onnx").name,
        }

    def test_what_a_pair_is_replaced_by_belongs_together_whenever_it_ends(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        old = with_external(tmp_path / "old", self.tensors(), self.files())
        new = with_external(tmp_path / "new", self.tensors(), self.files() | {"w.bin": BYTES[::-1]})
        (tmp_path / "b").mkdir()
        save(old, tmp_path / "b" / "out.onnx")
        expected = [arrays(tmp_path / "b" / "out.onnx")]
        seen = []
        real = Path.replace

        def rename(source: Path, target: Path) -> Path:
            seen.append(arrays(tmp_path / "b" / "out.onnx"))
            moved = real(source, target)
            seen.append(arrays(tmp_path / "b" / "out.onnx"))
            return moved

        monkeypatch.setattr(Path, "replace", rename)
        save(new, tmp_path / "b" / "out.onnx", overwrite=True)
        expected.append(arrays(tmp_path / "b" / "out.onnx"))
        assert len(seen) == 4
        assert all(each in expected for each in seen)

    def test_a_file_that_appears_meanwhile_is_left_alone(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        held = with_external(tmp_path / "a", self.tensors(), self.files())
        (tmp_path / "b").mkdir()
        real = os.fsync

        def fsync(descriptor: int) -> None:
            real(descriptor)
            written(tmp_path / "b", b"another job's", "out.onnx")

        monkeypatch.setattr(os, "fsync", fsync)
        with pytest.raises(Unsupported, match="has appeared in the meantime") as caught:
            save(held, tmp_path / "b" / "out.onnx")
        assert caught.value.code == "GL004"
        assert contents(tmp_path / "b") == {"out.onnx": b"another job's"}

    def test_in_the_same_folder_nothing_is_copied(self, tmp_path: Path) -> None:
        held = with_external(tmp_path, self.tensors(), self.files(), modified=True)
        before = contents(tmp_path)
        save(held, tmp_path / "sub" / ".." / "out.onnx")
        assert contents(tmp_path) == before | {"out.onnx": held.to_bytes()}

    def test_tensors_are_found_wherever_they_are(self, tmp_path: Path) -> None:
        names = iter(range(100))
        files = {}

        def tensor() -> TensorProto:
            number = next(names)
            files[f"{number}.bin"] = BYTES[number : number + 8]
            return zoo.external_tensor(f"t{number}", [2], location=f"{number}.bin")

        model = zoo.nested()
        for scope in walk(model):
            node = scope.proto.node.add(op_type="Constant", output=[f"c{next(names)}"])
            node.attribute.add(name="value", type=onnx.AttributeProto.TENSOR).t.CopyFrom(tensor())
        body = zoo.scope_of(model, "main/pick.then_branch").proto
        assert isinstance(body, onnx.GraphProto)
        body.initializer.append(tensor())
        sparse = model.graph.sparse_initializer.add()
        sparse.values.CopyFrom(tensor())
        sparse.indices.CopyFrom(tensor())
        node = model.graph.node.add(op_type="Many", domain="d", output=["many"])
        node.attribute.add(name="all", type=onnx.AttributeProto.TENSORS).tensors.extend([tensor(), tensor()])
        node.attribute.add(name="sparse", type=onnx.AttributeProto.SPARSE_TENSOR).sparse_tensor.values.CopyFrom(
            tensor()
        )
        several = node.attribute.add(name="several", type=onnx.AttributeProto.SPARSE_TENSORS).sparse_tensors.add()
        several.indices.CopyFrom(tensor())
        function = model.functions.add(name="F", domain="d")
        inside = function.node.add(op_type="Constant", output=["k"])
        inside.attribute.add(name="value", type=onnx.AttributeProto.TENSOR).t.CopyFrom(tensor())
        default = function.attribute_proto.add(name="default", type=onnx.AttributeProto.TENSOR)
        default.t.CopyFrom(tensor())
        training = model.training_info.add()
        training.initialization.initializer.append(tensor())
        training.algorithm.initializer.append(tensor())
        for folder in ("a", "b"):
            (tmp_path / folder).mkdir()
        for name, raw in files.items():
            written(tmp_path / "a", raw, name)
        save(load(written(tmp_path / "a", model.SerializeToString())), tmp_path / "b" / "model.onnx")
        copied = load(tmp_path / "b" / "model.onnx").proto
        raw = data_of(tmp_path / "b" / "model.onnx").read_bytes()
        for here, there in zip(*(filter(is_external, tensors(each)) for each in (copied, model)), strict=True):
            where = view(here)
            assert raw[where.offset : where.offset + where.length] == files[view(there).location]

    @pytest.mark.parametrize("kind", ["INT4", "UINT4", "FLOAT4E2M1", "FLOAT16", "BFLOAT16", "FLOAT8E4M3FN", "DOUBLE"])
    def test_a_length_left_out_is_that_of_the_shape(self, tmp_path: Path, kind: str) -> None:
        bits = {"INT4": 4, "UINT4": 4, "FLOAT4E2M1": 4, "FLOAT8E4M3FN": 8, "DOUBLE": 64}.get(kind, 16)
        size = (7 * bits + 7) // 8
        tensor = zoo.external_tensor("w", [7], TensorProto.DataType.Value(kind), location="w.bin", offset=16)
        held = with_external(tmp_path / "a", [tensor], {"w.bin": BYTES[: 16 + size]})
        (tmp_path / "b").mkdir()
        save(held, tmp_path / "b" / "model.onnx")
        assert data_of(tmp_path / "b" / "model.onnx").read_bytes() == b"\0" * 16 + BYTES[16 : 16 + size]

    @pytest.mark.parametrize("overwrite", [False, True])
    def test_a_model_chooses_no_name(self, tmp_path: Path, *, overwrite: bool) -> None:
        held = with_external(tmp_path / "a", self.tensors(), self.files())
        (tmp_path / "b").mkdir()
        written(tmp_path / "b", b"precious", "w.bin")
        save(held, tmp_path / "b" / "out.onnx", overwrite=overwrite)
        assert (tmp_path / "b" / "w.bin").read_bytes() == b"precious"
        assert arrays(tmp_path / "b" / "out.onnx") == arrays(tmp_path / "a" / "model.onnx")

    @pytest.mark.parametrize(
        ("call", "count"),
        [("fsync", 1), ("fsync", 2), *(("write", n) for n in (1, 2, 3)), ("replace", 1), ("replace", 2)],
    )
    @pytest.mark.parametrize("before", [{}, {"out.onnx": b"old model", "w.bin": b"old data"}])
    def test_a_failed_write_leaves_everything_as_it_was(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, count: int, before: dict[str, bytes]
    ) -> None:
        held = with_external(tmp_path / "a", self.tensors(), self.files())
        (tmp_path / "b").mkdir()
        for name, raw in before.items():
            written(tmp_path / "b", raw, name)
        fail_at(monkeypatch, call, count)
        with pytest.raises(Unsupported, match=r"cannot be written \(No space left") as caught:
            save(held, tmp_path / "b" / "out.onnx", overwrite=True)
        assert caught.value.code == "GL004"
        assert contents(tmp_path / "b") == before

    @pytest.mark.parametrize("overwrite", [False, True])
    def test_a_model_is_not_written_over_its_own_data(self, tmp_path: Path, *, overwrite: bool) -> None:
        held = with_external(tmp_path / "a", self.tensors(), self.files())
        (tmp_path / "b").mkdir()
        before = contents(tmp_path / "a")
        with pytest.raises(Unsupported, match=r"w\.bin: ") as caught:
            save(held, tmp_path / "a" / "w.bin", overwrite=overwrite)
        assert caught.value.code == "GL004"
        assert contents(tmp_path / "a") == before

    def test_data_that_is_not_there_is_missed(self, tmp_path: Path) -> None:
        held = with_external(tmp_path / "a", [zoo.external_tensor("w", [2], location="w.bin")], {})
        self.not_carried(held, tmp_path, "'w'", "w.bin", "missing")

    def test_data_that_is_too_short_is_missed(self, tmp_path: Path) -> None:
        held = with_external(tmp_path / "a", self.tensors(), self.files() | {"w.bin": BYTES[:8599]})
        self.not_carried(held, tmp_path, "w.bin", "too short", "8600")

    @pytest.mark.parametrize(
        "location", ["/etc/hostname", "../a/w.bin", "sub/../../w.bin", "..\\w.bin", "C:\\w.bin", "\\\\host\\w.bin"]
    )
    def test_data_outside_the_models_folder_is_never_touched(self, tmp_path: Path, location: str) -> None:
        tensor = zoo.external_tensor("w", [2], location=location, length=8)
        held = with_external(tmp_path / "a", [tensor], {"w.bin": BYTES})
        self.not_carried(held, tmp_path, "'w'", repr(location), "outside")

    @pytest.mark.parametrize(
        "entries",
        [
            {},
            {"location": ""},
            {"location": "w.bin", "offset": "x"},
            {"location": "w.bin", "offset": -8},
            {"location": "w.bin", "length": -8},
            {"location": "w.bin", "length": "1.5"},
        ],
    )
    def test_entries_that_make_no_sense_are_refused(self, tmp_path: Path, entries: dict[str, Any]) -> None:
        with pytest.raises(InvalidModel, match="'w'") as caught:
            with_external(tmp_path / "a", [zoo.external_tensor("w", [2], **entries)], {"w.bin": BYTES})
        assert caught.value.code == "GL006"
        assert caught.value.hint

    def not_carried(self, held: Model, folder: Path, *says: str) -> None:
        (folder / "b").mkdir()
        with pytest.raises(InvalidModel) as caught:
            save(held, folder / "b" / "out.onnx")
        assert caught.value.code == "GL006"
        assert caught.value.hint
        assert all(text in caught.value.message for text in says), caught.value.message
        assert contents(folder / "b") == {}

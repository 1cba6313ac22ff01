"""Files that are damaged, odd or without end are refused in one line, and take no more memory than they are large."""

from __future__ import annotations

import io
import json
import os
import threading
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gru_lower.cli.main import run
from gru_lower.errors import InvalidModel, Unsupported
from gru_lower.frameworks.weights import weight_files
from gru_lower.graph import bounded_read
from gru_lower.graph import model as graph_model
from gru_lower.verification.npz_archive import DamagedArchiveError, read_npz

if TYPE_CHECKING:
    from pathlib import Path

WEIGHTS = {"weight_ih_l0": np.zeros((12, 3), np.float32), "weight_hh_l0": np.zeros((12, 4), np.float32)}


def safetensors(said: str) -> bytes:
    head = {
        "__metadata__": {"gru_lower": said},
        "weight_ih_l0": {"dtype": "F32", "shape": [12, 3], "data_offsets": [0, 144]},
        "weight_hh_l0": {"dtype": "F32", "shape": [12, 4], "data_offsets": [144, 336]},
    }
    raw = json.dumps(head).encode()
    return len(raw).to_bytes(8, "little") + raw + b"".join(array.tobytes() for array in WEIGHTS.values())


def npz(**more: np.ndarray[tuple[int, ...], np.dtype[np.str_]]) -> bytes:
    held = io.BytesIO()
    np.savez(held, allow_pickle=False, **WEIGHTS, **more)
    return held.getvalue()


SAID = [
    *("{", "[" * 3000, "[]", "5", '"x"', '{"framework": []}', '{"framework": {}}', '{"framework": 5}'),
    *('{"framework": "torch", "config": []}', '{"framework": "torch", "config": null}', '{"config": "x"}'),
]


@pytest.mark.parametrize("said", SAID, ids=lambda said: said[:40])
@pytest.mark.parametrize("kind", ["safetensors", "npz"])
def test_metadata_that_nobody_wrote_is_refused(said: str, kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"w.{kind}"
    path.write_bytes(safetensors(said) if kind == "safetensors" else npz(gru_lower=np.array(said)))
    with pytest.raises(InvalidModel, match="damaged") as caught:
        weight_files.read(path)
    assert caught.value.code == "GL604"


CONFIGS = [{"hidden_size": "x"}, {"num_layers": -1}, {"batch_first": []}, {"bias": None}, {"nonsense": [1]}]


@pytest.mark.parametrize("config", CONFIGS, ids=str)
@pytest.mark.parametrize("framework", ["torch", "keras", "tensorflow", "mlx"])
def test_a_configuration_that_makes_no_sense_is_said_in_two_lines(
    config: dict[str, object], framework: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(safetensors(json.dumps({"framework": framework, "config": config})))
    code = run(["convert", str(path), "--from", framework, "-o", str(tmp_path / "out.onnx"), "--quiet"])
    assert code in {0, 2}
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert said.count("\n") == (2 if code else 0), said


@settings(max_examples=300)
@given(place=st.integers(0, 10_000), bit=st.integers(0, 7), cut=st.booleans())
def test_a_damaged_npz_is_read_or_refused(place: int, bit: int, cut: bool) -> None:  # noqa: FBT001 - hypothesis hands it over
    raw = bytearray(npz())
    place %= len(raw)
    raw[place] ^= 1 << bit
    if cut:
        del raw[place:]
    try:
        read_npz(io.BytesIO(raw))
    except DamagedArchiveError as error:
        assert "\n" not in str(error)  # noqa: PT017 - many survive


def header_of(shape: str) -> bytes:
    raw = npz()
    place = raw.find(b"(12, 3)")
    return raw[:place] + shape.encode() + raw[place + len("(12, 3)") :]


@pytest.mark.parametrize("shape", ["(9**9,)", "(1e9,3)", "(-12,3)", "(12, 3]", "9999999", "(9999,)", "(-6,-6)"])
def test_a_header_that_is_wrong_is_no_reason_to_take_memory(shape: str) -> None:
    with pytest.raises(DamagedArchiveError):
        read_npz(io.BytesIO(header_of(shape)))


def test_an_archive_that_would_unpack_to_gigabytes_is_not_unpacked() -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("X.npy", "w") as member:
        for _ in range(600):
            member.write(bytes(1 << 20))
    with pytest.raises(DamagedArchiveError, match="would unpack to"):
        read_npz(held)


def test_what_has_no_end_is_read_up_to_two_gigabytes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bounded_read, "LIMIT", 10 << 20)
    with pytest.raises(Unsupported, match="larger than the 2 GiB") as caught, open("/dev/zero", "rb") as endless:  # noqa: PTH123 - as stdin is
        bounded_read.read_bounded(endless, "stdin")
    assert caught.value.code == "GL005"
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def feed() -> None:
        with pipe.open("wb") as stream:
            try:
                while True:
                    stream.write(bytes(1 << 16))
            except BrokenPipeError:
                pass

    feeding = threading.Thread(target=feed)
    feeding.start()
    for endless_file in (tmp_path / "pipe", *map(type(tmp_path), ("/dev/zero",))):
        with pytest.raises(Unsupported, match="larger than the 2 GiB"):
            graph_model.load(endless_file)
    feeding.join()

"""Faults at each system call of a write: the output is whole or absent, and a model and its data belong together.

strace stops a process that has everything loaded and is about to write, and makes its n-th system call fail, or kills
the process there. A sample of the faults is tried by default, all of them by ``nox -s faults``.
"""

from __future__ import annotations

import concurrent.futures.thread  # noqa: F401 - its import belongs to no write: the process forked has it
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

import zoo
from gru_lower.errors import GruLowerError
from gru_lower.graph.data_file import DataFile
from gru_lower.graph.model import Model, load
from gru_lower.graph.write_model import save
from gru_lower.isolation.environment import environment

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")

CALLS = "openat,read,pread64,write,fsync,fstat,newfstatat,lseek,rename,link,unlink,chmod,fchmod,close,getdents64"
FAULTS = {"EIO": "error=EIO", "ENOSPC": "error=ENOSPC", "killed": "signal=SIGKILL"}
MOST = 400
"""More system calls than a write has."""
ANY_TRACER = 0x59616D61, ctypes.c_ulong(-1)
"""prctl's PR_SET_PTRACER and PR_SET_PTRACER_ANY: strace is no parent of what it traces here."""


class Scene(NamedTuple):
    """What is written where.

    Attributes:
        before: What the folder holds: nothing, or an older pair.
        elsewhere: Whether the model's data lies in another folder.

    """

    before: bool
    elsewhere: bool


SCENES = [Scene(before, elsewhere) for before in (False, True) for elsewhere in (False, True)]


def pair(folder: Path, seed: int) -> Model:
    """Write a model with external weights, and return it loaded and marked as edited."""
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(seed)
    weights = [rng.standard_normal((1, 3 * zoo.H, width)).astype(np.float32) for width in (zoo.I, zoo.H)]
    (folder / "w.bin").write_bytes(b"".join(array.tobytes() for array in weights))
    model = zoo.gru_model(inputs=["X", "W", "R"], hidden_size=zoo.H)
    offset = 0
    for name, array in zip("WR", weights, strict=True):
        model.graph.initializer.append(
            zoo.external_tensor(
                name, array.shape, TensorProto.FLOAT, location="w.bin", offset=offset, length=array.nbytes
            )
        )
        offset += array.nbytes
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    held = load(folder / "model.onnx")
    held.modified = True
    return held


def values(path: Path) -> list[bytes]:
    return [numpy_helper.to_array(tensor).tobytes() for tensor in onnx.load(path).graph.initializer]


def write_under(fault: str, count: int, held: Model, target: Path) -> int:
    """Write in a process whose ``count``-th system call fails; return its exit code, -9 where it was killed there."""
    child = os.fork()
    if not child:  # nothing of pytest may run here
        try:
            ctypes.CDLL(None).prctl(*ANY_TRACER, 0, 0, 0)
            os.kill(os.getpid(), signal.SIGSTOP)
            save(held, target, overwrite=True)
            code = 0
        except GruLowerError as error:
            code = error.exit_code
        except BaseException:  # noqa: BLE001 - what is no refusal is what this test looks for
            code = 3
        os._exit(code)
    os.waitpid(child, os.WUNTRACED)
    calls = "all" if fault == "killed" else CALLS
    words = ["strace", "-p", str(child), "-qq", "-o", os.devnull, "-e", f"inject={calls}:{FAULTS[fault]}:when={count}"]
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as tracer:
        while f"TracerPid:\t{tracer.pid}\n" not in Path(f"/proc/{child}/status").read_text(encoding="ascii"):
            if tracer.poll() is not None:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                pytest.skip("strace may not trace here")
            time.sleep(0.001)
        os.kill(child, signal.SIGCONT)
        _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def hold(tmp_path: Path, scene: Scene, fault: str, count: int) -> bool:
    """Try one fault; return whether it came before the write was done."""
    out = tmp_path / "out"
    shutil.rmtree(out, ignore_errors=True)
    held = pair(tmp_path / "new" if scene.elsewhere else out, 1)
    out.mkdir(exist_ok=True)
    target = out / "out.onnx"
    old = pair(tmp_path / "old", 0)
    if scene.before:
        save(old, target)
    assert held.path is not None
    source = {path: path.read_bytes() for path in (held.path, held.path.with_name("w.bin"))}
    expected = {"old": values(tmp_path / "old/model.onnx"), "new": values(held.path)}
    code = write_under(fault, count, held, target)
    assert code in ((0, -signal.SIGKILL) if fault == "killed" else (0, 2)), (scene, fault, count)
    if target.exists():
        found = values(target)
        assert found == expected["new"] or (scene.before and found == expected["old"]), (scene, fault, count)
        assert code != 0 or found == expected["new"]
    else:
        assert not scene.before, (scene, fault, count)
        assert code != 0
    assert all(path.read_bytes() == raw for path, raw in source.items())
    return code != 0


@pytest.mark.skipif(sys.platform != "linux", reason="strace is Linux's")
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("scene", SCENES)
def test_some_faults(tmp_path: Path, scene: Scene, fault: str) -> None:
    for count in (3, 17, 31):
        hold(tmp_path, scene, fault, count)


@pytest.mark.faults
@pytest.mark.skipif(sys.platform != "linux", reason="strace is Linux's")
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("scene", SCENES)
def test_every_fault(tmp_path: Path, scene: Scene, fault: str) -> None:
    tried = [hold(tmp_path, scene, fault, count) for count in range(1, MOST)]
    assert any(tried)
    assert not all(tried[-20:]), "a write has more system calls than were tried"


def test_a_job_that_comes_second_leaves_the_data_of_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first one's data is there, the second one writes the whole pair, and the first one cannot place its model."""
    first, second, target = pair(tmp_path / "in", 1), load(tmp_path / "in/model.onnx"), tmp_path / "out.onnx"
    second.modified = True
    place = DataFile.place

    def overtaken(data: DataFile) -> None:
        place(data)
        monkeypatch.setattr(DataFile, "place", place)
        save(second, target)

    monkeypatch.setattr(DataFile, "place", overtaken)
    with pytest.raises(GruLowerError, match="has appeared"):
        save(first, target)
    assert values(target) == values(tmp_path / "in/model.onnx")
    assert len(list(tmp_path.glob("out.onnx*"))) == 2
    assert not list(tmp_path.glob(".*"))


def test_data_that_another_job_takes_back_is_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held, target = pair(tmp_path / "in", 1), tmp_path / "out.onnx"
    save(held, target)
    target.unlink()
    place = DataFile.place

    def taken_back(data: DataFile) -> None:
        place(data)
        for path in tmp_path.glob("out.onnx.*.data"):
            path.unlink()

    monkeypatch.setattr(DataFile, "place", taken_back)
    save(held, target)
    assert values(target) == values(tmp_path / "in/model.onnx")
    assert not list(tmp_path.glob(".*"))


SHIM = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sys/types.h>

static unsigned calls;

ssize_t write(int file, const void *bytes, size_t count) {
    static ssize_t (*real)(int, const void *, size_t);
    if (!real) real = dlsym(RTLD_NEXT, "write");
    if (calls++ % 3 == 1) { errno = EINTR; return -1; }
    return real(file, bytes, count > 1 ? (count + 1) / 2 : count);
}

ssize_t read(int file, void *bytes, size_t count) {
    static ssize_t (*real)(int, void *, size_t);
    if (!real) real = dlsym(RTLD_NEXT, "read");
    if (calls++ % 3 == 1) { errno = EINTR; return -1; }
    return real(file, bytes, count > 1 ? (count + 1) / 2 : count);
}

int fsync(int file) {
    static int (*real)(int);
    if (!real) real = dlsym(RTLD_NEXT, "fsync");
    if (calls++ % 2) { errno = EINTR; return -1; }
    return real(file);
}
"""


@pytest.mark.skipif(sys.platform != "linux" or shutil.which("cc") is None, reason="needs a C compiler, and Linux")
def test_calls_that_do_half_of_what_they_are_asked_or_are_interrupted(tmp_path: Path) -> None:
    (tmp_path / "shim.c").write_text(SHIM, encoding="ascii")
    library = tmp_path / "shim.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, tmp_path / "shim.c", "-ldl"], check=True)
    pair(tmp_path / "in", 1)
    (tmp_path / "out").mkdir()
    words = ["lower", str(tmp_path / "in/model.onnx"), "--no-verify", "--form", "scan", "-q", "-o"]
    printed = b""
    for output in ("out/halves.onnx", "out/whole.onnx", "-"):
        preload = {} if "whole" in output else {"LD_PRELOAD": str(library)}
        done = subprocess.run(
            [sys.executable, "-m", "gru_lower", *words, output],
            cwd=tmp_path,
            env={**environment(), **preload, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        printed = done.stdout
    assert values(tmp_path / "out/halves.onnx") == values(tmp_path / "out/whole.onnx")
    assert onnx.ModelProto.FromString(printed).graph.node

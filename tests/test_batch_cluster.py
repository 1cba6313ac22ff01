"""Batches on Dask's workers: those of this machine, and a cluster's that lose workers, the scheduler, or their way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx
import pytest

import gru_lower
from gru_lower.batching.job import Outcome
from gru_lower.errors import Unsupported
from many_models import copy_real, small_gru, write_broken, write_drawn

pytest.importorskip("distributed")
from cluster import ROOT, cluster

if TYPE_CHECKING:
    from collections.abc import Iterator

QUICK = "lower --cases 1 --search 0"
COMMAND = [sys.executable, "-m", "gru_lower"]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}
posix_only = pytest.mark.skipif(os.name != "posix", reason="sends signals")


@pytest.fixture
def zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This folder, with eight models and a broken one in ``models``."""
    monkeypatch.chdir(tmp_path)
    Path("models").mkdir()
    for number in range(8):
        onnx.save_model(small_gru(number), f"models/m{number}.onnx")
    Path("models/bad.onnx").write_text("no model", encoding="utf-8")
    return tmp_path


def once(outcomes: list[Outcome], count: int) -> dict[str, Outcome]:
    """Return outcomes by model; each is there once."""
    found = {each.model: each for each in outcomes}
    assert len(found) == len(outcomes) == count
    return found


def test_workers_of_its_own_need_no_main_guard_and_leave_nothing_behind(zoo: Path) -> None:
    script = f"""
        import gru_lower
        for each in gru_lower.batch("models/*.onnx", do={QUICK!r}, out="out", workers=2):
            print(each.status, each.model)
    """
    (zoo / "script.py").write_text(textwrap.dedent(script), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "script.py"], capture_output=True, text=True, env=ENVIRONMENT | {"MARK": str(zoo)}, check=False
    )
    assert not done.stderr
    lines = sorted(done.stdout.splitlines())
    assert lines == sorted(["refused models/bad.onnx", *(f"done models/m{number}.onnx" for number in range(8))])
    assert none_left(str(zoo))


def marked(mark: str) -> list[str]:
    """Return the command lines of living processes with the mark in their environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"MARK={mark}".encode() in (folder / "environ").read_bytes():
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:  # it is gone
            continue
    return [line for line in found if line]


def none_left(mark: str) -> bool:
    """Whether all processes with a mark end in time."""
    until = time.monotonic() + 20
    while marked(mark) and time.monotonic() < until:
        time.sleep(0.1)
    return not marked(mark)


@pytest.mark.cluster
@posix_only
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_workers_of_its_own_end_with_it_and_the_next_run_goes_on(zoo: Path, sent: signal.Signals) -> None:
    for number in range(8, 30):
        onnx.save_model(small_gru(number), f"models/m{number}.onnx")
    words = [*COMMAND, "batch", "models/*.onnx", "--do", QUICK, "--out", "out", "--workers", "1"]
    running = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT | {"MARK": str(zoo)})
    wait_for_results(zoo / "out", 2)
    running.send_signal(sent)
    _, err = running.communicate(timeout=60)
    if sent == signal.SIGINT:
        assert running.returncode == 130
        assert "run the same command again" in err
    assert none_left(str(zoo))
    assert not list((zoo / "out").glob(".*.tmp"))
    found = once(list(gru_lower.batch("models/*.onnx", do=QUICK, out="out", cluster="none")), 31)
    assert sum(each.status == "done" for each in found.values()) == 30
    assert any(each.resumed for each in found.values())


def wait_for_results(out: Path, count: int) -> None:
    until = time.monotonic() + 1800
    while len(list(out.glob("**/*.onnx"))) < count:
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.cluster
@posix_only
def test_a_model_whose_worker_is_killed_is_done_elsewhere(zoo: Path, tmp_path: Path) -> None:
    with cluster(tmp_path / "dask", 2) as workers:
        running = iter(gru_lower.batch("models/*.onnx", do=QUICK, out="out", cluster=workers.address))
        first = next(running)
        workers.workers[0].kill()
        found = once([first, *running], 9)
    assert sum(each.status == "done" for each in found.values()) == 8
    assert not list((zoo / "out").glob(".*.tmp"))


@pytest.mark.cluster
@posix_only
def test_a_model_that_loses_its_worker_three_times_is_reported(zoo: Path, tmp_path: Path) -> None:
    """A worker that ends as soon as it works on one model stands for a model that ends workers."""
    (zoo / "sitecustomize.py").write_text(
        textwrap.dedent("""
        import gru_lower.batching.cluster.on_worker as on_worker, os
        whole = on_worker.run_job
        def run_job(job, attempts=1):
            if job.model.endswith("m3.onnx"):
                os.kill(os.getpid(), 9)
            return whole(job, attempts)
        on_worker.run_job = run_job
        """),
        encoding="utf-8",
    )
    with cluster(tmp_path / "dask", 0) as workers:
        path = {"PYTHONPATH": os.pathsep.join([str(zoo), str(ROOT)])}
        ended = threading.Event()

        def keep_two() -> None:
            while not ended.wait(0.2):
                living = [each for each in workers.workers if each.poll() is None]
                if len(living) < 2:
                    workers.add_worker(**path)

        keeper = threading.Thread(target=keep_two)
        keeper.start()
        try:
            settings: dict[str, Any] = {"out": "out", "cluster": workers.address}
            found = once(list(gru_lower.batch("models/*.onnx", do=QUICK, **settings)), 9)
        finally:
            ended.set()
            keeper.join()
    lost = found["models/m3.onnx"]
    assert lost.codes == ["GL958"]
    assert lost.attempts == 3
    assert sum(each.status == "done" for each in found.values()) == 7


@pytest.mark.cluster
@posix_only
def test_a_scheduler_that_is_lost_ends_the_run_with_what_is_done(zoo: Path, tmp_path: Path) -> None:
    for number in range(8, 40):
        onnx.save_model(small_gru(number), f"models/m{number}.onnx")
    with cluster(tmp_path / "dask", 1) as workers:
        words = [*COMMAND, "batch", "models/*.onnx", "--do", QUICK, "--out", "out", "--cluster", workers.address]
        running = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
        wait_for_results(zoo / "out", 3)
        workers.scheduler.kill()
        out, err = running.communicate(timeout=60)
    assert running.returncode == 2
    assert "GL954" in err
    assert "run the same command again" in err
    assert "Traceback" not in err + out
    found = once(list(gru_lower.batch("models/*.onnx", do=QUICK, out="out", cluster="none")), 41)
    assert sum(each.resumed for each in found.values()) >= 2
    assert sum(each.status == "done" for each in found.values()) == 40


@pytest.mark.cluster
def test_what_workers_do_not_see_is_refused_before_anything_starts(zoo: Path, tmp_path: Path) -> None:
    with cluster(tmp_path / "dask", 1) as workers:
        place = workers._folder / "only_here"
        settings: dict[str, Any] = {"cluster": workers.address}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("gru_lower.batching.batch.tool_version", lambda: "0.0.1")
            with pytest.raises(Unsupported, match=r"this is 0\.0\.1") as refused:
                list(gru_lower.batch("models/*.onnx", do=QUICK, out="out", **settings))
            assert refused.value.code == "GL952"
            patch.undo()
            patch.setattr("gru_lower.batching.batch.locations.note_in", lambda _: note(place))
            with pytest.raises(Unsupported, match="does not see") as refused:
                list(gru_lower.batch("models/*.onnx", do=QUICK, out="out", **settings))
            assert refused.value.code == "GL952"
    assert not list(zoo.glob("out/*.onnx"))


class note:  # noqa: N801 - stands for a function
    """A note that only this machine would see."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __enter__(self) -> str:
        return str(self.place)

    def __exit__(self, *_: object) -> None:
        """Nothing was written."""


@pytest.mark.cluster
def test_relative_paths_are_those_of_the_client(zoo: Path, tmp_path: Path) -> None:
    """The workers run in another folder; configuration, profiles and inputs are found from the client's."""
    (zoo / "pyproject.toml").write_text('[tool.gru-lower.lower]\nform = "loop"\n', encoding="utf-8")
    with cluster(tmp_path / "dask", 1) as workers:
        found = list(gru_lower.batch("./models/m0.onnx", do=QUICK, out="./out", cluster=workers.address))
    assert found[0].report is not None
    assert {site["form"] for site in found[0].report["sites"]} == {"loop"}
    assert (zoo / "out" / "m0.onnx").is_file()


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The file system of an S3 server on this machine, which workers that are started know as well."""
    server = pytest.importorskip("moto.server")
    s3fs = pytest.importorskip("s3fs")
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    running.start()
    host, port = running.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    fs = s3fs.S3FileSystem(skip_instance_cache=True)
    fs.mkdir("zoo")
    yield fs
    running.stop()


@pytest.mark.cluster
def test_models_and_results_on_s3(zoo: Path, bucket: Any) -> None:
    write_drawn(zoo / "models", 20)
    bucket.put(str(zoo / "models") + "/", "zoo/in/", recursive=True)
    settings: dict[str, Any] = {"do": QUICK, "workers": 2, "journal": "journal.jsonl"}
    found = once(list(gru_lower.batch("s3://zoo/in/**/*.onnx", out="s3://zoo/out", **settings)), 29)
    local = once(list(gru_lower.batch("models/**/*.onnx", do=QUICK, out="out", cluster="none")), 29)
    for name, each in local.items():
        twin = found[name.replace("models/", "s3://zoo/in/", 1)]
        assert (twin.status, twin.codes) == (each.status, each.codes)
        if each.output is not None:
            assert bucket.cat_file(str(twin.output)) == Path(each.output).read_bytes()
    data = sorted(path.relative_to(zoo / "out").as_posix() for path in (zoo / "out").rglob("*.data"))
    assert data
    assert sorted(path.removeprefix("zoo/out/") for path in bucket.glob("zoo/out/**/*.data")) == data
    again = list(gru_lower.batch("s3://zoo/in/**/*.onnx", out="s3://zoo/out", **settings))
    assert all(each.resumed for each in again)


@pytest.mark.cluster
@posix_only
def test_five_hundred_models_with_a_worker_killed_in_the_middle(
    tmp_path: Path, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    broken = len(write_broken(tmp_path / "models" / "broken"))
    real = copy_real(shared, tmp_path / "models" / "real", 150)
    write_drawn(tmp_path / "models" / "drawn", 500 - broken - real)
    with cluster(tmp_path / "dask", 2) as workers:
        words = [*COMMAND, "batch", "models/**/*.onnx", "--do", QUICK, "--out", "out", "--cluster", workers.address]
        with Path("report.json").open("wb") as report:
            running = subprocess.Popen([*words, "--output-format", "json"], stdout=report, env=ENVIRONMENT)
            wait_for_results(tmp_path / "out", 150)
            workers.workers[0].kill()
            assert running.wait(3600) == 1
        document = json.loads(Path("report.json").read_text(encoding="utf-8"))
        found = once([Outcome.from_json(each) for each in document["outcomes"]], 500)
        written = {path: path.stat().st_mtime_ns for path in Path("out").rglob("*.onnx")}
        assert subprocess.run([*words, "-q"], env=ENVIRONMENT, check=False, stderr=subprocess.PIPE).stderr == b""
        assert {path: path.stat().st_mtime_ns for path in Path("out").rglob("*.onnx")} == written
    assert all(found[str(path)].exit_code in (1, 2) for path in Path("models/broken").glob("*.onnx"))
    assert not list(Path("out").rglob(".*.tmp"))
    wrong = []
    for model, each in found.items():
        output = Path("alone", Path(model).relative_to("models"))
        output.parent.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [*COMMAND, *QUICK.split(), model, "-o", output], capture_output=True, env=ENVIRONMENT, check=False
        )
        if (done.returncode, output.exists()) != (each.exit_code, each.output is not None):
            wrong.append(model)
    assert not wrong
    assert files(Path("alone")) == {name: data for name, data in files(Path("out")).items() if ".jsonl" not in name}


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.cluster
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
def test_the_client_takes_no_more_memory_for_more_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The most that the client ever holds, of 50 models and of 400, with results large enough to see."""
    monkeypatch.chdir(tmp_path)
    script = """
        import resource, sys, gru_lower
        for each in gru_lower.batch(sys.argv[1], do="inspect", journal=sys.argv[2], cluster=sys.argv[3]):
            assert each.report is not None
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    """
    model = small_gru()
    (gru,) = model.graph.node
    model.graph.node.clear()
    for number in range(150):
        node = model.graph.node.add()
        node.CopyFrom(gru)
        node.name = f"gru{number}"
        node.output[:] = [f"{name}_{number}" if name else "" for name in gru.output]
    model.graph.output.clear()
    most = {}
    with cluster(tmp_path / "dask", 2) as workers:
        for count in (50, 400):
            folder = tmp_path / str(count)
            folder.mkdir()
            for number in range(count):
                (folder / f"{number:03}.onnx").write_bytes(model.SerializeToString())
            words = [
                sys.executable,
                "-c",
                textwrap.dedent(script),
                f"{folder}/*.onnx",
                f"{folder}.jsonl",
                workers.address,
            ]
            most[count] = int(subprocess.run(words, capture_output=True, check=True, env=ENVIRONMENT).stdout)
    assert Path("400.jsonl").stat().st_size > 20e6
    assert most[400] - most[50] < 8 << 10  # kB

"""probe --time: a runner's times become costs in the profile; a run that is ended goes on where it was."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import gru_lower
from gru_lower.cli.main import run as command
from gru_lower.errors import GruLowerError
from gru_lower.probing.runner import Outcome
from gru_lower.probing.timing import timer
from gru_lower.probing.timing.time_by_command import journal_of, time_by_command
from gru_lower.probing.timing.time_target import Setting, TimeOptions, time_target
from gru_lower.probing.timing.timed_sizes import Grid, timed_model
from gru_lower.probing.timing.timer import CommandTimer, Timing
from gru_lower.targets import read_profile
from lowering import op_types, run

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx

    from gru_lower.probing.probe_model import ProbeModel
    from gru_lower.probing.runner import Arrays

RUNNERS = Path(__file__).resolve().parents[1] / "examples" / "runners"
ORDER = "{model} {inputs} {outputs} {repeat}"
SIZES = Grid((4,), (1,), (3, 6)).sizes()


def taken_by(model: onnx.ModelProto) -> float:
    """The node is slow here, a Loop is quick, and every other node costs something."""
    kinds = op_types(model)
    return 1.0 if "GRU" in kinds else 0.01 if "Loop" in kinds else 0.002 * len(model.graph.node)


class Counted:
    """A timer that counts what it is asked for, and ends the run after some sizes."""

    def __init__(self, most: int = 1000) -> None:
        self.asked, self._most = 0, most

    def __call__(self, models: Sequence[ProbeModel]) -> list[Timing]:
        if self.asked == self._most:
            raise KeyboardInterrupt
        self.asked += 1
        return [Timing((taken_by(each.model),) * 3) for each in models]


class InProcess:
    """A command's runner without a command."""

    def __init__(self, command: str, _timeout: float) -> None:
        self._times = "{repeat}" not in command and "untimed" not in command

    def __call__(self, model: onnx.ModelProto, feeds: Arrays) -> Outcome:
        seconds = {"__seconds__": np.full(3, taken_by(model))} if self._times else {}
        return Outcome(run(model, feeds) | seconds)


class TestTimeTarget:
    profile = replace(read_profile.load("onnxruntime"), costs=None)

    def test_what_is_quick_is_chosen_then(self, tmp_path: Path) -> None:
        from gru_lower.targets.write_profile import to_toml

        timed = time_target([Setting(Counted())], self.profile, TimeOptions(SIZES, "9"))
        path = tmp_path / "mine.toml"
        path.write_text(to_toml(timed.profile), encoding="utf-8")
        lowered = gru_lower.lower(timed_model(SIZES[0], 17).model, target=str(path))
        assert "Loop" in op_types(lowered.model)
        assert "measured 9" in lowered.report.sites[0].message

    def test_one_that_was_ended_goes_on(self, tmp_path: Path) -> None:
        options = TimeOptions(SIZES, journal=tmp_path / "journal")
        with pytest.raises(KeyboardInterrupt):
            time_target([Setting(Counted(2))], self.profile, options)
        rest = Counted()
        resumed = time_target([Setting(rest)], self.profile, options)
        assert rest.asked == len(SIZES) - 2
        whole = time_target([Setting(Counted())], self.profile, TimeOptions(SIZES))
        assert resumed.profile.costs == whole.profile.costs

    def test_a_journal_of_something_else_is_not_taken(self, tmp_path: Path) -> None:
        journal = tmp_path / "journal"
        time_target([Setting(Counted())], self.profile, TimeOptions(SIZES, "1", journal=journal))
        anew = Counted()
        time_target([Setting(anew)], self.profile, TimeOptions(SIZES, "2", journal=journal))
        assert anew.asked == len(SIZES)

    def test_what_there_is_time_for_counts(self) -> None:
        def slow(models: Sequence[ProbeModel]) -> list[Timing]:
            import time

            time.sleep(0.01)
            return Counted()(models)

        timed = time_target([Setting(slow)], self.profile, TimeOptions(SIZES, limit=0.001))
        assert timed.left == len(SIZES) - 1
        assert timed.profile.costs is not None

    def test_other_settings_keep_their_costs(self) -> None:
        first = time_target([Setting(Counted(), "f32")], self.profile, TimeOptions(SIZES))
        second = time_target([Setting(Counted(), "bf16")], first.profile, TimeOptions(SIZES))
        assert second.profile.costs is not None
        assert set(second.profile.costs.precisions) == {"f32", "bf16"}

    def test_time_left_is_told(self) -> None:
        told: list[str] = []
        progress = lambda what, done, total: told.append(f"{what} {done}/{total}")  # noqa: E731
        time_target([Setting(Counted())], self.profile, TimeOptions(SIZES), progress)
        assert len(told) == len(SIZES)
        assert "left" in told[-1]


class TestCommandTimer:
    def test_the_runner_of_the_examples(self) -> None:
        script = RUNNERS / "run_onnxruntime.py"
        words = f"{shlex.quote(sys.executable)} {shlex.quote(str(script))} {{model}} {{inputs}} {{outputs}}"
        (timing,) = CommandTimer(f"{words} --repeat {{repeat}}", runs=3, rounds=1)([timed_model(SIZES[0], 17)])
        assert timing.median > 0

    @pytest.mark.parametrize(("words", "said"), [("x untimed", "is not given"), (ORDER, "wrote none")])
    def test_one_without_times(self, words: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
        class Silent(InProcess):
            def __call__(self, model: onnx.ModelProto, feeds: Arrays) -> Outcome:
                return Outcome(run(model, feeds))

        monkeypatch.setattr(timer, "CommandRunner", Silent)
        with pytest.raises(GruLowerError, match=said) as caught:
            CommandTimer(words)([timed_model(SIZES[0], 17)])
        assert caught.value.code == "GL611"

    def test_what_is_wrong_is_not_timed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Wrong(InProcess):
            def __call__(self, model: onnx.ModelProto, feeds: Arrays) -> Outcome:
                found: Any = super().__call__(model, feeds).outputs
                return Outcome({name: array + 1 for name, array in found.items()})

        monkeypatch.setattr(timer, "CommandRunner", Wrong)
        (timing,) = CommandTimer(ORDER)([timed_model(SIZES[0], 17)])
        assert not timing.seconds
        assert "off by" in timing.reason


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from gru_lower.probing.timing import time_target as module

    monkeypatch.setattr(timer, "CommandRunner", InProcess)
    monkeypatch.setattr(module, "FITTED", Grid((4,), (1,), (1, 3)))
    out = tmp_path / "npu.toml"
    words = ["probe", "--time", "--verdicts", "onnxruntime", "--runner", f"npu {ORDER}", "-o", str(out)]
    assert command([*words, "--target-version", "5"]) == 0
    costs = read_profile.load(str(out)).costs
    assert costs is not None
    assert costs.version == "5"
    assert "Wrote the costs" in capsys.readouterr().out
    assert not journal_of(out).exists()


@pytest.mark.parametrize("option", [["--limit", "1"], ["--verdicts", "mnn"], ["--flags", "x"]])
def test_options_of_timing_go_with_it(option: list[str], tmp_path: Path) -> None:
    assert command(["probe", "--runner", f"npu {ORDER}", "-o", str(tmp_path / "x.toml"), *option]) == 2


def test_the_library_takes_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timer, "CommandRunner", InProcess)
    timed = time_by_command(ORDER, TestTimeTarget.profile, 9.0, journal=None, sizes=SIZES[:1])
    assert {each.size for each in timed.measured} == {SIZES[0]}

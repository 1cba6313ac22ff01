"""Words that options do not know, and options that are given together: nothing is taken in silence."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx
import pytest

import gru_lower
from gru_lower.cli.main import run

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).resolve().parents[1]
DIGITS = str(ROOT / "fixtures" / "digits_gru.onnx")
FIXED = ("--fix-dim", "batch=1", "--no-verify")


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = run(words)
    return code, capsys.readouterr().err


def operators(words: Iterable[str], folder: Path) -> set[str]:
    assert run(["lower", DIGITS, *words, "-o", str(folder / "out.onnx"), "--overwrite", "-q"]) == 0
    return {node.op_type for node in onnx.load(folder / "out.onnx").graph.node}


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("lower", DIGITS, "--forbid", "Splitt"), "Split"),
        (("lower", DIGITS, "--forbid", "gemm"), "Gemm"),
        (("lower", DIGITS, "--forbid", "Gemm+Slise"), "Slice"),
        (("lower", DIGITS, "--forbid", "Gemm", "--forbid", "Wher"), "Where"),
        (("lower", DIGITS, "--forbid", "Convv"), "Conv"),
        (("lower", DIGITS, "--form", "unrol"), "unroll"),
        (("lower", DIGITS, "--mask", "wher"), "where"),
        (("lower", DIGITS, "--vocabulary", "minimum"), "minimal"),
        (("lower", DIGITS, "--zero-length-state", "zeros"), "zero"),
        (("lower", DIGITS, "--target", "portabel"), "portable"),
        (("lower", DIGITS, "--fix-dim", "bach=1"), "batch"),
        (("lower", DIGITS, "--fix-dim", "row:0=1"), "rows"),
        (("lower", DIGITS, "--shape", "row=1,8,8"), "rows"),
        (("lower", DIGITS, "--passes", "lower-gro"), "lower-gru"),
        (("lower", DIGITS, "--passes", "lower-gru{vocabulary=minima}"), "minimal"),
        (("lower", DIGITS, "--output-format", "jason"), "json"),
        (("legalize", DIGITS, "--target", "opencv-4"), "opencv4"),
        (("fuse", DIGITS, "--assume", "rightpadded"), "right-padded"),
        (("fuse", DIGITS, "--empty", "kept"), "keep"),
        (("check", DIGITS, "--select", "GL71l"), "GL71"),
        (("check", DIGITS, "--ignore", "GL9O1"), "GL901"),
        (("check", DIGITS, "--target", "OpenVino"), "openvino"),
        (("check", DIGITS, "--output-format", "sarf"), "sarif"),
        (("verify", DIGITS, DIGITS, "--provider", "cpuu"), "CPU"),
        (("targets", "tracts"), "tract"),
        (("convert", DIGITS, "--to", "pytorch"), "torch"),
        (("convert", DIGITS, "--from", "kera"), "keras"),
        (("lower", DIGITS, "--vocabluary", "minimal"), "--vocabulary"),
        (("verfiy", DIGITS), "verify"),
    ],
)
def test_a_word_an_option_does_not_know(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], meant: str, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    code, err = said(capsys, *words)
    assert code == 2
    assert "id you mean" in err
    assert meant in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "given",
    [
        ("--set", "rows=1", "--set", "rows=2"),
        ("--fix-dim", "batch=1", "--fix-dim", "batch=2"),
        ("--shape", "rows=1,8,8", "--shape", "rows=2,8,8"),
    ],
)
def test_what_is_given_twice_and_not_the_same_is_refused(
    capsys: pytest.CaptureFixture[str], given: tuple[str, ...], tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    code, err = said(capsys, "lower", DIGITS, *given)
    assert code == 2
    assert f"{given[1].partition('=')[0]!r} is given twice, and not the same" in err
    assert not list(tmp_path.iterdir())
    _, err = said(capsys, "lower", DIGITS, *given[:2], *given[:2], "--dry-run", "--no-verify")
    assert "given twice" not in err


@pytest.mark.parametrize(
    ("options", "meant"),
    [
        ({"form": "unrol"}, "unroll"),
        ({"mask": "wher"}, "where"),
        ({"vocabulary": "minimall"}, "minimal"),
        ({"zero_length_state": "initail"}, "initial"),
        ({"forbid": ["Splitt"]}, "Split"),
        ({"forbid": "Split+Gem"}, "Gemm"),
        ({"target": "portabel"}, "portable"),
    ],
)
def test_the_library_refuses_it_too(options: dict[str, Any], meant: str) -> None:
    with pytest.raises(gru_lower.Unsupported) as refused:
        gru_lower.lower(DIGITS, **options)
    assert refused.value.hint == f"did you mean {meant}?"


def test_every_operator_of_onnx_may_be_forbidden(tmp_path: Path) -> None:
    """Lists of what a chip lacks hold operators that a lowering never writes."""
    assert "Split" not in operators(["--forbid", "Conv+Split+LSTM", "--form", "unroll", "--no-verify"], tmp_path)


class TestTogether:
    def test_several_forbid_add_up(self, tmp_path: Path) -> None:
        one = operators(["--form", "unroll", "--no-verify", "--forbid", "Split+Sub"], tmp_path)
        two = operators(["--form", "unroll", "--no-verify", "--forbid", "Split", "--forbid", "Sub"], tmp_path)
        assert one == two
        assert not one & {"Split", "Sub"}

    def test_a_target_and_what_is_forbidden_besides(self, tmp_path: Path) -> None:
        """What the target forbids stays forbidden."""
        plain = operators(["--target", "portable", *FIXED], tmp_path)
        assert plain >= {"Sub", "Tanh"}
        narrowed = operators(["--target", "portable", *FIXED, "--forbid", "Sub", "--forbid", "Tanh"], tmp_path)
        assert not narrowed & {"Sub", "Tanh"}

    def test_a_target_and_a_vocabulary(self, tmp_path: Path) -> None:
        found = operators(["--target", "mnn", *FIXED, "--form", "unroll", "--vocabulary", "minimal"], tmp_path)
        assert found >= {"MatMul"}

    def test_the_same_from_a_configuration(self, tmp_path: Path) -> None:
        (tmp_path / "pyproject.toml").write_text('[tool.gru-lower.lower]\nforbid = ["Split", "Sub"]\ntarget = "mnn"\n')
        config = ["--config", str(tmp_path / "pyproject.toml")]
        assert not operators([*config, *FIXED, "--form", "unroll"], tmp_path) & {"Split", "Sub"}

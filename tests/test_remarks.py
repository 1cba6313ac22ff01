"""What commands remark is true of the model that was read, of the target that was named, and of what was left."""

from __future__ import annotations

from pathlib import Path

import pytest

from gru_lower.cli.main import run

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
DIGITS, WORDS = str(FIXTURES / "digits_gru.onnx"), str(FIXTURES / "g2p_encoder.onnx")
KERNEL = "onnxruntime's own GRU kernel is faster"
ABSENT = "There is no"
QUICK = ("--dry-run", "--no-verify")


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert run(words) == 0
    return " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("passes", ["merge-gru", "fold-shapes", "name-outputs", "fuse-gru", "convert-opset{to=18}"])
def test_a_gru_that_passes_do_not_touch_is_there(capsys: pytest.CaptureFixture[str], passes: str) -> None:
    text = printed(capsys, "lower", DIGITS, "--passes", passes, *QUICK)
    assert ABSENT not in text
    assert "These passes do nothing to the GRU in this model" in text


def test_several_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    assert "do nothing to the 2 GRUs" in printed(capsys, "lower", WORDS, "--passes", "part-constants", *QUICK)


def test_one_that_is_lowered_and_fused_again_was_there(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "lower", DIGITS, "--passes", "lower-gru,fuse-gru", *QUICK)
    assert ABSENT not in text
    assert KERNEL not in text  # a GRU node stands there again


def test_only_fuse_says_that_nothing_is_decomposed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "There is no decomposed GRU in this model" in printed(capsys, "fuse", DIGITS, *QUICK)
    assert "These passes fuse nothing" in printed(capsys, "fuse", DIGITS, "--passes", "merge-gru", *QUICK)
    none = str(tmp_path / "lowered.onnx")
    assert run(["lower", DIGITS, "-o", none, "-q", "--no-verify"]) == 0
    capsys.readouterr()
    assert "There is no GRU in this model" in printed(capsys, "lower", none, *QUICK)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("lower", DIGITS), True),
        (("lower", DIGITS, "--form", "scan"), True),
        (("lower", DIGITS, "--passes", "lower-gru{form=loop}"), True),
        (("lower", DIGITS, "--target", "portable", "--fix-dim", "batch=1"), False),
        (("lower", DIGITS, "--target", "tract"), False),
        (("legalize", WORDS, "--target", "mnn"), False),
        (("lower", DIGITS, "--passes", "lower-gru{target=tract}"), False),
        (("quantize", WORDS, "--all"), False),
    ],
)
def test_the_kernel_of_another_runtime_is_left_out(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], *, said: bool
) -> None:
    assert (KERNEL in printed(capsys, *words, *QUICK)) is said


def test_legalize_tells_what_needs_no_rewrite_from_what_none_would_help(capsys: pytest.CaptureFixture[str]) -> None:
    needless = printed(capsys, "legalize", DIGITS, "--target", "mnn", *QUICK)
    assert "no rewrite is needed" in needless
    assert "no rewrite would serve" not in needless
    hopeless = printed(capsys, "lower", WORDS, "--passes", "legalize-gru{target=tvm}", *QUICK)
    assert "no rewrite would serve" in hopeless
    assert "no rewrite is needed" not in hopeless


def test_convert_says_what_it_wrote(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    weights, model = str(tmp_path / "gru.npz"), str(tmp_path / "again.onnx")
    assert f"Wrote {weights}" in printed(capsys, "convert", DIGITS, "--to", "torch", "-o", weights)
    assert f"Wrote {model}" in printed(capsys, "convert", weights, "--from", "torch", "-o", model)
    assert not printed(capsys, "convert", weights, "--from", "torch", "-o", model, "--overwrite", "-q")


def test_fuse_leaves_what_is_no_gru_and_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fuse", DIGITS, *QUICK]) == 0
    assert run(["fuse", DIGITS, *QUICK, "--require", "1"]) == 1
    assert "GL804" in capsys.readouterr().err

"""What a call says to whoever gets it wrong: our error, in the library's words, with what to do in its text."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import gru_lower
from gru_lower.api.declared_options import declared_options
from gru_lower.api.library_words import in_library_words
from gru_lower.api.options import LoweringOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
DIGITS = str(ROOT / "fixtures" / "digits_gru.onnx")
TYPED = ROOT / "tests" / "typed"


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ({"form": "scna"}, "did you mean scan?"),
        ({"form": 3}, "one of auto, scan, loop, unroll, step"),
        ({"cases": "3"}, "a whole number"),
        ({"cases": True}, "a whole number"),
        ({"cases": 0}, "1 or more"),
        ({"rtol": -1}, "0 or more"),
        ({"rtol": float("nan")}, "0 or more"),
        ({"opset": 17.0}, "a whole number"),
        ({"verify": "no"}, "True or False"),
        ({"passes": 3}, "a text"),
        ({"fix_dims": [("batch", 1)]}, "a dict"),
        ({"set": "x=3"}, "a dict"),
        ({"progress": 3}, "a function"),
        ({"inputs": {"rows": 1}}, "a list of dicts"),
        ({"forbid": 3}, "a list of texts"),
    ],
)
def test_a_value_of_the_wrong_kind_is_our_error(given: dict[str, Any], hint: str) -> None:
    with pytest.raises(gru_lower.Unsupported) as caught:
        gru_lower.lower(DIGITS, **given)
    (name,) = given
    assert caught.value.message.startswith(f"{name} cannot be ")
    assert hint in (caught.value.hint or "")
    assert caught.value.code == ("GL009" if name == "inputs" else "GL008")


def test_what_a_number_is_does_not_matter() -> None:
    given: dict[str, Any] = {"cases": np.int64(1), "rtol": np.float32(0.1), "verify": np.zeros(1, bool)[0]}
    assert gru_lower.lower(DIGITS, **given).model.graph.node


def test_the_text_of_an_error_says_what_to_do_in_words_of_the_library() -> None:
    with pytest.raises(gru_lower.Unsupported) as caught:
        gru_lower.lower(DIGITS, target="portable")
    assert caught.value.hint == 'add fix_dims={"batch": N}'
    assert str(caught.value) == f"{caught.value.message}\n  hint: {caught.value.hint}"


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("add --fix-dim batch=N --opset 17", 'add fix_dims={"batch": N}, opset=17'),
        ("add --fix-dim batch=N --fix-dim time=N", 'add fix_dims={"batch": N, "time": N}'),
        ("add --set 'lengths=time' --assume full-length", 'add set={"lengths": "time"}, assume="full-length"'),
        ("leave --opset out, or export the model again", "leave opset out, or export the model again"),
        ("give inputs of your own with --inputs", "give inputs of your own with inputs="),
        ("--max-nodes 30000 allows them", "max_nodes=30000 allows them"),
        ("fuse first: gru-lower fuse", "fuse first: gru_lower.fuse"),
        ("allow it with gru-lower legalize --allow-cast", "allow it with gru_lower.legalize(allow_cast=True)"),
        ("take --vocabulary minimal", 'take vocabulary="minimal"'),
        ("choose another -o, or allow it with --overwrite", "choose another path, or allow it with overwrite=True"),
        ("give smaller shapes, as in --shape INPUT=2,7,64", 'give smaller shapes, as in shapes={"INPUT": (2, 7, 64)}'),
        ("say it with --time NAME:AXIS", 'say it with time={"NAME": AXIS}'),
        ("or accept a window with --chunk K --context N", "or accept a window with chunk=K, context=N"),
        ("leave --keep-node out, to lower it", "leave keep_node out, to lower it"),
        ("for the size, quantise all: --all", "for the size, quantise all: all=True"),
        ("gru-lower check MODEL --fix does", "gru_lower.fix does"),
        ("verify: gru-lower verify ORIGINAL THIS", "verify: gru_lower.verify(ORIGINAL, THIS)"),
        ("lower it: gru-lower --target onnxruntime-cuda", 'lower it: gru_lower.lower(target="onnxruntime-cuda")'),
        ("padded: gru-lower fuse --assume right-padded", 'padded: gru_lower.fuse(assume="right-padded")'),
        ("measure it: `gru-lower probe --time`", "measure it: `gru-lower probe --time`"),
    ],
)
def test_flags_become_keywords(flags: str, words: str) -> None:
    error = gru_lower.Unsupported("no", hint=flags)
    in_library_words(error, declared_options(LoweringOptions))
    assert error.hint == words


COMMAND_LINE = re.compile(r"--[a-z]|gru-lower (lower|fuse|legalize|check|verify|inspect|bench|stream)")
NO_CALL = re.compile(r"gru-lower (probe|convert|targets)|probe --time|python -m |--node|--timeout|--missing")
"""What no call takes: commands without one, other tools', and what the calls of frameworks say in both words."""


def texts_of(source: Path) -> Iterator[str]:
    """Yield the texts of a file that a message may be made of, names in them as X."""
    tree = ast.parse(source.read_text(encoding="utf-8"))
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    inside |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield node.value


def test_every_message_has_library_words() -> None:
    left = (
        "batching",
        "cli",
        "passes",
        "frameworks",
        "pytest_plugin.py",
        "testing.py",
        "library_words.py",
        "int8_options.py",
    )
    files = [file for file in (ROOT / "gru_lower").rglob("*.py") if not set(left) & set(file.relative_to(ROOT).parts)]
    files += (ROOT / "passes").rglob("*.py")
    said = [text for file in files for text in texts_of(file) if re.search(r"(^|\s|\()--[a-z]", text)]
    assert len(said) > 100
    for text in said:
        if NO_CALL.search(text) or len(text) > 300:
            continue
        error = gru_lower.Unsupported("no", hint=text)
        in_library_words(error, declared_options(LoweringOptions))
        assert error.hint
        assert not COMMAND_LINE.search(error.hint), text


def test_what_a_report_says_has_library_words() -> None:
    reports = [
        gru_lower.check(DIGITS, target="portable"),
        gru_lower.inspect(ROOT / "fixtures" / "g2p_encoder.onnx"),
        gru_lower.inspect(gru_lower.lower(DIGITS, form="scan").model),
        gru_lower.lower(ROOT / "fixtures" / "g2p_encoder.onnx", form="unroll", verify=False).report,
        gru_lower.legalize(DIGITS, target="quantizers", verify=False).report,
    ]
    said = json.dumps([report.to_dict() for report in reports])
    assert not COMMAND_LINE.search(said)
    assert 'fix_dims={\\"batch\\": N}' in json.dumps(reports[0].to_dict())
    assert "gru_lower.fuse makes a GRU of it" in json.dumps(reports[2].to_dict())
    printed = subprocess.run(
        [sys.executable, "-m", "gru_lower", "check", DIGITS, "--target", "portable"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "--fix-dim batch=N" in printed.stdout


def test_a_result_that_cannot_be_saved_has_library_words(tmp_path: Path) -> None:
    result = gru_lower.lower(DIGITS, verify=False)
    result.save(tmp_path / "a.onnx")
    with pytest.raises(gru_lower.Unsupported) as refused:
        result.save(tmp_path / "a.onnx")
    assert refused.value.hint == "choose another path, or allow it with overwrite=True"


def test_the_command_still_says_flags() -> None:
    words = [sys.executable, "-m", "gru_lower", DIGITS, "--target", "portable", "--dry-run"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--fix-dim batch=N" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_a_users_file_is_type_checked(checker: str) -> None:
    words = {"mypy": ["mypy", "--strict", "--no-incremental"], "pyright": ["pyright", "--pythonpath", sys.executable]}[
        checker
    ]
    pytest.importorskip(checker)
    files = [each for each in sorted(TYPED.glob("*.py")) if each.stem != "onnx_ir_models" or find_spec("onnx_ir")]
    words = [sys.executable, "-m", *words, *map(str, files)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_what_a_dict_says_is_json_and_the_old_name_still_works() -> None:
    report = gru_lower.inspect(DIGITS)
    said = report.to_dict()
    assert json.loads(json.dumps(said, allow_nan=False)) == said
    with pytest.warns(DeprecationWarning, match="it is called to_dict"):
        assert report.to_json() == said

"""Target profiles: what ships is whole and says where it comes from, and a broken one is refused with a reason."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import gru_lower
from gru_lower.cli.main import run as command
from gru_lower.targets import profile_tables, read_profile
from gru_lower.targets.judge_gru import judge
from gru_lower.targets.option_axes import AXES, DTYPES, OPTIONS, PLAIN, band, describe, with_options
from gru_lower.targets.profile import COLUMNS, FOLDER, FORMS, VERDICTS
from gru_lower.targets.write_profile import to_toml
from update_targets import PAGE, page

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[1]
SCHEMA: dict[str, Any] = json.loads((ROOT / "gru_lower/schema/target-1.json").read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)
NAMES = (
    *("portable", "onnxruntime", "onnxruntime-cuda", "onnxruntime-directml", "onnxruntime-webgpu", "onnxruntime-webnn"),
    *("onnxruntime-qnn", "onnxruntime-coreml", "onnxruntime-tensorrt", "openvino", "tract", "iree", "mnn", "opencv4"),
    *("opencv5", "ncnn", "tvm", "tinygrad", "onnx2torch", "onnx2tf", "jaxonnxruntime", "emx", "sofie", "tensorrt"),
    *("aidge", "esp-ppq", "coreai", "ezkl", "nxrt", "onnx2fx", "onnx2kerastl"),
    *("onnxruntime-jsep", "onnxruntime-training", "nnoir", "onnx2coreml", "onnxruntime-openvino"),
    *("rknn", "tpu-mlir", "stm32n6", "quantizers", "vela", "tflite-micro", "litert-js", "onnxjs"),
)
MINE = """
name = "mine"
summary = "an NPU"
opset = [13, 17]
static = false
forms = ["unroll"]

[gru]
right = ["lbr1", "reverse", "initial_h", "dynamic_time"]
wrong = ["clip"]
together = [{ options = ["reverse", "initial_h"], verdict = "wrong" }]

[unroll]
all = "right"
"""
BROKEN: dict[str, tuple[str, str, str]] = {
    "a key is missing": ("static = false\n", "", "lacks static"),
    "a key is unknown": (
        "static = false",
        "statc = false\nstatic = false",
        "does not know statc (did you mean static?)",
    ),
    "a range is none": ("[13, 17]", "[17, 13]", "opset has to be the oldest and the newest"),
    "a flag is none": ("static = false", 'static = "no"', "static has to be true or false"),
    "a form is unknown": ('forms = ["unroll"]', 'forms = ["unrol"]', "forms: 'unrol' is unknown; did you mean unroll?"),
    "an option is unknown": ('"lbr1"', '"lbr2"', "gru.right: 'lbr2' is unknown; did you mean lbr"),
    "a verdict is unknown": ('all = "right"', 'all = "fine"', "unroll.all is 'fine'; it has to be one of right, wrong"),
    "an option is listed twice": ('["clip"]', '["clip", "lbr1"]', "gru: lbr1 is listed twice"),
    "a list is none": ('wrong = ["clip"]', 'wrong = "clip"', "gru.wrong has to be a list of texts"),
    "a source is missing": ("[gru]", '[gru]\nevidence = "read"', "source has to say where it was read"),
    "one option is together with none": ('["reverse", "initial_h"]', '["reverse"]', "options has to name two or more"),
    "a table is none": ("[unroll]\nall", "[ops]\nSplit", "ops.Split has to be a table"),
}


@pytest.mark.parametrize("name", NAMES)
def test_a_profile_that_ships(name: str) -> None:
    text = (FOLDER / f"{name}.toml").read_text(encoding="utf-8")
    assert not list(VALIDATOR.iter_errors(tomllib.loads(text)))
    found = read_profile.load(name)
    assert found.name == name
    assert found.summary
    assert set(found.columns) >= {"gru"}
    cells = [cell for column in found.columns.values() for cell in column.cells.values()]
    assert all(cell.source for cell in cells if cell.evidence == "read")
    assert all(cell.version for cell in cells if cell.evidence == "run") or name == "portable"
    assert read_profile.parse(to_toml(found)) == found


def test_every_name_ships_and_no_other() -> None:
    assert set(read_profile.names()) == set(NAMES)
    assert read_profile.names()[0] == "portable"


def test_the_page_of_targets_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python tests/update_targets.py"


def test_the_schema_says_what_the_reader_takes() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    defined = SCHEMA["$defs"]
    assert set(SCHEMA["properties"]) == {*read_profile.REQUIRED, *read_profile.OPTIONAL}
    assert SCHEMA["required"] == list(read_profile.REQUIRED)
    assert set(defined["column"]["properties"]) == set(read_profile.COLUMN_KEYS)
    assert defined["options"]["items"]["enum"] == list(OPTIONS)
    assert defined["verdict"]["enum"] == list(VERDICTS)
    assert set(defined["limit"]["properties"]) == set(read_profile.OP_KEYS)
    assert SCHEMA["properties"]["dtypes"]["items"]["enum"] == list(DTYPES)
    assert SCHEMA["properties"]["forms"]["items"]["enum"] == list(FORMS)
    assert not list(VALIDATOR.iter_errors(tomllib.loads(MINE)))


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_profile_says_what_is_wrong_with_it(
    what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new, words = BROKEN[what]
    assert old in MINE
    path = tmp_path / "mine.toml"
    path.write_text(MINE.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(gru_lower.InvalidModel) as caught:
        read_profile.load(str(path))
    assert caught.value.code == "GL402"
    assert words in caught.value.message
    assert command(["targets", str(path)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert words in lines[0]


class TestJudging:
    mine = read_profile.parse(MINE)
    options = PLAIN | {"lbr1", "float32", "opset_14"}

    @pytest.mark.parametrize(
        ("changes", "verdict", "why"),
        [
            ((), "right", ""),
            (("reverse",), "right", ""),
            (("clip",), "wrong", "clip is wrong on mine"),
            (("reverse", "initial_h"), "wrong", "reverse and initial_h are wrong together on mine"),
            (("reverse", "dynamic_time"), "unknown", "reverse and a dynamic sequence length were not tried together"),
            (("layout1",), "unknown", "layout = 1 was not tried on mine"),
            (("float64", "clip"), "rejected", "float64 is rejected on mine"),
            (("opset_22",), "rejected", "opset 22 and newer is rejected on mine"),
            (("lbr0",), "unknown", "linear_before_reset = 0 was not tried on mine"),
        ],
    )
    def test_a_gru(self, changes: tuple[str, ...], verdict: str, why: str) -> None:
        found = judge(self.mine, "gru", with_options(self.options, *changes))
        assert found.verdict == verdict
        assert found.why.startswith(why)

    def test_what_was_read_is_said_to_be(self) -> None:
        read = MINE.replace("[gru]", '[gru]\nevidence = "read"\nsource = "the manual, page 7"')
        found = judge(read_profile.parse(read), "gru", self.options)
        assert (found.verdict, found.evidence, found.source) == ("right", "read", "the manual, page 7")

    def test_a_static_target_takes_no_dynamic_dim(self) -> None:
        static = read_profile.parse(MINE.replace("static = false", "static = true"))
        assert judge(static, "gru", with_options(self.options, "dynamic_time")).verdict == "rejected"

    @pytest.mark.parametrize("opset", range(7, 26))
    def test_an_opset_is_in_one_band(self, opset: int) -> None:
        assert band(opset) in AXES["opset"]
        first = int(band(opset).rpartition("_")[2])
        assert first <= opset


@given(data=st.data())
def test_a_profile_reads_back_as_it_was_written(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(NAMES))
    found = read_profile.load(name)
    column = data.draw(st.sampled_from([each for each in COLUMNS if each in found.columns]))
    option = data.draw(st.sampled_from(list(found.columns[column].cells)))
    del found.columns[column].cells[option]
    assert read_profile.parse(to_toml(found)) == found


class TestMatrix:
    def test_every_feature_is_an_option(self) -> None:
        assert {option for options in profile_tables.FEATURES.values() for option in options} <= set(OPTIONS)
        assert all(describe(option) for option in OPTIONS)

    def test_what_a_target_gets_wrong_is_never_what_comes_of_it(self) -> None:
        for name in NAMES:
            row = profile_tables.row(read_profile.load(name))
            assert "wrong" not in row.after.values()
            for feature, mark in row.before.items():
                assert mark != "right" or row.after[feature] == "right"

    def test_the_list_names_every_target(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert command(["targets"]) == 0
        out = capsys.readouterr().out
        assert all(f"\n{name} " in out or f"\n{name}* " in out for name in NAMES)  # a star: read, not run

    def test_one_target(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert command(["targets", "onnxruntime-cuda"]) == 0
        out = capsys.readouterr().out
        assert "unverified: run `gru-lower probe`" in out
        assert "reverse + sequence_lens: wrong together" in out

    def test_json_holds_every_cell(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert command(["targets", "--output-format", "json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert [each["name"] for each in found["targets"]] == read_profile.names()
        tract = next(each for each in found["targets"] if each["name"] == "tract")
        cell = tract["columns"]["gru"]["cells"]["reverse"]
        assert (cell["verdict"], cell["evidence"]) == ("wrong", "run")
        assert cell["version"]


def test_what_a_profile_names_as_its_forms_is_written(call_lower: Callable[[str], list[str]]) -> None:
    assert call_lower('forms = ["loop", "unroll"]') == ["loop"]
    assert call_lower('forms = ["unroll", "loop"]') == ["unroll"]


@pytest.fixture
def call_lower(tmp_path: Path) -> Callable[[str], list[str]]:
    """Lower a GRU of 20 steps for a profile with these forms."""
    import numpy as np

    from strategies import WEIGHTS, random_case

    def do(forms: str) -> list[str]:
        text = MINE.replace('forms = ["unroll"]', forms) + '\n[control_flow]\nloop = true\n[loop]\nall = "right"\n'
        path = tmp_path / "with a space, and more.toml"
        path.write_text(text.replace('right = ["lbr1"', 'rejected = ["lbr1"', 1), encoding="utf-8")
        case = random_case(
            np.random.default_rng(1), T=20, opset=17, dtype=np.float32, static=True, sequence_lens=None, layout=None,
            activations=None, clip=None, constants=WEIGHTS, linear_before_reset=1,
        )  # fmt: skip
        return [str(site.form) for site in gru_lower.lower(case.model(), target=str(path)).report.sites]

    return do

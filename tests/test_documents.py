"""What the documents show as code is run: Python, and the pages from zero to done as they stand; data are read."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
import yaml
from onnx import compose

import gru_lower
from document_blocks import SHELL, Block, blocks, follow, run_python
from gru_lower.frameworks import pytorch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Names = dict[str, Any]

ROOT = Path(__file__).resolve().parents[1]
START = sorted(ROOT.glob("docs/start/*.md"))
ELSEWHERE = ("docs/diagnostics/", "docs/ci.md", "docs/chips.md")
"""Pages whose blocks tests of their own run: test_diagnostics.py, test_ci_page.py, test_chips.py and its page's."""
OPTIONAL = ("torch", "keras", "tensorflow", "mlx", "nncf", "quark")
"""Packages of sessions of their own: what imports one is run where it is installed."""
SHOWN = {"text", "onnx"}
"""What is shown, and not run by itself."""


def of_document(path: Path) -> list[Block]:
    return blocks(path.read_text(encoding="utf-8"))


def documents() -> list[Path]:
    found = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
    own = [path for path in found if not path.relative_to(ROOT).as_posix().startswith(ELSEWHERE)]
    return [path for path in own if path not in START]


def wanted_packages(text: str) -> set[str]:
    return {name for name in OPTIONAL if re.search(rf"^(?:import|from) {name}\b", text, re.MULTILINE)}


def absent(packages: set[str]) -> set[str]:
    return {name for name in packages if importlib.util.find_spec(name) is None}


def gru(seed: int, inputs: int = 8, hidden: int = 16, **how: Any) -> onnx.ModelProto:
    """Return a model of one GRU, X [T,B,I] to Y [T,B,H] and Y_h."""
    rng = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {"weight_ih_l0": (3 * hidden, inputs), "weight_hh_l0": (3 * hidden, hidden)}
    shapes |= {"bias_ih_l0": (3 * hidden,), "bias_hh_l0": (3 * hidden,)}
    weights = {name: rng.uniform(-0.3, 0.3, shape).astype(np.float32) for name, shape in shapes.items()}
    return pytorch.to_onnx(weights, config={"input_size": inputs, "hidden_size": hidden}, opset=17, **how)


def node_and_loop() -> onnx.ModelProto:
    """Return a GRU node followed by a GRU that an exporter has made a Loop of."""
    first, second = gru(0), gru_lower.lower(gru(1, inputs=16), form="loop").model
    second = compose.add_prefix(second, "second_")
    return compose.merge_models(first, second, io_map=[("Y", "second_X")])


def of_readme() -> Names:
    onnx.save(node_and_loop(), "model.onnx")
    onnx.save(gru(0), "a.onnx")
    onnx.save(gru_lower.lower(gru(0)).model, "b.onnx")
    rng = np.random.default_rng(0)
    return {
        "frames": rng.normal(size=(5, 1, 8)).astype(np.float32),
        "X": rng.normal(size=(5, 2, 8)),
        "W": rng.normal(size=(1, 48, 8)),
        "R": rng.normal(size=(1, 48, 16)),
    }


def of_batch() -> Names:
    Path("models").mkdir()
    onnx.save(gru(0, seq_length=4, batch_size=1), "models/a.onnx")
    return {}


def of_model() -> Names:
    onnx.save(gru(0), "model.onnx")
    return {}


def of_verify() -> Names:
    onnx.save(gru(0), "a.onnx")
    result = gru_lower.lower("a.onnx")
    return {"gru_lower": gru_lower, "result": result, "a": "a.onnx", "b": result.model}


def of_stream() -> Names:
    onnx.save(gru_lower.stream(gru(0)).model, "model.stream.onnx")
    return {"source": np.zeros((6, 1, 1, 8), np.float32)}


def of_quantize() -> Names:
    import onnxruntime
    from onnxruntime.quantization import CalibrationDataReader

    onnx.save(gru(0), "model.onnx")
    onnx.save(gru_lower.quantize("model.onnx", all=True).model, "model.int8.onnx")
    static = gru(0, seq_length=4, batch_size=1)
    onnx.save(gru_lower.lower(static, target="quantizers").model, "model.lowered.onnx")
    feeds = [{"X": np.random.default_rng(seed).normal(size=(4, 1, 8)).astype(np.float32)} for seed in range(4)]

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime ships no types
        def __init__(self) -> None:
            self.rest = iter(feeds)

        def get_next(self) -> dict[str, Any] | None:
            found = next(self.rest, None)
            if found is None:
                self.rest = iter(feeds)  # for the next tool
            return found

    return {"onnxruntime": onnxruntime, "onnx": onnx, "reader": Reader(), "feeds": feeds}


def of_frameworks() -> Names:
    import torch

    layer = torch.nn.GRU(8, 16)
    model = pytorch.to_onnx(layer)
    return {"layer": layer, "model": model, "weights": pytorch.to_weights(model), "config": pytorch.to_config(model)}


PREPARED: dict[str, Callable[[], Names]] = {
    "README.md": of_readme,
    "docs/batch.md": of_batch,
    "docs/check.md": of_model,
    "docs/frameworks.md": of_frameworks,
    "docs/quantize.md": of_quantize,
    "docs/stream.md": of_stream,
    "docs/verify.md": of_verify,
}
"""What the words of a page stand for, in its Python: files in the current folder, and names."""
INSTEAD = {
    'providers=["cuda"]': 'providers=["cpu"]',
    "search=10": "search=0.1",
    'out="lowered")': 'out="lowered", cluster="none")',  # without it, Dask has to be installed
}
"""What is not to be had here, or takes long."""


def with_python() -> Iterator[Any]:
    """Yield each document that has Python, once for what needs nothing, once for each package."""
    for path in documents():
        found = [block for block in of_document(path) if block.kind == "python"]
        for packages in sorted({tuple(sorted(wanted_packages(block.text) or _needs(path))) for block in found}):
            name = path.relative_to(ROOT).as_posix()
            marks = [pytest.mark.frameworks] if packages else []
            yield pytest.param(name, set(packages), id="-".join([name, *packages]), marks=marks)


def _needs(path: Path) -> set[str]:
    return {"torch"} if path.name == "frameworks.md" else set()


@pytest.mark.parametrize(("document", "packages"), list(with_python()))
def test_python_runs(document: str, packages: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if absent(packages):
        pytest.skip(f"{', '.join(sorted(absent(packages)))} is not installed")
    monkeypatch.chdir(tmp_path)
    path = ROOT / document
    names: Names = {"__name__": "documents"} | (PREPARED[document]() if document in PREPARED else {})
    for block in of_document(path):
        if block.kind == "python" and (wanted_packages(block.text) or _needs(path)) <= packages:
            for said, done in INSTEAD.items():
                block = block._replace(text=block.text.replace(said, done))  # noqa: PLW2901
            run_python(block, path, names)


def _pages_to_follow() -> Iterator[Any]:
    for path in START:
        if path.exists() and any(block.kind in ("python", *SHELL) for block in of_document(path)):
            needed = {name for block in of_document(path) for name in wanted_packages(block.text)}
            yield pytest.param(path, needed, id=path.stem, marks=pytest.mark.frameworks if needed else pytest.mark.docs)


@pytest.mark.skipif(sys.platform == "win32", reason="the lines are written for a shell")
@pytest.mark.parametrize(("page", "packages"), list(_pages_to_follow()))
def test_a_page_from_zero_to_done(
    page: Path, packages: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if absent(packages):
        pytest.skip(f"{', '.join(sorted(absent(packages)))} is not installed")
    monkeypatch.chdir(tmp_path)
    follow(page, tmp_path, ROOT)


def test_every_block_is_of_a_kind_that_something_runs() -> None:
    kinds = {block.kind for path in [*documents(), *START] if path.exists() for block in of_document(path)}
    assert kinds <= {"python", *SHELL, "js", "json", "toml", "yaml", *SHOWN}


def test_data_can_be_read() -> None:
    readers: dict[str, Callable[[str], Any]] = {"json": json.loads, "toml": tomllib.loads, "yaml": yaml.safe_load}
    found = [block for path in documents() for block in of_document(path) if block.kind in readers]
    assert len(found) > 2
    for block in found:
        assert readers[block.kind](block.text)


@pytest.mark.docs
def test_javascript_can_be_read(tmp_path: Path) -> None:
    node = shutil.which("node")
    assert node
    for path in documents():
        for number, block in enumerate(each for each in of_document(path) if each.kind == "js"):
            file = tmp_path / f"{path.stem}{number}.mjs"
            file.write_text(block.text, encoding="utf-8")
            subprocess.run([node, "--check", str(file)], check=True)

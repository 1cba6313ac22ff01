"""The site of the documents: nothing public is left out of it, its links lead somewhere, its search finds answers.

What is laid out for the site is held by default; ``nox -s docs`` builds it, and holds what was built: it is named by
the environment variable ``GRU_LOWER_SITE``.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import click
import pytest

from gru_lower.cli.main import cli
from gru_lower.diagnostic_codes import CODES
from gru_lower.passes import registry
from gru_lower.targets import read_profile

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT))  # where docs_site is; last, so that an installed package stays the one that is tested

from docs_site.pages import api, commands, figures, markdown, passes  # noqa: E402
from docs_site.stage import documents, stage  # noqa: E402

SITE = Path(os.environ.get("GRU_LOWER_SITE", ROOT / "build" / "site"))

QUESTIONS = {
    "why is my GRU kept": ["docs/questions.html"],
    "tflite": ["reference/targets/tflite-micro.html", "reference/targets/onnx2tf.html"],
    "hidden state input": ["docs/questions.html", "docs/stream.html"],
    "int8": ["docs/quantize.html"],
    "wrong output batch_first": ["docs/one-gru.html"],
    "GL711": ["docs/diagnostics/GL711.html"],
    "keras export loop": ["docs/fusing.html", "docs/start/exporter.html"],
    "no GRU found in my model": ["docs/questions.html", "docs/fusing.html"],
    "onnx gru on npu": ["docs/start/chip.html", "docs/chips.html"],
    "streaming microphone": ["docs/start/speech.html"],
    "keep the state between calls": ["docs/questions.html", "docs/stream.html"],
    "sequence_lens not supported": ["docs/forms.html", "reference/passes/legalize-sequence-lens.html"],
    "variable length sequences padding": ["docs/forms.html", "docs/one-gru.html", "docs/frameworks.html"],
    "dynamic shape not supported": ["docs/questions.html", "docs/diagnostics/GL403.html"],
    "linear_before_reset": ["docs/diagnostics/GL711.html", "docs/one-gru.html"],
    "reset_after": ["docs/one-gru.html", "docs/frameworks.html"],
    "convert pytorch weights to keras": ["docs/one-gru.html", "reference/commands/convert.html"],
    "int8 wrong numbers cpu": ["docs/quantize.html"],
    "tensorrt": ["reference/targets/tensorrt.html"],
    "webgpu": ["reference/targets/onnxruntime-webgpu.html"],
    "tolerance": ["docs/verify.html", "docs/questions.html"],
    "are two models the same": ["docs/verify.html"],
    "exit code": ["docs/questions.html", "reference/commands/index.html"],
    "junit": ["docs/ci.html", "docs/check.html"],
    "pre-commit": ["docs/check.html"],
    "pytest": ["docs/verify.html"],
    "untrusted model": ["docs/security.html", "docs/questions.html"],
    "too many nodes when unrolling": ["docs/diagnostics/GL016.html"],
    "--fix-dim": [f"reference/commands/{name}.html" for name in cli.modules],
    "merge-gru": ["reference/passes/merge-gru.html"],
    "assert_equivalent": ["reference/api/testing.html", "docs/verify.html"],
    "many models": ["docs/batch.html"],
    "html report": ["docs/reports.html"],
    "install": ["docs/questions.html"],
    "esp32": ["reference/targets/esp-ppq.html"],
    "float16": ["docs/questions.html"],
    "npz inputs": ["docs/questions.html", "docs/verify.html", "reference/commands/verify.html"],
    "baseline of known findings": ["docs/ci.html"],
}
"""What somebody might type: pages of which one has to be among the first three."""


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return stage(tmp_path_factory.mktemp("site"))


def test_every_document_is_a_page(staged: dict[str, str]) -> None:
    assert {re.sub(r"README\.md$", "index.md", name) for name in documents()} <= staged.keys()


def test_every_code_pass_target_and_command_has_a_page_that_is_listed(staged: dict[str, str]) -> None:
    for folder, names in (
        ("docs/diagnostics", CODES),
        ("reference/passes", registry.PASSES),
        ("reference/targets", read_profile.names()),
        ("reference/commands", cli.modules),
    ):
        for name in names:
            assert f"{folder}/{name}.md" in staged
            assert f"({name}.md)" in staged[f"{folder}/index.md"], f"{folder}: {name} is not listed"


def test_every_option_of_every_command_is_described(staged: dict[str, str]) -> None:
    context = click.Context(cli)
    for name in cli.modules:
        command = cli.get_command(context, name)
        assert command is not None
        for option in (each for each in command.params if isinstance(each, click.Option) and not each.hidden):
            for spelled in (*option.opts, *option.secondary_opts):
                assert re.search(rf"option:: (.*, )?{spelled}\b", staged[f"reference/commands/{name}.md"]), spelled


def test_every_public_name_is_on_a_page_of_the_library(staged: dict[str, str]) -> None:
    text = "\n".join(page for name, page in staged.items() if name.startswith("reference/api/"))
    described = set(re.findall(r"^(?:\.\. |# `)(?:\w+:: )?(gru_lower[\w.]*)", text, re.MULTILINE))
    assert set(api.public_names()) <= described


def test_every_benchmark_has_figures() -> None:
    for file in (ROOT / "docs" / "benchmarks").glob("*.json"):
        drawn = list(figures.figures(json.loads(file.read_text(encoding="utf-8"))))
        assert drawn, file.name
        for each in drawn:
            assert all(len(values) == len(each.names) for values in each.panels.values())
            assert any(value is not None for values in each.panels.values() for value in values)


def test_what_is_not_described_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="needs a docstring"):
        markdown.described(None)
    options = registry.load("merge-gru").Options
    monkeypatch.setattr(options, "__doc__", "Options, of which nothing is said.")
    with pytest.raises(ValueError, match="'hidden'"):
        dict(passes.pages())
    command = cli.get_command(click.Context(cli), "fuse")
    assert command is not None
    monkeypatch.setattr(command, "params", [click.Option(["--unsaid"])])
    with pytest.raises(ValueError, match="--unsaid"):
        dict(commands.pages())


class Links(HTMLParser):
    """The links of a page, and the places they may lead to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.places: set[str] = {"", "top"}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.places.update(filter(None, [given.get("id"), given.get("name") if tag == "a" else None]))
        self.links.update(filter(None, [given.get("href"), given.get("src")]))


@pytest.mark.docs
def test_no_link_of_the_site_is_dead() -> None:
    pages = {path: Links(path.read_text(encoding="utf-8")) for path in SITE.rglob("*.html")}
    assert len(pages) > 300
    dead = []
    for page, found in pages.items():
        for link in found.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            known = pages[target].places if target in pages else {"", unquote(parts.fragment)}
            if not target.exists() or unquote(parts.fragment) not in known:
                dead.append(f"{page.relative_to(SITE)}: {link}")
    assert not dead, "\n".join(sorted(dead))


@pytest.mark.docs
def test_the_search_finds_what_somebody_would_ask() -> None:
    words = ["node", str(ROOT / "docs_site" / "ask.js"), str(SITE)]
    done = subprocess.run(words, input=json.dumps(list(QUESTIONS)), capture_output=True, text=True, check=True)
    found = {question: pages[:3] for question, pages in json.loads(done.stdout).items()}
    missed = {question: pages for question, pages in found.items() if not set(pages) & set(QUESTIONS[question])}
    assert not missed

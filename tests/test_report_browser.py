"""Pages of reports in Chromium: nothing is fetched or complained of, axe-core finds nothing, keys and filters work.

``nox -s report`` runs them: ``CHROMIUM`` names the browser, ``AXE`` the folder of the npm package axe-core, and
``GRU_LOWER_SCREENSHOTS`` a folder for screenshots to look at.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest

import gru_lower
from gru_lower.cli.main import run
from many_models import small_gru
from report_models import HOSTILE, named, with_chain

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.browser
FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
QUICK = ("--cases", "2", "--search", "0")
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light", "viewport": {"width": 1200, "height": 900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1200, "height": 900}},
    "narrow": {"color_scheme": "light", "viewport": {"width": 360, "height": 740}},
}
PAGES = ("unrolled", "loop", "different", "int8", "stream", "check", "hostile", "index", "many_nodes")
MOST_ELEMENTS = 20_000
"""How many elements a page may have: Chromium lays out five times as many in two seconds."""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make one page of each kind."""
    folder = tmp_path_factory.mktemp("pages")
    digits, g2p = FIXTURES / "digits_gru.onnx", FIXTURES / "g2p_encoder.onnx"
    broken = onnx.load(digits)
    weights = next(each for each in broken.graph.initializer if "GRU" in each.name)
    values = onnx.numpy_helper.to_array(weights) * np.float32(1.01)
    weights.CopyFrom(onnx.numpy_helper.from_array(values, weights.name))
    for name, model in (("broken", broken), ("hostile", named(small_gru(), HOSTILE)), ("chain", with_chain(10_000))):
        onnx.save(model, folder / f"{name}.onnx")
    (folder / "zoo").mkdir()
    for name in ("a", "b <s>&amp;<s>"):
        shutil.copy(digits, folder / "zoo" / f"{name}.onnx")
    (folder / "zoo" / "c.onnx").write_text("no model", encoding="utf-8")
    commands = {
        "unrolled": ("lower", digits, "--dry-run", *QUICK),
        "loop": ("lower", g2p, "--form", "loop", "--dry-run", *QUICK),
        "different": ("verify", digits, folder / "broken.onnx", *QUICK),
        "int8": ("quantize", digits, "--all", "--dry-run", *QUICK),
        "stream": ("stream", g2p, "--dry-run"),
        "check": ("check", g2p, "--target", "tract"),
        "hostile": ("lower", folder / "hostile.onnx", "--dry-run", *QUICK),
        "index": (
            "batch",
            folder / "zoo",
            "--do",
            f"lower {' '.join(QUICK)}",
            "--out",
            folder / "o",
            "--cluster",
            "none",
        ),
        "many_nodes": ("lower", folder / "chain.onnx", "--dry-run", *QUICK),
    }
    for name, words in commands.items():
        run([*map(str, words), "--report", str(folder / f"{name}.html")])
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Start Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=shutil.which(os.environ.get("CHROMIUM", "chromium")), args=["--no-sandbox"]
        )
        yield found
        found.close()


@contextmanager
def opened(browser: Any, file: Path, look: str = "light") -> Iterator[Any]:
    """Open a page; afterwards nothing was asked of a network, and the console is empty."""
    context = browser.new_context(bypass_csp=True, **LOOKS[look])
    shown = context.new_page()
    said: list[str] = []
    shown.on("console", lambda message: said.append(message.text))
    shown.on("pageerror", lambda error: said.append(str(error)))
    shown.on("request", lambda asked: None if asked.url.startswith(file.parent.as_uri()) else said.append(asked.url))
    shown.goto(file.as_uri())
    yield shown
    context.close()
    assert [each for each in said if each != "data:,"] == []


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_and_all_of_it_fits(browser: Any, pages: Path, name: str, look: str) -> None:
    axe = Path(os.environ["AXE"], "axe.min.js").read_text(encoding="utf-8")
    with opened(browser, pages / f"{name}.html", look) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= LOOKS[look]["viewport"]["width"]
        folder = os.environ.get("GRU_LOWER_SCREENSHOTS")
        if folder:
            page.screenshot(path=Path(folder, f"{name}-{look}.png"), full_page=True)
            if look == "light":
                page.pdf(path=Path(folder, f"{name}.pdf"), format="A4")
        page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
        assert page.evaluate("document.documentElement.scrollWidth") <= LOOKS[look]["viewport"]["width"]
        page.evaluate(axe)
        found = page.evaluate("axe.run().then((found) => found.violations)")
        assert [(each["id"], [node["html"][:200] for node in each["nodes"][:3]]) for each in found] == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_small_enough_to_open_at_once(browser: Any, pages: Path, name: str) -> None:
    with opened(browser, pages / f"{name}.html") as page:
        assert page.evaluate("document.querySelectorAll('*').length") < MOST_ELEMENTS


@pytest.mark.parametrize("name", ["unrolled", "loop", "hostile", "stream"])
def test_pictures_hold_their_texts(browser: Any, pages: Path, name: str) -> None:
    with opened(browser, pages / f"{name}.html") as page:
        page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
        assert page.locator(".picture svg").count() > 0
        beyond = page.evaluate(
            """[...document.querySelectorAll(".node")].flatMap((node) => {
              const box = node.querySelector("rect").getBBox();
              const texts = [...node.children].filter((each) => each.tagName === "text");
              return texts.filter((each) => {
                const text = each.getBBox();
                return text.x < box.x - 2 || text.x + text.width > box.x + box.width + 2;
              }).map((each) => each.textContent);
            })"""
        )
        assert beyond == []
        assert page.locator(".picture title").count() > 0


def test_names_are_no_markup(browser: Any, pages: Path) -> None:
    for name in ("hostile", "index"):
        with opened(browser, pages / f"{name}.html") as page:
            assert page.locator("s").count() == 0


def test_keys_reach_everything(browser: Any, pages: Path) -> None:
    with opened(browser, pages / "check.html") as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        seen = set()
        for _ in range(400):
            page.keyboard.press("Tab")
            where = page.evaluate(
                """(() => {
                  const at = document.activeElement;
                  const place = [...document.querySelectorAll("*")].indexOf(at);
                  return [at.tagName, place, getComputedStyle(at).outlineStyle];
                })()"""
            )
            if where[0] == "BODY":
                break
            assert where[2] != "none"
            seen.add(where[1])
        wanted = page.evaluate(
            """[...document.querySelectorAll("a[href], summary, select, [tabindex='0']")]
              .filter((each) => each.className !== "skip" && each.checkVisibility({contentVisibilityAuto: true}))
              .map((each) => [...document.querySelectorAll("*")].indexOf(each))"""
        )
        assert set(wanted) <= seen
        link = page.locator("a[href^='#code-']").first
        link.focus()
        page.keyboard.press("Enter")
        page.wait_for_function(
            "document.activeElement.tagName === 'SUMMARY' && document.activeElement.parentElement.open"
        )


def test_paper_shows_what_is_folded(browser: Any, pages: Path) -> None:
    with opened(browser, pages / "unrolled.html") as page:
        page.emulate_media(media="print")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.locator("details:not([open])").count() == 0
        assert not page.locator("nav").is_visible()
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.locator("details[open]").count() == 0


def test_an_index_is_filtered(browser: Any, pages: Path) -> None:
    with opened(browser, pages / "index.html") as page:
        rows = page.locator("tr[data-keys]:visible")
        assert rows.count() == 3
        page.select_option("select[data-filter=code]", "GL003")
        assert rows.count() == 1
        assert page.locator("output").inner_text() == "1 of 3"
        page.select_option("select[data-filter=code]", "")
        page.select_option("select[data-filter=verdict]", "equivalent")
        assert rows.count() == 2
        page.locator("tr[data-keys]:visible a").first.click()
        page.wait_for_load_state()
        assert page.locator("h1").inner_text().startswith("gru-lower lower: a")


def test_a_notebook_needs_nothing_else(browser: Any, tmp_path: Path) -> None:
    shown = gru_lower.check(FIXTURES / "digits_gru.onnx")._repr_html_()
    file = tmp_path / "cell.html"
    file.write_text(f"<!doctype html><title>cell</title>{shown}", encoding="utf-8")
    with opened(browser, file) as page:
        assert "Nothing found" in page.inner_text("body")

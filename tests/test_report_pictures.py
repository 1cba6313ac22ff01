"""Pictures and texts of reports: hostile names stay text, large graphs are cut, bodies stand inside their nodes."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import numpy as np
import onnx
import pytest

import gru_lower
from gru_lower.report.html.layout import Edge, Layouts, TooDenseError
from gru_lower.report.html.mathml import mathml
from gru_lower.report.html.operator_kinds import KINDS, kind_of
from gru_lower.report.html.page import page
from gru_lower.report.markdown import markdown
from gru_lower.report.sections.equations import equations
from gru_lower.report.sections.report_text import report_text
from many_models import small_gru
from report_models import HOSTILE, named, with_chain
from report_reader import read_page
from strategies import random_case

KEPT_BYTES = 300_000


def reported(model: onnx.ModelProto, **options: object) -> dict[str, object]:
    """Return the JSON report of lowering a model, with what a page shows."""
    result = gru_lower.lower(model, evidence=True, **{"cases": 1, "search": 0, **options})  # type: ignore[call-overload]
    report: dict[str, object] = result.report.to_dict()
    return report


def test_names_of_a_hostile_model_stay_text() -> None:
    said = report_text(reported(named(small_gru(), HOSTILE)))
    html = page(said).html
    assert not {"s", "img", "b"} & read_page(html).tags.keys()
    assert "<s id=x>\"'&amp;</s>`|**b**" in read_page(html).text
    assert "\x1b" not in html
    text = markdown(said)
    assert "\x1b" not in text
    from markdown_it import MarkdownIt

    rendered = read_page(MarkdownIt("commonmark", {"html": True}).enable("table").render(text))
    assert not {"s", "img"} & rendered.tags.keys()
    assert "x" not in rendered.ids


def test_bold_text_is_bold_where_a_space_ends_it() -> None:
    from markdown_it import MarkdownIt

    model = with_chain(1)
    text = markdown(report_text(reported(model)))
    rendered = MarkdownIt("commonmark").enable("table").render(text)
    assert "**" not in rendered
    assert "<strong>GRU</strong> <code>" in rendered


def test_pages_of_very_many_nodes_stay_small() -> None:
    made = page(report_text(reported(with_chain(10_000), verify=False)))
    assert len(made.html.encode()) - made.picture_size < KEPT_BYTES
    report = gru_lower.check(with_chain(10_000), evidence=True).to_dict()
    made = page(report_text(report))
    assert len(made.html.encode()) - made.picture_size < KEPT_BYTES
    assert read_page(made.html).tags["tr"] < 500


@pytest.mark.parametrize("form", ["scan", "loop", "unroll"])
def test_a_picture_holds_the_region_and_its_bodies(form: str) -> None:
    model = with_chain(1)
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 3
    evidence = reported(model, form=form)["evidence"]
    assert isinstance(evidence, dict)
    (drawn,) = evidence["pictures"]
    assert "GRU" in [each["op"] for each in drawn["before"]["nodes"]]
    operators = [each["op"] for each in drawn["after"]["nodes"]]
    assert "GRU" not in operators
    bodies = [each for each in drawn["after"]["nodes"] if each["bodies"]]
    assert bool(bodies) == (form != "unroll")
    for each in bodies:
        (body,) = each["bodies"]
        assert each["op"].lower() == form
        assert body["graph"]["nodes_in_all"] == each["nodes_inside"] > 3
        assert body["graph"]["types"]


def test_what_is_too_dense_is_a_table() -> None:
    dense = [Edge(tail, head) for head in range(1, 90) for tail in range(0, head, 3)]
    with pytest.raises(TooDenseError):
        Layouts().lay_out([(10.0, 10.0)] * 90, dense)


def test_grus_that_are_alike_are_drawn_once() -> None:
    one = with_chain(1)
    two = onnx.compose.merge_models(one, one, io_map=[], prefix1="a_", prefix2="b_")
    evidence = reported(two)["evidence"]
    assert isinstance(evidence, dict)
    assert [sorted(each) for each in evidence["pictures"]] == [["after", "before", "site"], ["like", "site"]]


def test_the_equations_of_every_variant_are_mathml() -> None:
    rng = np.random.default_rng(3)
    seen = set()
    for _ in range(40):
        for site in gru_lower.inspect(random_case(rng).model()).sites:
            assert site.spec is not None
            lines = equations(site.spec.to_dict())
            seen.add(tuple(lines))
            for each in lines:
                if not each.startswith("# "):
                    ET.fromstring(mathml(each))  # noqa: S314 - our own
    assert len(seen) > 8


def test_operators_have_one_colour_each() -> None:
    operators = [name for _, (_, names) in KINDS.items() for name in names.split()]
    assert len(operators) == len(set(operators))
    assert set(operators) <= {each.name for each in onnx.defs.get_all_schemas()} | {
        "Affine",
        "ScaledTanh",
        "MatMulNBits",
        "DynamicQuantizeMatMul",
        "MatMulIntegerToFloat",
        "BlockQuantize",
        "Gelu",
        "Swish",
    }
    assert kind_of("com.microsoft::MatMulNBits") == "product"
    assert kind_of("my.own::Thing") == "other"

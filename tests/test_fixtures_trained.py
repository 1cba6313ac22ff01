"""The trained fixtures are what fixtures/README.md says: valid, free of local paths, and good at their tasks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
import pytest
from onnx import numpy_helper

import gru_lower

Array: TypeAlias = npt.NDArray[Any]

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
MOST_BYTES = {"digits_gru": 150_000, "g2p_encoder": 4_000_000}
LOCAL_PATH = re.compile(rb"/(home|root|tmp|usr|opt|mnt|var|Users)/|[A-Za-z]:\\[A-Za-z]{3}|site-packages|\.py\b")
# What the predict() of g2p-en 2.1.0 itself answers.
SPOKEN = {
    "absent": "AE1 B S AH0 N T",
    "activationist": "AE2 K T IH0 V EY1 SH AH0 N IH0 S T",
    "gated": "G EY1 T IH0 D",
    "lowering": "L OW1 ER0 IH0 NG",
    "minute": "M IH1 N AH0 T",
    "onnx": "AA1 N K S",
    "project": "P R AA1 JH EH0 K T",
    "transducer": "T R AE0 N S D UW1 S ER0",
}


def run(name: str, feeds: dict[str, Array]) -> dict[str, Array]:
    """Run a fixture in onnxruntime and return all its outputs by name."""
    session = ort.InferenceSession(FIXTURES / f"{name}.onnx", providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds), strict=True))


def held_out(name: str) -> tuple[dict[str, Array], dict[str, Array]]:
    """Read a fixture's npz into inputs and expected outputs."""
    with np.load(FIXTURES / f"{name}.npz") as arrays:
        feeds = {key.removeprefix("in__"): arrays[key] for key in arrays if key.startswith("in__")}
        labels = {key.removeprefix("out__"): arrays[key] for key in arrays if key.startswith("out__")}
    assert len(feeds) + len(labels) == len(arrays.files)
    return feeds, labels


def gru_nodes(name: str) -> list[onnx.NodeProto]:
    return [node for node in onnx.load(FIXTURES / f"{name}.onnx").graph.node if node.op_type == "GRU"]


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}


def sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


def gru_step(x: Array, h: Array, weights: dict[str, Array]) -> Array:
    """Take one step of a linear_before_reset = 1 GRU: x ``[I]``, h ``[H]``, ONNX packing -> ``[H]``."""
    input_bias, state_bias = np.split(weights["B"][0], 2)
    xz, xr, xh = np.split(weights["W"][0] @ x + input_bias, 3)
    hz, hr, hh = np.split(weights["R"][0] @ h + state_bias, 3)
    z = sigmoid(xz + hz)
    return np.asarray((1 - z) * np.tanh(xh + sigmoid(xr + hr) * hh) + z * h)


class Speller:
    """Spells words for g2p_encoder and decodes its states to phonemes with the decoder weights the model carries."""

    def __init__(self) -> None:
        model = onnx.load(FIXTURES / "g2p_encoder.onnx")
        vocabulary = {entry.key: entry.value.split() for entry in model.metadata_props}
        self.graphemes, self.phonemes = vocabulary["graphemes"], vocabulary["phonemes"]
        prefix = "decoder."
        self.decoder: dict[str, Array] = {
            tensor.name.removeprefix(prefix): numpy_helper.to_array(tensor)
            for tensor in model.graph.initializer
            if tensor.name.startswith(prefix)
        }

    def feeds(self, words: list[str]) -> dict[str, Array]:
        lengths = np.array([len(word) + 1 for word in words], np.int32)
        graphemes = np.full((len(words), lengths.max()), self.graphemes.index("<pad>"), np.int64)
        for row, word in zip(graphemes, words, strict=True):
            row[: len(word) + 1] = [self.graphemes.index(symbol) for symbol in (*word, "</s>")]
        return {"graphemes": graphemes, "lengths": lengths}

    def first_step(self, h: Array, phoneme: str) -> tuple[Array, Array]:
        """Take one decoder step from state h ``[H]``: the next state ``[H]`` and the logits ``[phonemes]``."""
        h = gru_step(self.decoder["embedding"][self.phonemes.index(phoneme)], h, self.decoder)
        return h, self.decoder["fc.weight"] @ h + self.decoder["fc.bias"]

    def pronounce(self, state: Array) -> str:
        """Decode greedily from the encoder's last state ``[H]``, at most 20 phonemes as in the package."""
        spoken: list[str] = ["<s>"]
        while len(spoken) <= 20:
            state, logits = self.first_step(state, spoken[-1])
            phoneme = self.phonemes[int(np.argmax(logits))]
            if phoneme == "</s>":
                break
            spoken.append(phoneme)
        return " ".join(spoken[1:])


@pytest.fixture(scope="module")
def speller() -> Speller:
    return Speller()


@pytest.mark.parametrize("name", MOST_BYTES)
def test_file_is_valid_small_whole_and_names_no_machine(name: str) -> None:
    content = (FIXTURES / f"{name}.onnx").read_bytes()
    assert len(content) <= MOST_BYTES[name]
    assert not LOCAL_PATH.search(content)
    model = onnx.load_model_from_string(content)
    onnx.checker.check_model(model, full_check=True)
    assert all(tensor.data_location == onnx.TensorProto.DEFAULT for tensor in model.graph.initializer)
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 17)]


@pytest.mark.parametrize(
    ("name", "output", "right", "cases"),
    [("digits_gru", "logits", 353, 360), ("g2p_encoder", "first_phoneme", 264, 274)],
)
def test_accuracy_is_at_least_what_was_recorded(name: str, output: str, right: int, cases: int) -> None:
    feeds, labels = held_out(name)
    assert labels[output].shape == (cases,)
    assert labels[output].dtype == np.int64
    predicted = np.argmax(run(name, feeds)[output], axis=-1)
    assert (predicted == labels[output]).sum() >= right


def test_digits_has_one_torch_gru_with_a_computed_initial_state() -> None:
    (node,) = gru_nodes("digits_gru")
    assert attributes(node) == {"hidden_size": 64, "linear_before_reset": 1}
    assert node.input[4] == ""
    model = onnx.load(FIXTURES / "digits_gru.onnx")
    (producer,) = (other for other in model.graph.node if node.input[5] in other.output)
    assert producer.op_type == "ConstantOfShape"
    assert model.producer_name == "pytorch"
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"


def test_digits_batch_is_free() -> None:
    feeds, _ = held_out("digits_gru")
    together = run("digits_gru", feeds)["logits"]
    alone = run("digits_gru", {"rows": feeds["rows"][7:8]})["logits"]
    np.testing.assert_allclose(alone, together[7:8], rtol=1e-5, atol=1e-5)


def test_g2p_has_a_masked_sequence_gru_and_a_single_step_gru() -> None:
    encoder, decoder = gru_nodes("g2p_encoder")
    assert attributes(encoder) == attributes(decoder) == {"hidden_size": 256, "linear_before_reset": 1}
    assert list(encoder.input) == ["embedded", "encoder.W", "encoder.R", "encoder.B", "lengths"]
    assert list(decoder.input) == ["start_embedded", "decoder.W", "decoder.R", "decoder.B", "", "encoder_Y_h"]
    assert decoder.output[0] == ""
    model = onnx.load(FIXTURES / "g2p_encoder.onnx")
    assert model.ir_version == 8
    assert model.producer_name == "gru-lower fixtures"
    for owed in ("g2p-en 2.1.0", "Kyubyong Park", "Jongseok Kim", "Apache License 2.0"):
        assert owed in model.doc_string
    assert "Version 2.0, January 2004" in (FIXTURES / "LICENSE-g2p_en").read_text()


def test_g2p_padding_changes_nothing(speller: Speller) -> None:
    words = list(SPOKEN)
    feeds = speller.feeds(words)
    padded = run("g2p_encoder", feeds)
    alone = run("g2p_encoder", speller.feeds(words[:1]))
    length = len(words[0]) + 1
    np.testing.assert_allclose(padded["memory"][:length, 0, 0], alone["memory"][:, 0, 0], atol=1e-5)
    assert not padded["memory"][length:, 0, 0].any()
    last = [padded["memory"][length - 1, 0, batch] for batch, length in enumerate(feeds["lengths"])]
    np.testing.assert_array_equal(padded["state"], last)


def test_g2p_pronounces_whole_words_as_the_package_does(speller: Speller) -> None:
    outputs = run("g2p_encoder", speller.feeds(list(SPOKEN)))
    spoken = [speller.pronounce(state) for state in outputs["state"]]
    assert dict(zip(SPOKEN, spoken, strict=True)) == SPOKEN
    logits = [speller.first_step(state, "<s>")[1] for state in outputs["state"]]
    np.testing.assert_allclose(outputs["first_phoneme"], logits, atol=1e-4)


@pytest.mark.parametrize("name", MOST_BYTES)
def test_nothing_is_odd_about_a_fixture(name: str) -> None:
    # A size that is not known, such as the number of rows a Gather takes, does not make its node an odd one.
    assert [found.code for found in gru_lower.inspect(FIXTURES / f"{name}.onnx").diagnostics] == []

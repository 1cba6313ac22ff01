"""e2k's English to kana: an encoder, a decoder's step with attention between two GRUs, and the predictor of accents.

The package computes with numpy; PyTorch exports modules that hold its tensors under the names of their training.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from real_models.exporting import EXPORTERS, export
from real_models.held import hold_portable, open_dims
from real_models.wheels import unpacked

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.real_models

WORDS = ["gru", "university"]
MODELS = [(kind, size) for kind in ("C2K", "P2K") for size in ("base", "turbo")]


def package() -> Any:
    """Import the package's own code, which needs numpy alone."""
    folder = str(unpacked("e2k==0.8.1"))
    if folder not in sys.path:
        sys.path.append(folder)
    import e2k.inference

    return e2k.inference


def tensors(name: str) -> dict[str, Any]:
    """Return a file's tensors for PyTorch."""
    import torch

    weights, _ = package().load_safetensors(package().read_asset(name))
    return {key: torch.tensor(array.astype(np.float32)) for key, array in weights.items()}


def part_of(weights: dict[str, Any], name: str) -> dict[str, Any]:
    return {key.removeprefix(name + "."): tensor for key, tensor in weights.items() if key.startswith(name + ".")}


def gru(weights: dict[str, Any], name: str, **more: Any) -> Any:
    """Return a layer with a file's tensors, batch first."""
    import torch

    own = part_of(weights, name)
    rows, I = own["weight_ih_l0"].shape
    layer = torch.nn.GRU(I, rows // 3, batch_first=True, **more)
    layer.load_state_dict(own)
    return layer


def linear(weights: dict[str, Any], name: str) -> Any:
    import torch

    own = part_of(weights, name)
    layer = torch.nn.Linear(*reversed(own["weight"].shape))
    layer.load_state_dict(own)
    return layer


def encoder(weights: dict[str, Any]) -> Any:
    """Return what makes encodings [N, T, D] of letters [N, T]."""
    import torch

    class Encoder(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = torch.nn.Embedding.from_pretrained(weights["e_emb.weight"])
            self.encoder, self.fc = gru(weights, "encoder", bidirectional=True), linear(weights, "encoder_fc.0")

        def forward(self, letters: torch.Tensor) -> Any:
            return torch.tanh(self.fc(self.encoder(self.embedding(letters))[0]))

    return Encoder()


def step(weights: dict[str, Any]) -> Any:
    """Return what makes scores and two states of a kana [N, 1], encodings and two states [1, N, H]."""
    import torch

    class Step(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = torch.nn.Embedding.from_pretrained(weights["k_emb.weight"])
            self.before, self.after = gru(weights, "pre_decoder"), gru(weights, "post_decoder")
            self.attention = torch.nn.MultiheadAttention(self.before.hidden_size, 4, batch_first=True)
            self.attention.load_state_dict(part_of(weights, "attn"))
            self.fc = linear(weights, "fc")

        def forward(self, kana: torch.Tensor, encoded: torch.Tensor, h1: torch.Tensor, h2: torch.Tensor) -> Any:
            x, h1 = self.before(self.embedding(kana), h1)
            seen, _ = self.attention(x, encoded, encoded)
            x, h2 = self.after(torch.cat([x, seen], -1), h2)
            return self.fc(x), h1, h2

    return Step()


def accents(weights: dict[str, Any]) -> Any:
    """Return what makes a number in proportion to the length of letters [N, T]."""
    import torch

    class Accents(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = torch.nn.Embedding.from_pretrained(weights["emb.weight"])
            self.rnn, self.head = gru(weights, "rnn", bidirectional=True), linear(weights, "head")

        def forward(self, letters: torch.Tensor) -> Any:
            _, h = self.rnn(self.embedding(letters))
            return self.head(h.transpose(0, 1).flatten(1))

    return Accents()


def spelled(own: Any, word: str) -> np.ndarray[Any, Any]:
    """Return the ids that the package makes of a word."""
    letters = [own.in_table[letter] for letter in word if letter in own.in_table]
    return np.array([own.s2s.sos_idx, *letters, own.s2s.eos_idx])


@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize(("kind", "size"), MODELS)
def test_portable(kind: str, size: str, exporter: str, tmp_path: Path) -> None:
    """Every word is spelled as the package spells it, by the lowered encoder and the lowered step."""
    from lowering import run

    own = getattr(package(), kind)(model=size)
    weights = tensors(package().model_file(kind.lower(), size))
    H = weights["pre_decoder.weight_hh_l0"].shape[1]
    for word in WORDS:
        ids = spelled(own, word)
        letters = {"letters": ids[None]}
        dims = {"letters": {0: "batch", 1: "time"}}
        path = export(encoder(weights), letters, ["encoded"], tmp_path / f"{word}.onnx", exporter=exporter, dims=dims)
        encode = hold_portable(path, letters, opset=17, fix_dims=open_dims(path, letters))
        (encoded,) = run(encode, letters).values()

        zeros = np.zeros((1, 1, H), np.float32)
        feeds = {"kana": np.array([[own.s2s.sos_idx]]), "encoded": encoded, "h1": zeros, "h2": zeros}
        path = export(step(weights), feeds, ["scores", "h1_out", "h2_out"], tmp_path / "step.onnx", exporter=exporter)
        decode = hold_portable(path, feeds, opset=17)
        kana: list[int] = []
        for _ in range(own.s2s.max_len):
            scores, feeds["h1"], feeds["h2"] = run(decode, feeds).values()
            kana.append(int(scores.argmax()))
            if kana[-1] == own.s2s.eos_idx:
                break
            feeds["kana"] = np.array([[kana[-1]]])
        assert [own.s2s.sos_idx, *kana] == [int(k) for k in own.s2s.forward(ids, package().greedy)]


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_accents(exporter: str, tmp_path: Path) -> None:
    from lowering import run

    own = package().AccentPredictor()
    letters = [letter for letter in own.symbols if len(letter) == 1][3:12]
    feeds = {"letters": np.array([[own.in_table[letter] for letter in letters]])}
    dims = {"letters": {1: "time"}}
    network = accents(tensors("accent.safetensors"))
    path = export(network, feeds, ["share"], tmp_path / "accents.onnx", exporter=exporter, dims=dims)
    (share,) = run(hold_portable(path, feeds, opset=17, fix_dims=open_dims(path, feeds)), feeds).values()
    assert int(share[0, 0] * len(letters) + 0.5) == own("".join(letters))

"""PyTorch: train, export with both exporters, the newer one's ONNXProgram handed in as it is.

torch.nn.GRU is exported as a GRU node; a loop over torch.nn.GRUCell, as decoders have it, as unrolled steps.
"""

from __future__ import annotations

import io
import warnings

import digits
import onnx
import torch

warnings.filterwarnings("ignore")


class Classifier(torch.nn.Module):
    """A GRU over the rows of an image, and a linear layer on its last state."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = torch.nn.GRU(digits.INPUTS, digits.HIDDEN, batch_first=True)
        self.head = torch.nn.Linear(digits.HIDDEN, digits.CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits [N,10] of images [N,8,8]."""
        return self.head(self.gru(x)[1][0])


class CellClassifier(torch.nn.Module):
    """The same with a GRUCell and a loop of one's own."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = torch.nn.GRUCell(digits.INPUTS, digits.HIDDEN)
        self.head = torch.nn.Linear(digits.HIDDEN, digits.CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits [N,10] of images [N,8,8]."""
        state = x.new_zeros(x.shape[0], digits.HIDDEN)
        for row in x.unbind(1):
            state = self.cell(row, state)
        return self.head(state)


def pipelines(model: torch.nn.Module, name: str) -> None:
    """Train a model and run both exporters' pipelines."""
    _, (x_test, labels_test) = digits.data()
    optimizer = torch.optim.Adam(model.parameters(), lr=digits.RATE)
    for x, labels in digits.batches():
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(torch.from_numpy(x)), torch.from_numpy(labels)).backward()
        optimizer.step()
    model.eval()
    given = torch.from_numpy(x_test)
    with torch.no_grad():
        wanted = model(given).numpy()

    program = torch.onnx.export(model, (given,), dynamo=True, verbose=False)
    digits.finish(f"{name}, dynamo exporter", program, x_test, wanted, labels_test)

    buffer = io.BytesIO()
    torch.onnx.export(model, (given,), buffer, dynamo=False, opset_version=17)
    exported = onnx.load_from_string(buffer.getvalue())
    digits.finish(f"{name}, TorchScript exporter", exported, x_test, wanted, labels_test)


def main() -> None:
    """Run the pipelines."""
    torch.manual_seed(0)
    pipelines(Classifier(), "torch.nn.GRU")
    pipelines(CellClassifier(), "torch.nn.GRUCell")


if __name__ == "__main__":
    main()

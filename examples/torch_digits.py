"""PyTorch: train, export with both exporters, the newer one's ONNXProgram handed in as it is."""

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


def main() -> None:
    """Run the pipeline."""
    torch.manual_seed(0)
    (x, labels), (x_test, labels_test) = digits.data()
    model = Classifier()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(digits.EPOCHS):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(torch.from_numpy(x)), torch.from_numpy(labels)).backward()
        optimizer.step()
    model.eval()
    given = torch.from_numpy(x_test)
    with torch.no_grad():
        wanted = model(given).numpy()

    buffer = io.BytesIO()
    torch.onnx.export(model, (given,), buffer, dynamo=False, opset_version=17)
    exported = onnx.load_from_string(buffer.getvalue())
    digits.finish("torch, TorchScript exporter", exported, x_test, wanted, labels_test)

    program = torch.onnx.export(model, (given,), dynamo=True, verbose=False)
    digits.finish("torch, dynamo exporter", program, x_test, wanted, labels_test)


if __name__ == "__main__":
    main()

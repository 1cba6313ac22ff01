"""Apple MLX: train, write the GRU with to_onnx, and put the linear layer behind it."""

from __future__ import annotations

import digits
import mlx.core as mx
import numpy as np
import onnx
from mlx import nn, optimizers

import gru_lower
from gru_lower.frameworks import mlx as frameworks_mlx


class Classifier(nn.Module):
    """A GRU over the rows of an image, and a linear layer on its last state."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(digits.INPUTS, digits.HIDDEN)
        self.head = nn.Linear(digits.HIDDEN, digits.CLASSES)

    def __call__(self, x: mx.array) -> mx.array:
        """Return logits [N,10] of images [N,8,8]."""
        return self.head(self.gru(x)[:, -1])


def with_head(gru: onnx.ModelProto, head: nn.Linear) -> onnx.ModelProto:
    """Append the linear layer to a model of the GRU: Y [N,8,32] to logits [N,10]."""
    text = f"""<ir_version: {gru.ir_version}, opset_import: ["": {gru.opset_import[0].version}]>
        head (float[N, T, {digits.HIDDEN}] Y) => (float[N, {digits.CLASSES}] logits)
          <int64 last = {{-1}}, float[{digits.CLASSES}, {digits.HIDDEN}] weight, float[{digits.CLASSES}] bias>
        {{ state = Gather <axis = 1> (Y, last)  logits = Gemm <transB = 1> (state, weight, bias) }}"""
    model = onnx.parser.parse_model(text)
    kept = [tensor for tensor in model.graph.initializer if tensor.name == "last"]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    for name in ("weight", "bias"):
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(head[name]), name))
    return onnx.compose.merge_models(gru, model, io_map=[("Y", "Y")])


def main() -> None:
    """Run the pipeline."""
    mx.random.seed(0)
    _, (x_test, labels_test) = digits.data()
    model, optimizer = Classifier(), optimizers.Adam(digits.RATE)
    step = nn.value_and_grad(model, lambda x, labels: nn.losses.cross_entropy(model(x), labels, reduction="mean"))
    for x, labels in digits.batches():
        _, gradients = step(mx.array(x), mx.array(labels))
        optimizer.update(model, gradients)
        mx.eval(model.parameters())
    wanted = np.array(model(mx.array(x_test)))
    gru = frameworks_mlx.to_onnx(model.gru, seq_length=digits.STEPS, batch_size=digits.TEST)
    first_step = any(node.op_type == "Sigmoid" for node in gru.graph.node)  # MLX up to 0.31.1
    name = f"mlx {mx.__version__}"
    final = digits.finish(name, with_head(gru, model.head), x_test, wanted, labels_test, first_step=first_step)

    weights = frameworks_mlx.to_weights(gru_lower.fuse(final, require=1).model)
    same = all(np.array_equal(np.array(model.gru[name]), array) for name, array in weights.items())
    print(f"  fused anew, to_weights: {', '.join(weights)}, {'the same bits' if same else 'other numbers'}")
    assert same


if __name__ == "__main__":
    main()

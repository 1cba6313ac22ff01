"""JAX and flax through jax2onnx, as a guest: flax has a GRUCell, no GRU layer, so the loop is in the network."""

from __future__ import annotations

import digits
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax2onnx import to_onnx


class Classifier(nnx.Module):
    """A GRUCell scanned over the rows of an image, and a linear layer on its last state."""

    def __init__(self, rngs: nnx.Rngs) -> None:
        self.cell = nnx.GRUCell(digits.INPUTS, digits.HIDDEN, rngs=rngs)
        self.head = nnx.Linear(digits.HIDDEN, digits.CLASSES, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Return logits [N,10] of images [N,8,8]."""
        state = jnp.zeros((x.shape[0], digits.HIDDEN), x.dtype)
        for t in range(digits.STEPS):
            state, _ = self.cell(state, x[:, t])
        return self.head(state)


def main() -> None:
    """Run the pipeline."""
    _, (x_test, labels_test) = digits.data()
    model = Classifier(nnx.Rngs(0))
    optimizer = nnx.Optimizer(model, optax.adam(digits.RATE), wrt=nnx.Param)

    @nnx.jit
    def step(model: Classifier, optimizer: nnx.Optimizer, x: jax.Array, labels: jax.Array) -> None:
        def loss(model: Classifier) -> jax.Array:
            return optax.softmax_cross_entropy_with_integer_labels(model(x), labels).mean()

        optimizer.update(model, nnx.grad(loss)(model))

    for x, labels in digits.batches():
        step(model, optimizer, jnp.asarray(x), jnp.asarray(labels))
    wanted = np.asarray(model(jnp.asarray(x_test)))
    jax.clear_caches()
    exported = to_onnx(model, [x_test.shape], model_name="digits", input_names=["x"])
    digits.finish("flax through jax2onnx", exported, x_test, wanted, labels_test)


if __name__ == "__main__":
    main()

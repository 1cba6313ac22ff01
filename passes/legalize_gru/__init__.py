"""The pass ``legalize-gru``, which plans, and the passes it plans with, each of them a file."""

"""What each ONNX operator does to interpreted values: a file for each family, and :mod:`registry` that lists them."""

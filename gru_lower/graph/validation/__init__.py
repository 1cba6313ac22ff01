"""The check that every model passes before anything else reads it: whether it is built as ONNX says."""

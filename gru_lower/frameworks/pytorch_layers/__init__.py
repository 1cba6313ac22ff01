"""Layers of PyTorch: read, written as ONNX models, made and filled."""

"""Layers of Apple MLX: read, written as ONNX models, made and filled."""

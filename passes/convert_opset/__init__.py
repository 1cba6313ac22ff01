"""The pass ``convert-opset``: convert a model to another opset, by onnx's version converter."""

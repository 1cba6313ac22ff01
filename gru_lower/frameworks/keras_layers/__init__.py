"""Layers of Keras, on its own or in TensorFlow: read, written as ONNX models, made and filled."""

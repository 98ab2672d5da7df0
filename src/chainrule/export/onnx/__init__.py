"""A trained model as an ONNX file, with its whole pipeline inside."""

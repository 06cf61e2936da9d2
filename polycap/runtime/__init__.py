"""Runtimes: Keras, the reference, and OpenVINO with graphs exported from Keras, without TensorFlow."""

"""What computes captions: Keras, the reference, or graphs exported from it, which need no TensorFlow."""

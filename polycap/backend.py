"""Keras, imported once with polycap's settings. Import `keras` from here, and only in code that computes."""

import os

# TensorFlow reads these when it is imported. Whoever sets them beforehand keeps the last word.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# bfloat16 inside float32 matrix products and convolutions, where the CPU has it (AMX, AVX512-BF16): about 1.4 times
# faster, cosine to float32 at least 0.9998. `STRICT` turns it off.
os.environ.setdefault("ONEDNN_DEFAULT_FPMATH_MODE", "BF16")

import keras

__all__ = ["keras"]

"""Evaluation: captions scored against references, in one language or several."""

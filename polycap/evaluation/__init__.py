"""Captions scored against references, one language or several."""

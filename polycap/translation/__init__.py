"""Captions into the mother language."""

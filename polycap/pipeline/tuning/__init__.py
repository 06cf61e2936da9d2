"""Stages of the encoder's tuning, a file each."""

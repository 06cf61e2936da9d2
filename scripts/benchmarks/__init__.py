"""Stages of `scripts/bench`: polycap against baselines, each side in its own process, in turns."""

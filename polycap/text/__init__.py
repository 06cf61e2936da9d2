"""Letters: normalised, told by script, cut into tokens."""

"""Features: the encoder's output for many photos, on disk."""

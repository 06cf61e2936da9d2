"""The encoder's output for many photos, on disk."""

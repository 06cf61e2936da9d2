"""Translation of a dataset's captions by engines."""

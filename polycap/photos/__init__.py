"""Photo files: which are photos, found, opened, decoded, shown small."""

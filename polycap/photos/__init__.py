"""Photo files: search, limits, decoding, thumbnails, samples."""

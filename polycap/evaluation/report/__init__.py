"""Report of a comparison: HTML page, Markdown and JSON."""

"""Self-contained HTML pages: no network, no other file."""

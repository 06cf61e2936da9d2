"""The HTTP service: the captions of `polycap caption --json` for whoever sends photos, and a page to try it with."""

"""HTTP service: captions of uploaded photos as in `polycap caption --json`, and a web page."""

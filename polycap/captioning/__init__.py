"""Photos in, captions out; `from polycap import Captioner`."""

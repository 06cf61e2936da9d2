"""Captioning: photos in, captions out. The public names come from `polycap`."""

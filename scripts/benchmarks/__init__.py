"""What `scripts/bench` runs: polycap against baselines, each side in a process of its own, in turns."""

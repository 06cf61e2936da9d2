"""The entry of `scripts/bench`; see `benchmarks.cli`."""

import os
import sys
from pathlib import Path

os.environ["PYTHONSAFEPATH"] = "1"  # processes of `multiprocessing` would look into the current folder first
# by `python -P`, and with that variable, not even this folder is looked into
sys.path.insert(0, str(Path(__file__).resolve().parent))

from benchmarks.cli import main

if __name__ == "__main__":  # a side's process imports this file, too
    main()

"""`python -m polycap`: the command line."""

import os
import sys

if __name__ == "__main__":
    if sys.path[:1] == [os.getcwd()]:  # noqa: PTH109  # pathlib may be a file in it
        del sys.path[0]  # Python has put the current folder first, whose files are not polycap's to run
    from polycap.cli import main

    main()

"""`python -m polycap`: the command line."""

from polycap.cli import main

if __name__ == "__main__":
    main()

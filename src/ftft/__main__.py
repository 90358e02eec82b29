"""``python -m ftft``: the command line, as launchers of several processes start it."""

from ftft.cli import main

if __name__ == "__main__":
    main()

"""`python -m steepest` is the command `steepest`."""

from steepest.cli.main import run

if __name__ == "__main__":
    run()

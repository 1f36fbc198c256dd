"""Let `python -m bakepy` be the command."""

from bakepy.cli.start import entry

if __name__ == "__main__":
    entry()

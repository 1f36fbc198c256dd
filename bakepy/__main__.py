"""Let `python -m bakepy` be the command."""

from bakepy.cli.main import entry

if __name__ == "__main__":
    entry()

"""Print the digests in a build's metadata file: python scripts/digests.py FILE."""

import json
import sys
from pathlib import Path

DIGEST = "containerimage.digest"


def main() -> int:
    """Print one line for each target that made an image; fail where none did."""
    record = json.loads(Path(sys.argv[1]).read_bytes())
    images = {name: entry[DIGEST] for name, entry in record.items() if isinstance(entry, dict) and DIGEST in entry}
    for name, digest in sorted(images.items()):
        print(f"{name:12} {digest}")
    return 0 if images else 1


if __name__ == "__main__":
    sys.exit(main())

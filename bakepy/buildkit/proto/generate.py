"""Write the modules of messages from the .proto files of this folder: `python -m bakepy.buildkit.proto.generate`.

Generated code refuses a protobuf older than its generator, so an old generator is used, in an environment of its own:
what it writes loads with every protobuf that we allow.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
GENERATOR = "grpcio-tools==1.72.1"


def files() -> list[str]:
    """Return the .proto files, relative to the folder that holds the package."""
    return [path.relative_to(ROOT).as_posix() for path in sorted(HERE.glob("*.proto"))]


def generate() -> None:
    """Write `*_pb2.py` and `*_pb2.pyi`; needs pip and its index."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = f"{folder}/bin/python"
        subprocess.run([python, "-m", "pip", "install", "-q", GENERATOR], check=True)
        arguments = [f"-I{ROOT}", f"--python_out={ROOT}", f"--pyi_out={ROOT}", *files()]
        subprocess.run([python, "-m", "grpc_tools.protoc", *arguments], check=True)


if __name__ == "__main__":
    generate()
    sys.exit(0)

"""The work that both tools are given: definition files and contexts, made afresh in a folder."""

from __future__ import annotations

import random
from pathlib import Path

TARGET = """
target "{name}" {{
  context = "."
  dockerfile = "Dockerfile"
  args = {{
    NAME = "{name}"
    VERSION = "${{VERSION}}"
  }}
  tags = ["example/{name}:${{VERSION}}", "example/{name}:latest"]
}}
"""


def flat(count: int) -> str:
    """Return a definition of `count` targets that share nothing but a variable."""
    names = [f"t{i}" for i in range(count)]
    listed = ", ".join(f'"{n}"' for n in names)
    head = f'variable "VERSION" {{\n  default = "1.0"\n}}\n\ngroup "default" {{\n  targets = [{listed}]\n}}\n'
    return head + "".join(TARGET.format(name=n) for n in names)


def matrix(a: int, b: int) -> str:
    """Return a definition of one target with a matrix of `a` times `b`."""
    axis = lambda prefix, n: ", ".join(f'"{prefix}{i}"' for i in range(n))  # noqa: E731
    return f"""
variable "VERSION" {{
  default = "1.0"
}}

target "default" {{
  name = "app-${{x}}-${{y}}"
  matrix = {{
    x = [{axis("x", a)}]
    y = [{axis("y", b)}]
  }}
  context = "."
  args = {{
    X = x
    Y = y
  }}
  tags = ["example/app:${{x}}-${{y}}-${{VERSION}}"]
}}
"""


def definitions() -> dict[str, str]:
    """Return the definitions that are evaluated without an engine, by the name of their row."""
    return {
        "print: 4 targets": flat(4),
        "print: 1,000 targets": flat(1000),
        "print: 3,000 targets": flat(3000),
        "print: matrix of 900": matrix(30, 30),
        "print: matrix of 3,600": matrix(60, 60),
        "print: matrix of 10,000": matrix(100, 100),
    }


def big_file(folder: Path, size: int) -> None:
    """Write one incompressible file of `size` bytes and a Dockerfile that copies it."""
    block = random.Random(1).randbytes(1 << 20)
    with (folder / "data").open("wb") as out:
        for index in range(size >> 20):
            out.write(index.to_bytes(8, "big") + block[8:])
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY data /data\n")


def many_files(folder: Path, count: int, size: int = 4096) -> None:
    """Write `count` files of `size` bytes in folders of a hundred, and a Dockerfile that copies them."""
    source = random.Random(2)
    for index in range(count):
        parent = folder / "files" / f"d{index // 100:04}"
        if index % 100 == 0:
            parent.mkdir(parents=True)
        (parent / f"f{index:06}").write_bytes(source.randbytes(size))
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY files /files\n")


def fifty(folder: Path) -> None:
    """Write fifty targets that share one small context."""
    (folder / "file").write_text("hello\n")
    (folder / "Dockerfile").write_text("FROM scratch\nARG N\nCOPY file /file-$N\n")
    names = [f"t{i}" for i in range(50)]
    listed = ", ".join(f'"{n}"' for n in names)
    body = "".join(f'target "{n}" {{\n  args = {{ N = "{n}" }}\n  output = ["type=cacheonly"]\n}}\n' for n in names)
    (folder / "docker-bake.hcl").write_text(f'group "default" {{\n  targets = [{listed}]\n}}\n{body}')


def one_target(folder: Path, output: str = "type=cacheonly") -> None:
    """Write a definition of a single target with an output."""
    (folder / "docker-bake.hcl").write_text(f'target "default" {{\n  output = ["{output}"]\n}}\n')

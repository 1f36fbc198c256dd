"""Programs for two architectures that tell on which they run, and QEMU registered to run the foreign one."""

from __future__ import annotations

import contextlib
import os
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.programs import needed

BINFMT = Path("/proc/sys/fs/binfmt_misc")
MAGIC = r"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
MASK = r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"


def elf(machine: int, code: bytes) -> bytes:
    """Return a static program of one segment that is its own header and code (System V ABI, ELF-64)."""
    base, header, entry = 0x400000, 64, 64 + 56
    size = entry + len(code)
    head = b"\x7fELF\x02\x01\x01" + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, base + entry, header, 0, 0, header, 56, 1, 0, 0, 0)
    return head + struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 0x1000) + code


# Both ask uname(2) and print seven bytes of its field `machine`, 260 bytes into the answer on the stack.
ARM64 = elf(
    183,
    struct.pack(
        "<12I",
        0xD10803FF,  # sub sp, sp, 512
        0x910003E0,  # mov x0, sp
        0xD2801408,  # mov x8, 160 (uname)
        0xD4000001,  # svc 0
        0xD2800020,  # mov x0, 1
        0x910413E1,  # add x1, sp, 260
        0xD28000E2,  # mov x2, 7
        0xD2800808,  # mov x8, 64 (write)
        0xD4000001,  # svc 0
        0xD2800000,  # mov x0, 0
        0xD2800BA8,  # mov x8, 93 (exit)
        0xD4000001,  # svc 0
    ),
)
AMD64 = elf(
    62,
    bytes.fromhex(
        "4881ec00020000"  # sub rsp, 512
        "4889e7 b83f000000 0f05"  # mov rdi, rsp; mov eax, 63 (uname); syscall
        "bf01000000 488db42404010000 ba07000000"  # mov edi, 1; lea rsi, [rsp + 260]; mov edx, 7
        "b801000000 0f05"  # mov eax, 1 (write); syscall
        "31ff b83c000000 0f05"  # xor edi, edi; mov eax, 60 (exit); syscall
    ),
)
RISCV64 = elf(243, struct.pack("<3I", 0x05D00893, 0x00000513, 0x00000073))  # li a7, 93 (exit); li a0, 0; ecall
PROGRAMS = {"amd64": AMD64, "arm64": ARM64}
SAYS = {"amd64": "x86_64", "arm64": "aarch64"}


def write_programs(folder: Path) -> None:
    """Write each program to `ARCHITECTURE/machine`."""
    for name, program in PROGRAMS.items():
        path = folder / name / "machine"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(program)
        path.chmod(0o755)


MACHINES = {"riscv64": 243, "ppc64le": 21, "mips64le": 8}
"""ELF's numbers of architectures that BuildKit detects an emulator for."""
NO_PROGRAM = b"no program of any machine"
UNDETECTED = "linux/ppc64"
"""A platform that no BuildKit names: it has no test for an emulator of it."""


def not_emulated() -> str:
    """Return an architecture that the kernel does not run now; skips the test where it runs all."""
    for name, machine in MACHINES.items():
        if not _runs(elf(machine, bytes(16))):
            return name
    pytest.skip("binfmt_misc has emulators for all architectures")


@contextlib.contextmanager
def emulated_arm64() -> Iterator[None]:
    """Have the kernel run arm64 programs while the context lasts; skips the test if the kernel refuses.

    The emulator of another process may go at any time, so it counts only where none can be registered.
    """
    name = f"bakepy-test-{os.getpid()}"
    try:
        _register(name)
    except OSError as error:
        if not _runs(ARM64):
            pytest.skip(f"arm64 cannot be emulated here: {error}")
        yield
        return
    try:
        yield
    finally:
        (BINFMT / name).write_text("-1")


def _register(name: str) -> None:
    program = needed("qemu-aarch64-static")
    if not (BINFMT / "register").exists():
        subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", BINFMT], check=False, capture_output=True)
    # Flag F: the kernel opens the emulator now, so that it is there in every container.
    (BINFMT / "register").write_text(f":{name}:M::{MAGIC}:{MASK}:{program}:F")


def _runs(program: bytes) -> bool:
    """Check whether the kernel starts a program, however that ends."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "program")
        path.write_bytes(program)
        path.chmod(0o755)
        try:
            subprocess.run([path], capture_output=True, check=False)
        except OSError:
            return False
    return True

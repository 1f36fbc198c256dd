"""Files are read by their names, and what cannot be a definition is told."""

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Callable

import pytest

from bakepy.diagnostics import BakeError
from bakepy.planner.load import File, read

DEFINITION = b'target "default" {\n}\n'


def tar(data: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("docker-bake.hcl")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


@pytest.mark.parametrize("pack", [tar, gzip.compress, bz2.compress, lzma.compress])
def test_an_archive_on_standard_input_is_no_definition(pack: Callable[[bytes], bytes]) -> None:
    """It is told in one line, in place of a hundred faults of syntax."""
    with pytest.raises(BakeError, match="standard input holds an archive, not a definition"):
        read(["-"], lambda: pack(DEFINITION))


@pytest.mark.parametrize("data", [b"", DEFINITION, b"BZh = 1\n", b"\xff\xfe"])
def test_anything_else_is_handed_on(data: bytes) -> None:
    """Whether it is a definition is for the parsers to say."""
    assert read(["-"], lambda: data) == [File("-", data)]

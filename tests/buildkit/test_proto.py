"""The generated messages are those of the .proto files, and carry what they do not declare."""

import importlib
import subprocess
import sys
from pathlib import Path

import grpc_tools
import pytest
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorSet
from google.protobuf.internal import api_implementation

from bakepy.buildkit.proto import fsutil_pb2, gateway_pb2, ops_pb2
from bakepy.buildkit.proto.generate import ROOT, files


def test_the_generated_modules_are_current(tmp_path: Path) -> None:
    """Compiling the .proto files gives the descriptors that the modules hold."""
    out = tmp_path / "set"
    known = Path(grpc_tools.__file__).parent / "_proto"
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{ROOT}", f"-I{known}", f"--descriptor_set_out={out}"]
    subprocess.run([*command, *files()], check=True)
    compiled = FileDescriptorSet.FromString(out.read_bytes()).file

    assert len(compiled) == len(files())
    for file in compiled:
        module = importlib.import_module(file.name.removesuffix(".proto").replace("/", ".") + "_pb2")
        held = type(file).FromString(module.DESCRIPTOR.serialized_pb)
        for message in (*held.message_type, *file.message_type):
            strip(message)
        assert held == file


def strip(message: DescriptorProto) -> None:
    """Drop the names in JSON, which the compiler derives and the modules leave out."""
    for field in message.field:
        field.ClearField("json_name")
    for inner in message.nested_type:
        strip(inner)


def test_the_fast_implementation_is_used() -> None:
    """Messages are upb's: the pure Python ones would be fifty times slower on file lists."""
    assert api_implementation.Type() == "upb"


@pytest.mark.parametrize("path", [b"plain", b"\xff\xfe", "ü/é".encode(), b""])
def test_paths_are_bytes(path: bytes) -> None:
    """A file's name need not be UTF-8."""
    stat = fsutil_pb2.Stat(path=path, linkname=path)

    assert fsutil_pb2.Stat.FromString(stat.SerializeToString()) == stat


def test_undeclared_fields_survive() -> None:
    """A definition's metadata and a result's attestations pass through without being declared."""
    definition = b"\x0a\x02op\x12\x05\x0a\x01k\x12\x00\x1a\x02\x08\x01"
    result = b"\x1a\x04\x0a\x02id\x62\x05\x0a\x01p\x12\x00"

    assert ops_pb2.Definition.FromString(definition).SerializeToString() == definition
    assert gateway_pb2.Result.FromString(result).SerializeToString() == result

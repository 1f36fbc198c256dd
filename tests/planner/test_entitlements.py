"""Builds ask for what they need beyond their own folder."""

from pathlib import Path

import pytest

from bakepy.diagnostics import BakeError
from bakepy.planner.entitlements import missing, needs, parse
from bakepy.planner.specify import specify
from tests.planner.definitions import selected


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "here/in").mkdir(parents=True)
    (tmp_path / "beside").mkdir()
    (tmp_path / "far/deep").mkdir(parents=True)
    (tmp_path / "here/link").symlink_to("../beside")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


def asked(fields: str, *allow: str, sets: tuple[str, ...] = ()) -> list[str]:
    config = selected(f'target "default" {{\n{fields}\n}}', sets=sets)
    specs = specify(config.targets)
    return [need.flag for need in needs(specs.values(), parse(allow).plus(config.granted))]


@pytest.mark.parametrize(
    ("fields", "flags"),
    [
        ("", []),
        ('context = "in"', []),
        ('context = ".."', ["fs.read=.."]),
        ('context = "../beside"', ["fs.read=../beside"]),
        ('context = "../beside/not/there"', ["fs.read=../beside"]),
        ('context = "link"', ["fs.read=../beside"]),
        ('context = "https://example.test/a.git"', []),
        ('dockerfile = "../beside/D"', ["fs.read=../beside"]),
        ('contexts = { a = "../beside", b = "target:c", d = "docker-image://x" }', ["fs.read=../beside"]),
        ('secret = ["id=a,src=../beside", "id=b,env=B"]', ["fs.read=../beside"]),
        ('ssh = ["default"]', ["ssh"]),
        ('ssh = ["default="]', ["ssh"]),
        ('ssh = [{ id = "default", paths = ["", ""] }]', ["ssh"]),
        ('ssh = ["k=../beside"]', ["fs.read=../beside"]),
        ('cache-from = ["type=local,src=../beside"]', ["fs.read=../beside"]),
        ('cache-to = ["type=local,dest=../beside"]', ["fs.write=../beside"]),
        ('output = ["type=local,dest=../beside/new"]', ["fs.write=../beside"]),
        ('context = "../beside"\noutput = ["../beside"]', ["fs=../beside"]),
        ('output = ["type=local,dest=out,mode=delete"]', ["buildx.local.delete"]),
        ('network = "host"\nentitlements = ["security.insecure"]', ["network.host", "security.insecure"]),
        ('entitlements = ["device=b", "device=a"]', ["device=a", "device=b"]),
        ('entitlements = ["device=a,alias=x,alias=y"]', ["device=a", "device=x", "device=y"]),
        ('entitlements = ["device=a,alias="]', ["device=a"]),
        ('entitlements = ["device", "device=a"]', ["device"]),
    ],
)
def test_what_a_target_needs_is_asked_for(fields, flags):
    """Paths outside of the folder count with links followed; the flag that allows each is named."""
    assert asked(fields + '\n}\ntarget "c" {' if "target:c" in fields else fields) == flags


def test_a_path_far_away_is_named_whole(folder):
    """More than one folder up, a relative path says less than an absolute one."""
    assert asked(f'context = "{folder}/far/deep"') == ["fs.read=../far/deep"]
    assert asked('context = "/"') == ["fs.read=/"]


@pytest.mark.parametrize(
    ("fields", "allow"),
    [
        ('context = "../beside"', "fs.read=../beside"),
        ('context = "../far/deep"', "fs.read=../far"),
        ('context = "../beside"', "fs=*"),
        ('output = ["../beside"]', "fs.write=.."),
        ('network = "host"', "network.host"),
        ('entitlements = ["device=a"]', "device"),
        ('entitlements = ["device=a"]', "device=a"),
        ('entitlements = ["device=a,alias=x"]', "device=a,alias=x"),
        ('ssh = ["default"]', "ssh"),
        ('output = ["type=local,dest=out,mode=delete"]', "buildx.local.delete"),
    ],
)
def test_what_is_allowed_is_not_asked_for(fields, allow):
    """A flag allows what it names and all below it."""
    assert asked(fields, allow, "image.push=x") == []


def test_what_overrides_name_is_allowed():
    """Who sets a path or entitlement on the command line need not allow it again."""
    sets = ("*.output=../beside", "*.secrets=id=a,src=../far", "*.entitlements=network.host")
    assert asked("", sets=sets) == []


@pytest.mark.parametrize(
    ("fields", "sets", "flags"),
    [
        ('output = ["../beside"]', "*.output+=type=local,dest=out", ["fs.write=../beside"]),
        ('cache-from = ["type=local,src=../beside"]', "*.cache-from+=type=local,src=in", ["fs.read=../beside"]),
        ('cache-to = ["type=local,dest=../beside"]', "*.cache-to+=type=local,dest=in", ["fs.write=../beside"]),
        ('ssh = ["a=../beside"]', "*.ssh+=b=in", ["fs.read=../beside"]),
        ('secret = ["id=a,src=../beside"]', "*.secrets+=id=b,src=in", ["fs.read=../beside"]),
        ('secret = ["id=a,src=../beside", "id=b,src=in"]', "*.secret.b=src=../far", ["fs.read=../beside"]),
        ('output = ["type=local,dest=*", "../beside"]', "*.output+=type=image", ["fs.write=../beside"]),
        ('cache-to = ["type=local,dest=../beside"]', "*.output=type=local,dest=*", ["fs.write=../beside"]),
    ],
)
def test_what_overrides_are_appended_to_is_asked_for(fields, sets, flags):
    """Who adds to what a definition names has not named it."""
    assert asked(fields, sets=(sets,)) == flags


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("network.hots", 'unknown entitlement key "network.hots"'),
        ("buildx.local.delete=1", "buildx.local.delete does not accept a value"),
        ('device="', "failed to parse device entitlement"),
    ],
)
def test_what_cannot_be_allowed_is_named(text, message):
    """A flag that means nothing is a fault."""
    with pytest.raises(BakeError) as caught:
        asked("", text)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    "fields",
    [
        'context = "{}"',
        'dockerfile = "{}"',
        'contexts = {{ a = "{}" }}',
        'contexts = {{ a = "oci-layout://{}" }}',
        'output = ["{}"]',
        'secret = ["id=a,src={}"]',
        'ssh = ["a={}"]',
        'cache-from = ["type=local,src={}"]',
        'cache-to = ["type=local,dest={}"]',
    ],
)
@pytest.mark.parametrize("path", ["a\\u0000b", "x" * 300, "ä" * 200, "x/" * 2100], ids=["nul", "name", "bytes", "path"])
def test_what_cannot_be_a_path_is_a_fault(fields, path):
    """No system has such files, so nothing is to be asked for, whatever is allowed."""
    for allowed in ((), ("fs=*",)):
        with pytest.raises(BakeError, match="failed to evaluate path"):
            asked(fields.format(path), *allowed)


def test_typed_path_need_not_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A grant for a path that is made later covers it, and nothing beside it."""
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "there")
    assert missing(["../dist"], ["../dist", "../dist/deep/er"]) == []
    assert missing(["../dist"], ["../other/x"]) == [str(tmp_path)]

"""Platforms are read, normalised and compared as containerd does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakepy.diagnostics import BakeError
from bakepy.platforms import Platform, local, parse_all
from bakepy.records import replace


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("linux/amd64", "linux/amd64"),
        ("linux/x86_64", "linux/amd64"),
        ("Linux/AMD64/v1", "linux/amd64"),
        ("linux/amd64/v3", "linux/amd64/v3"),
        ("linux/arm", "linux/arm/v7"),
        ("linux/arm/6", "linux/arm/v6"),
        ("linux/armhf", "linux/arm/v7"),
        ("linux/armel", "linux/arm/v6"),
        ("linux/aarch64", "linux/arm64"),
        ("linux/arm64/v8", "linux/arm64"),
        ("linux/arm64/9", "linux/arm64/v9"),
        ("linux/i386", "linux/386"),
        ("macos/arm64", "darwin/arm64"),
        ("windows(10.0.17763)/amd64", "windows(10.0.17763)/amd64"),
        ("Windows(10.0.17763+win32k+a+win32k)/x86_64", "windows(10.0.17763+a+win32k)/amd64"),
        ("windows(+win32k)/amd64", "windows(+win32k)/amd64"),
        ("windows()/amd64", "windows/amd64"),
        ("linux(a%2Fb%2bc%25)/arm64", "linux(a%2Fb%2Bc%25)/arm64"),
        ("linux(1%2C2)/arm64", "linux(1%2C2)/arm64"),
        ("linux/loong64", "linux/loong64"),
        ("some/thing", "some/thing"),
    ],
)
def test_names_become_canonical(text, shown):
    """Each spelling of a platform gives the same one."""
    assert str(Platform.parse(text)) == shown


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("nothing", '"nothing": unknown operating system or architecture: invalid argument'),
        ("linux/*", '"linux/*": wildcards not yet supported: invalid argument'),
        ("linux\n/amd64", '"linux\n" is an invalid OS component of "linux\n/amd64": OSAndVersion specifier'),
        ("windows(1%z)/amd64", '"windows(1%z)/amd64" has an invalid OS version "1%z": invalid URL escape "%z"'),
        ("windows(+a%zz)/amd64", '"windows(+a%zz)/amd64" has invalid OS features: invalid URL escape "%zz"'),
        ("windows(+)/amd64", '"windows(+)" is an invalid OS component of "windows(+)/amd64"'),
        ("a/b/c/d", '"a/b/c/d": cannot parse platform specifier: invalid argument'),
        (
            "linux/a b",
            '"a b" is an invalid component of "linux/a b": platform specifier component must match'
            ' "^[A-Za-z0-9_.-]+$": invalid argument',
        ),
        (
            "!/a",
            '"!" is an invalid OS component of "!/a": OSAndVersion specifier component must match'
            ' "^([A-Za-z0-9_-]+)(?:\\\\(([A-Za-z0-9_.%-]*)((?:\\\\+[A-Za-z0-9_.%-]+)*)\\\\))?$": invalid argument',
        ),
    ],
)
def test_what_is_no_platform_is_named(text, fault):
    """A fault is told in the reference's words."""
    with pytest.raises(BakeError) as caught:
        Platform.parse(text)
    assert str(caught.value).startswith(fault)


OPTION = st.text(min_size=1)


@given(st.builds(Platform, st.just("windows"), st.just("amd64"), st.just("v3"), OPTION, st.sets(OPTION)))
def test_a_platform_reads_back(platform):
    """What is written reads as the same platform, whatever its version and features."""
    assert Platform.parse(str(platform)) == replace(platform, os_features=tuple(sorted(platform.os_features)))


def test_versions_run_where_their_system_runs():
    """A node does not report which versions it runs."""
    assert Platform.parse("windows/amd64").runs(Platform.parse("windows(10.0.17763+win32k)/amd64"))


def test_what_is_left_out_is_this_machines():
    """An operating system or architecture alone is completed; `local` is this machine's platform."""
    assert Platform.parse("local") == local()
    assert Platform.parse(local().os) == local()
    assert Platform.parse("riscv64") == Platform(local().os, "riscv64")


def test_several_platforms_may_stand_in_one_text():
    """Commas separate platforms."""
    assert [str(p) for p in parse_all(["linux/amd64,linux/arm", "linux/386"])] == [
        "linux/amd64",
        "linux/arm/v7",
        "linux/386",
    ]


@pytest.mark.parametrize(
    ("machine", "image", "runs"),
    [
        ("linux/amd64", "linux/amd64", True),
        ("linux/amd64", "linux/386", True),
        ("linux/amd64", "linux/amd64/v2", False),
        ("linux/amd64/v3", "linux/amd64/v2", True),
        ("linux/arm64", "linux/arm/v7", True),
        ("linux/arm64", "linux/arm/v5", True),
        ("linux/arm/v6", "linux/arm/v7", False),
        ("linux/arm64/v9", "linux/arm64/v8.5", True),
        ("linux/arm64/v8.2", "linux/arm64", True),
        ("linux/arm64", "linux/arm64/v8.2", False),
        ("linux/arm64", "linux/amd64", False),
        ("linux/amd64", "windows/amd64", False),
    ],
)
def test_which_images_a_machine_runs(machine, image, runs):
    """A machine runs its own and older variants, and the 32-bit code of its family."""
    assert Platform.parse(machine).runs(Platform.parse(image)) is runs

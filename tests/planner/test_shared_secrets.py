"""Secrets of one id and several values are told of where steps may be equal."""

from pathlib import Path

import pytest

from bakepy.planner.shared_secrets import shared_secrets
from bakepy.planner.spec import SecretSource
from bakepy.planner.specify import specify
from tests.planner.definitions import selected

VALUES = {"ONE": b"1", "TWO": b"2", "SAME": b"1"}
COMMON = 'target "common" {\n dockerfile-inline = "FROM a"\n args = { A = "x" }\n}\n'


def value(secret: SecretSource) -> object:
    return VALUES[secret.env] if secret.env else Path(secret.file).read_bytes()


def told(**targets: str) -> list[str]:
    """Return what is told of targets that have some fields besides the common ones."""
    text = COMMON + "".join(
        f'target "{name}" {{\n inherits = ["common"]\n {fields}\n}}\n' for name, fields in targets.items()
    )
    config = selected(text, *targets)
    return [warning.detail for warning in shared_secrets(config, specify(config.targets), value)]


ONE, TWO, SAME = (f'secret = ["id=k,env={name}"]' for name in VALUES)


def test_both_targets_and_the_secret_are_named():
    """The places of both are shown, and neither value."""
    config = selected(
        f'{COMMON}target "a" {{\n inherits = ["common"]\n {ONE}\n}}\ntarget "b" {{\n inherits = ["common"]\n {TWO}\n}}',
        "a",
        "b",
    )
    (warning,) = shared_secrets(config, specify(config.targets), value)
    assert warning.detail.startswith("Targets a and b have different values of secret k,")
    assert str(warning.subject).startswith("docker-bake.hcl:11,2-")
    assert [(words, str(span)[:18]) for words, span in warning.related] == [
        ("target a sets secret here", "docker-bake.hcl:7,")
    ]


@pytest.mark.parametrize(
    "other",
    [
        TWO,
        f'{TWO}\n context = "elsewhere"',
        f'{TWO}\n tags = ["t"]\n output = ["out"]\n target = "stage"',
        f'{TWO}\n platforms = ["linux/amd64", "linux/arm64"]',
        'secret = ["id=k,env=TWO", "id=other,env=ONE"]',
    ],
)
def test_steps_may_be_equal_where_dockerfile_and_arguments_are(other):
    """Contexts may hold the same files, and stages share steps."""
    platform = 'platforms = ["linux/arm64"]\n' if "platforms" in other else ""
    assert len(told(a=platform + ONE, b=other)) == 1


@pytest.mark.parametrize(
    "other",
    [
        ONE,
        SAME,
        'secret = ["id=other,env=TWO"]',
        "",
        f'{TWO}\n args = {{ A = "y" }}',
        f'{TWO}\n dockerfile-inline = "FROM b"',
        f'{TWO}\n platforms = ["linux/arm64"]',
        f'{TWO}\n network = "none"',
        f'{TWO}\n contexts = {{ a = "docker-image://b" }}',
    ],
)
def test_nothing_is_told_where_values_are_equal_or_steps_differ(other):
    """What differs by an argument was made to."""
    assert told(a=ONE, b=other) == []


def test_dockerfiles_are_equal_by_their_text(tmp_path, monkeypatch):
    """Copies of one file make equal steps."""
    monkeypatch.chdir(tmp_path)
    for name, text in {"a": "FROM x\n", "b": "FROM x\n", "c": "FROM y\n"}.items():
        Path(name).mkdir()
        Path(name, "Dockerfile").write_text(text)
        Path(name, "key").write_text(name)
    fields = {name: f'dockerfile-inline = ""\n context = "{name}"\n secret = ["id=k,src={name}/key"]' for name in "abc"}
    (detail,) = told(**fields)
    assert detail.startswith("Targets a and b have")


def test_many_targets_are_told_of_once(monkeypatch):
    """Four are named."""
    for i in range(9):
        monkeypatch.setitem(VALUES, f"V{i}", bytes([i]))
    (detail,) = told(**{f"t{i}": f'secret = ["id=k,env=V{i}"]' for i in range(9)})
    assert detail.startswith("Targets t0, t1, t2, t3 and 5 more have")

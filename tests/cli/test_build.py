"""`bakepy build` reads its flags as the reference does, and prints what the reference prints."""

import json
from pathlib import Path

import pytest

from bakepy.cli import flags
from bakepy.cli.build import FLAGS, main
from bakepy.diagnostics import BakeError

FILE = """
variable "TAG" { default = "latest" }
group "default" { targets = ["app"] }
target "app" { tags = ["app:${TAG}"] }
target "other" { inherits = ["app"] }
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("TAG", "BUILDKIT_PROGRESS", "BUILDX_BAKE_FILE", "SOURCE_DATE_EPOCH"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "docker-bake.hcl").write_text(FILE)
    return tmp_path


def printed(capsys: pytest.CaptureFixture[str], *argv: str) -> dict:
    assert main([*argv, "--print"]) == 0
    return json.loads(capsys.readouterr().out)["target"]


def fault(*argv: str) -> str:
    with pytest.raises(BakeError) as caught:
        main(list(argv))
    return str(caught.value)


def test_the_default_files_are_found(capsys, folder):
    """All files of the default names are read, overrides last."""
    (folder / "docker-bake.override.hcl").write_text('target "app" { target = "late" }')
    (folder / "compose.yaml").write_text("services: {app: {build: {target: early, dockerfile: D}}}")
    assert printed(capsys)["app"] == {
        "context": ".",
        "dockerfile": "D",
        "tags": ["app:latest"],
        "target": "late",
    }


def test_files_are_named_by_flags_and_by_the_environment(capsys, folder, monkeypatch):
    """Flags come before the environment's list of files."""
    (folder / "a.hcl").write_text('target "default" { target = "a" }')
    (folder / "b.json").write_text('{"target": {"default": {"dockerfile": "b"}}}')
    (folder / "odd").write_text('target "default" { target = "odd" }')
    assert printed(capsys, "-f", "a.hcl", "--file=b.json")["default"]["dockerfile"] == "b"
    assert printed(capsys, "-fodd")["default"]["target"] == "odd"
    monkeypatch.setenv("BUILDX_BAKE_FILE", "a.hcl:b.json")
    assert printed(capsys)["default"] == {"context": ".", "dockerfile": "b", "target": "a"}
    monkeypatch.setenv("BUILDX_BAKE_FILE", "none.hcl")
    assert fault("--print") == "stat none.hcl: no such file or directory"


def test_variables_come_from_flags_before_the_environment(capsys, monkeypatch):
    """`--var` wins over the environment, which wins over the default; the look-up can be turned off."""
    monkeypatch.setenv("TAG", "env")
    assert printed(capsys)["app"]["tags"] == ["app:env"]
    assert printed(capsys, "--var", "TAG=flag")["app"]["tags"] == ["app:flag"]
    monkeypatch.setenv("BUILDX_BAKE_DISABLE_VARS_ENV_LOOKUP", "1")
    assert printed(capsys)["app"]["tags"] == ["app:latest"]


@pytest.mark.parametrize(
    ("argv", "target"),
    [
        (["--push"], {"output": [{"push": "true", "type": "image"}]}),
        (["--load"], {"output": [{"type": "docker"}]}),
        (["--no-cache", "--pull=false"], {"no-cache": True, "pull": False}),
        (["--provenance=false"], {"attest": [{"disabled": True, "type": "provenance"}]}),
        (["--provenance", "mode=max"], {"attest": [{"mode": "max", "type": "provenance"}]}),
        (["--sbom=true"], {"attest": [{"type": "sbom"}]}),
        (["--check"], {"call": "lint"}),
        (["--call", "outline,format=json"], {"call": "outline"}),
        (["--call", "build"], {}),
        (["--set", "*.target=x", "--set", "app.args.A=1"], {"args": {"A": "1"}, "target": "x"}),
        (["--set", "*.context=./a/../b/"], {"context": "b"}),
        (["--set", "*.context=cwd://x"], {"context": "x"}),
        (["--allow", "network.host", "--builder", "b", "-D", "--metadata-file", "m"], {}),
    ],
)
def test_flags_change_targets(capsys, argv, target):
    """Each flag is the override that the reference makes of it."""
    plain = {"context": ".", "dockerfile": "Dockerfile", "tags": ["app:latest"]}
    assert printed(capsys, *argv)["app"] == {**plain, **target}


def test_policies_are_turned_off_or_appended(capsys):
    """`--policy` applies to all targets."""
    assert printed(capsys, "--policy", "disabled=true")["app"]["policy"][0]["Disabled"] is True
    assert printed(capsys, "--policy", "strict=true")["app"]["policy"][0]["Strict"] is True


def test_the_date_of_sources_becomes_an_argument(capsys, monkeypatch):
    """SOURCE_DATE_EPOCH is passed on unless a target sets it."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "5")
    assert printed(capsys)["app"]["args"] == {"SOURCE_DATE_EPOCH": "5"}
    assert printed(capsys, "--set", "*.args.SOURCE_DATE_EPOCH=7")["app"]["args"] == {"SOURCE_DATE_EPOCH": "7"}


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--nope"], "unknown flag: --nope"),
        (["-z"], "unknown shorthand flag: 'z' in -z"),
        (["--set"], "flag needs an argument: --set"),
        (["--push=maybe"], 'invalid argument "maybe" for "--push" flag: strconv.ParseBool: parsing "maybe"'),
        (["--print", "--list=targets"], "--print and --list are mutually exclusive"),
        (["--list=things"], 'invalid list type "things"'),
        (["--list=type=targets,format=xml"], 'invalid list format "xml"'),
        (["--list=type=targets,x=y"], "unexpected key 'x' in 'x=y'"),
        (["--print", "--progress=loud"], "invalid progress mode loud"),
        (["--print", "--var=x"], 'invalid variable "x", expected key=value'),
        (["--print", "--call=a,b"], "invalid print value: a,b"),
        (["--print", "--call=a,x=y"], "invalid print field: x=y"),
        (["--print", "--policy=x.rego"], "invalid value for policy: invalid value x.rego"),
        (["--print", "--policy=filename=x"], "--policy does not accept filename"),
        (["--print", "--policy=disabled=1,strict=1"], "disabled policy cannot be combined"),
        (["--print", "--allow=foo"], 'unknown entitlement key "foo"'),
        (["--print", "--sbom=x"], "invalid value for attest: invalid value x"),
        (["--print", "-f", "none.hcl"], "open none.hcl: no such file or directory"),
        (["--print", "-f", "."], "read .: is a directory"),
        (["--print", "--set=*.platform=x"], '"x": unknown operating system or architecture: invalid argument'),
        (["--print", "--set=*.secrets=id=s,src=none"], "failed to stat none: stat none: no such file or directory"),
        (["--print", "--set=*.secrets=src=none"], "secret missing ID"),
        (["--print", "--set=*.ssh=k=none"], "failed to convert agent config {k [none] false}"),
        (["--print", "--set=*.shm-size=x"], "invalid value x for membytes key shm-size"),
        (["--print", "--set=*.output=type=local"], "dest is required for local exporter"),
        (["--print", "--set=*.annotations=x"], 'invalid annotation "x", expected key=value'),
        (["--print", "--set=*.context=-"], "context from stdin not allowed in bake"),
    ],
)
def test_faults_of_the_command_line_are_named(argv, message):
    """What cannot be is told in the reference's words before anything is built."""
    assert fault(*argv).startswith(message)


def test_nothing_to_read_is_a_fault(folder):
    """Without a definition there is nothing to do."""
    (folder / "docker-bake.hcl").unlink()
    assert fault("--print") == "couldn't find a bake definition"


def test_several_faults_of_values_are_told_at_once():
    """The first fault is the one the reference names; the others are shown with it."""
    with pytest.raises(BakeError) as caught:
        main(["--print", "--set=*.platform=x", "--set=*.secrets=id=s,src=none"])
    assert str(caught.value) == '"x": unknown operating system or architecture: invalid argument'
    assert [d.summary for d in caught.value.diagnostics][1:] == [
        "failed to stat none: stat none: no such file or directory"
    ]


def test_the_old_flags_of_lists_still_work(capsys):
    """They print what --list does, and say so."""
    assert main(["--list-targets"]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("TARGET\t")
    assert "deprecated" in captured.err


def test_help_names_every_flag_that_is_not_hidden(capsys):
    """Help is made of the flags' own docs."""
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert "'bakepy bake' and 'bakepy b' are the same" in shown
    assert all((f"--{flag.name}" in shown) != flag.hidden for flag in FLAGS)


def test_arguments_after_two_dashes_are_no_flags():
    """Everything after `--` is a target."""
    given = flags.parse(FLAGS, ["a", "--push=0", "--", "--print", "-f"])
    assert (given.arguments, given.switch("push"), given.switch("print")) == (["a", "--print", "-f"], False, None)


OUTPUTS = [
    ("type=oci", {"type": "oci", "dest": "-"}),
    ("type=tar", {"type": "tar", "dest": "-"}),
    ("type=oci,tar=true", {"type": "oci", "tar": "true", "dest": "-"}),
    ("type=oci,tar=perhaps", {"type": "oci", "tar": "perhaps", "dest": "-"}),
    ("type=tar,tar=false", {"type": "tar", "tar": "false", "dest": "-"}),
    ("type=oci,dest=a.tar", {"type": "oci", "dest": "a.tar"}),
    ("type=oci,tar=0,dest=a", {"type": "oci", "tar": "0", "dest": "a"}),
    ("type=docker,tar=f,dest=a", {"type": "docker", "tar": "f", "dest": "a"}),
    ("type=docker", {"type": "docker"}),
    ("type=image,push=true", {"type": "image", "push": "true"}),
    ("type=registry", {"type": "registry"}),
    ("type=cacheonly", {"type": "cacheonly"}),
    ("out", {"type": "local", "dest": "out"}),
    ("-", {"type": "tar", "dest": "-"}),
]


@pytest.mark.parametrize(("output", "expected"), OUTPUTS, ids=[text for text, _ in OUTPUTS])
def test_default_destinations_are_printed(capsys, folder, output, expected):
    """An archive without a destination goes to standard output, in every form."""
    path = folder / "outputs"
    fields = json.dumps(dict(item.split("=") for item in output.split(",")) if "=" in output else output)
    compose = {"services": {"t": {"build": {"context": ".", "x-bake": {"output": [output]}}}}}
    forms = {
        ".hcl": f'target "t" {{ output = [{json.dumps(output)}] }}',
        "-object.hcl": f'target "t" {{ output = [{fields}] }}',
        ".json": json.dumps({"target": {"t": {"output": [output]}}}),
        ".yml": json.dumps(compose),
    }
    for ending, text in forms.items():
        file = path.with_name(path.name + ending)
        file.write_text(text)
        assert printed(capsys, "-f", str(file), "t")["t"]["output"] == [expected]
    (folder / "bare.hcl").write_text('target "t" {}')
    assert printed(capsys, "-f", "bare.hcl", "t", "--set", f"t.output={output}")["t"]["output"] == [expected]

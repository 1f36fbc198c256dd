"""Whole builds by the command against a real BuildKit."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import socket
import subprocess
import tarfile
import threading
import urllib.request
from pathlib import Path

import pytest

from tests.daemon import running_buildkitd
from tests.e2e.conftest import Project
from tests.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.e2e

SHELL = "FROM scratch AS shell\nCOPY sh /bin/sh\n"


def inline(*lines: str) -> str:
    """Return a Dockerfile as an HCL string."""
    return json.dumps("\n".join(lines) + "\n").replace("${", "$${")


def test_copy_and_run(project: Project) -> None:
    """COPY brings files in, RUN works on them, arguments reach it, and the result is a folder."""
    project.write(
        Dockerfile=SHELL + 'ARG WHO\nRUN echo "hello $WHO" > /hello\nFROM scratch\nCOPY --from=shell /hello /\n'
    )
    project.bake('target "default" {\n args = { WHO = "world" }\n output = ["out"]\n}')
    assert project.read("out/hello") == "hello world\n"


def test_a_matrix_of_two_by_two(project: Project) -> None:
    """Each combination is a target of its own."""
    project.write(Dockerfile="FROM scratch\nARG A\nARG B\nCOPY <<EOF /is\n$A-$B\nEOF\n")
    project.bake(
        """
        target "default" {
          name = "t-${a}-${b}"
          matrix = { a = ["x", "y"], b = ["1", "2"] }
          args = { A = a, B = b }
          output = ["out/${a}${b}"]
        }
        """
    )
    assert {n: project.read(f"out/{n}/is") for n in ("x1", "x2", "y1", "y2")} == {
        "x1": "x-1\n",
        "x2": "x-2\n",
        "y1": "y-1\n",
        "y2": "y-2\n",
    }


def test_linked_targets(project: Project) -> None:
    """A chain of targets hands results down, environment and secret steps included; only the selected is exported."""
    base = inline(
        SHELL,
        "ENV FROM_BASE=yes",
        "RUN --mount=type=secret,id=t read x < /run/secrets/t; echo $x > /got",
    )
    mid = inline("FROM up", "RUN echo mid=$FROM_BASE > /mid")
    leaf = inline(
        "FROM up AS work",
        "RUN read x < /mid; echo $x-leaf > /leaf",
        "FROM scratch",
        "COPY --from=work /leaf /",
        "COPY --from=top /got /",
    )
    project.write(token="s3cret-value\n")
    project.bake(
        f"""
        target "base" {{
          dockerfile-inline = {base}
          secret = ["id=t,src=token"]
        }}
        target "mid" {{
          contexts = {{ up = "target:base" }}
          dockerfile-inline = {mid}
        }}
        target "default" {{
          contexts = {{ up = "target:mid", top = "target:base" }}
          dockerfile-inline = {leaf}
          output = ["out"]
        }}
        """
    )
    assert project.read("out/leaf") == "mid=yes-leaf\n"
    assert project.read("out/got") == "s3cret-value\n"
    assert sorted(p.name for p in (project.path / "out").iterdir()) == ["got", "leaf"]


def test_equal_targets_are_built_once(project: Project) -> None:
    """Two targets that differ only in their outputs make one solve, and both outputs are there."""
    project.write(Dockerfile=SHELL + "RUN echo $$ > /id\n")
    run = project.bake(
        """
        group "default" { targets = ["a", "b"] }
        target "a" { output = ["type=local,dest=out/a"] }
        target "b" { output = ["type=tar,dest=out/b.tar"] }
        """
    )
    assert run.stderr.count("RUN echo") - run.stderr.count("RUN echo $$ > /id\n#") <= 1
    with tarfile.open(project.path / "out/b.tar") as archive:
        content = archive.extractfile("id")
        assert content
        assert content.read().decode() == project.read("out/a/id")


def test_secrets_from_files_and_variables(project: Project) -> None:
    """A RUN reads both; neither appears in what is shown, even when the step prints it."""
    project.write(
        token="from-a-file",
        Dockerfile=SHELL + "RUN --mount=type=secret,id=f --mount=type=secret,id=e "
        "sh -c 'read a < /run/secrets/f; read b < /run/secrets/e; echo got $a $b; echo $a $b > /got'\n"
        "FROM scratch\nCOPY --from=shell /got /\n",
    )
    run = project.bake(
        'target "default" {\n secret = ["id=f,src=token", "id=e,env=TOKEN"]\n output = ["out"]\n}', TOKEN="from-the-env"
    )
    assert project.read("out/got") == "from-a-file from-the-env\n"
    assert "from-a-file" not in run.stderr
    assert "from-the-env" not in run.stderr
    assert "got " in run.stderr


@pytest.mark.parametrize("progress", ["plain", "rawjson", "quiet", "none"])
def test_a_dockerfile_cannot_control_the_terminal(project: Project, progress: str) -> None:
    """Escape sequences of a step's name, its output and the excerpt do not reach standard error."""
    title = "\x1b]0;OWNED\x07\x1b[2J\u202e"
    project.write(Dockerfile=SHELL + f"RUN echo '{title}'; exit 3 # {title}\n")
    done = project.bake('target "default" {\n output = ["type=cacheonly"]\n}', "--progress", progress, check=False)

    assert done.returncode == 1
    assert "OWNED" in done.stderr
    assert [char for char in done.stderr if not char.isprintable() and char not in "\n\t"] == []


@pytest.mark.parametrize("progress", ["plain", "rawjson", "quiet", "none"])
def test_no_display_tells_a_secret_in_an_error(project: Project, progress: str) -> None:
    """A command that holds a secret, and fails, is shown without it."""
    hcl = 'target "default" {\n secret = ["id=t,env=WORD"]\n dockerfile-inline = <<EOT\n'
    hcl += SHELL + "RUN --mount=type=secret,id=t exit 3 # hidden-from-all\nEOT\n}"
    done = project.bake(hcl, "--progress", progress, check=False, WORD="hidden-from-all")
    assert done.returncode == 1
    assert "exit code: 3" in done.stderr
    assert "hidden-from-all" not in done.stdout + done.stderr


def test_targets_mean_their_own_secrets(project: Project) -> None:
    """Two targets that give one id different values each get their own."""
    project.write(
        one="1\n",
        two="2\n",
        Dockerfile=SHELL + "ARG N\nRUN --mount=type=secret,id=t sh -c 'read x < "
        "/run/secrets/t; echo $x > /got'\nFROM scratch\nCOPY --from=shell /got /\n",
    )
    project.bake(
        """
        group "default" { targets = ["a", "b"] }
        target "a" {
          args = { N = 1 }
          secret = ["id=t,src=one"]
          output = ["out/a"]
        }
        target "b" {
          args = { N = 2 }
          secret = ["id=t,src=two"]
          output = ["out/b"]
        }
        """
    )
    assert (project.read("out/a/got"), project.read("out/b/got")) == ("1\n", "2\n")


def blob(files: dict[str, bytes], descriptor: dict[str, str]) -> bytes:
    """Return what a descriptor names, its digest and size checked."""
    data = files["blobs/" + descriptor["digest"].replace(":", "/")]
    assert "sha256:" + hashlib.sha256(data).hexdigest() == descriptor["digest"]
    assert len(data) == descriptor["size"]
    return data


def test_an_oci_archive_is_a_valid_layout(project: Project) -> None:
    """Every blob has its digest, the index names the tag, and the metadata file the same digest."""
    project.write(Dockerfile="FROM scratch\nCOPY sh /bin/sh\nLABEL a=b\n")
    project.bake(
        'target "default" {\n tags = ["x.test/y:z"]\n output = ["type=oci,dest=new/o.tar"]\n}',
        "--metadata-file",
        "m.json",
    )
    with tarfile.open(project.path / "new/o.tar") as archive:
        files = {m.name: f.read() for m in archive if (f := archive.extractfile(m))}
    assert json.loads(files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    (top,) = json.loads(files["index.json"])["manifests"]
    assert top["annotations"]["org.opencontainers.image.ref.name"] == "z"
    metadata = json.loads(project.read("m.json"))["default"]
    assert metadata["containerimage.digest"] == top["digest"]
    assert metadata["image.name"] == "x.test/y:z"
    manifest = json.loads(blob(files, top))
    if "manifests" in manifest:
        manifest = json.loads(blob(files, manifest["manifests"][0]))
    config = json.loads(blob(files, manifest["config"]))
    assert config["config"]["Labels"] == {"a": "b"}
    assert len([blob(files, layer) for layer in manifest["layers"]]) == len(config["rootfs"]["diff_ids"]) == 1


def test_a_docker_archive_names_its_tags(project: Project) -> None:
    """`docker load` finds manifest.json with the image's tags."""
    project.write(Dockerfile="FROM scratch\nCOPY sh /bin/sh\n")
    project.bake('target "default" {\n tags = ["a:1", "b:2"]\n output = ["type=docker,dest=d.tar"]\n}')
    with tarfile.open(project.path / "d.tar") as archive:
        found = archive.extractfile("manifest.json")
        assert found
        (image,) = json.loads(found.read())
    assert image["RepoTags"] == ["a:1", "b:2"]


def test_a_tar_on_standard_output(project: Project) -> None:
    """`-` writes the result to standard output, and nothing else goes there."""
    project.write(Dockerfile="FROM scratch\nCOPY sh /bin/sh\n")
    command = project.command('target "default" {\n output = ["type=tar,dest=-"]\n}')
    run = subprocess.run(
        command, cwd=project.path, env=project.environ({}), capture_output=True, timeout=120, check=True
    )
    with tarfile.open(fileobj=io.BytesIO(run.stdout)) as archive:
        assert [m.name for m in archive if m.isfile()] == ["bin/sh"]


@pytest.mark.parametrize("output", ['["type=cacheonly"]', "[]"])
def test_results_may_stay_in_the_cache(project: Project, output: str) -> None:
    """Nothing is written; without a word on outputs there is a warning that says so."""
    project.write(Dockerfile="FROM scratch\nCOPY sh /bin/sh\n")
    before = set(os.listdir(project.path)) | {"docker-bake.hcl"}
    run = project.bake(f'target "default" {{\n output = {output}\n}}')
    assert set(os.listdir(project.path)) == before
    assert ("No output specified with remote driver" in run.stderr) == (output == "[]")


@pytest.mark.parametrize("how", ["type=registry", "type=image,push=true"])
def test_push_to_a_registry(project: Project, registry: str, how: str) -> None:
    """The pushed manifest is read back from a real registry under each tag, with the digest that was told."""
    project.write(Dockerfile="FROM scratch\nCOPY sh /bin/sh\n")
    project.bake(
        f'target "default" {{\n tags = ["{registry}/p/q:1", "{registry}/p/q:2"]\n output = ["{how}"]\n}}',
        *("--metadata-file", "m.json"),
    )
    digest = json.loads(project.read("m.json"))["default"]["containerimage.digest"]
    for tag in ("1", "2"):
        request = urllib.request.Request(f"http://{registry}/v2/p/q/manifests/{tag}")
        kinds = ("application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.manifest.v1+json")
        for kind in kinds:
            request.add_header("Accept", kind)
        request.headers["Accept"] = ", ".join(kinds)
        with urllib.request.urlopen(request, timeout=10) as answer:
            data = answer.read()
        assert "sha256:" + hashlib.sha256(data).hexdigest() == digest


def test_a_failing_run(project: Project) -> None:
    """The exit status is 1; the step's output, its Dockerfile line and status are shown; other targets are built."""
    project.write(Dockerfile=SHELL + "RUN echo last words; exit 7\n", ok__Dockerfile="FROM scratch\nCOPY sh /\n")
    run = project.bake(
        """
        group "default" { targets = ["bad", "child", "good"] }
        target "bad" {}
        target "child" {
          contexts = { up = "target:bad" }
          dockerfile-inline = "FROM up"
        }
        target "good" {
          dockerfile = "ok.Dockerfile"
          output = ["out"]
        }
        """,
        *("--metadata-file", "m.json"),
        check=False,
    )
    assert run.returncode == 1
    for words in ("last words", "Dockerfile:3", ">>> RUN echo last words; exit 7", "exit code: 7", "target bad"):
        assert words in run.stderr
    assert "child: skipped" in run.stderr
    assert (project.path / "out/sh").exists()
    assert list(json.loads(project.read("m.json"))) == ["good"]
    assert "Traceback" not in run.stderr


def test_a_fault_in_a_dockerfile_names_where_it_is(project: Project) -> None:
    """Lines of a Dockerfile are those of a file as seen from here, or of the definition's text."""
    project.write(**{"web/Dockerfile": "FROM scratch\nCOPI none /\n"})
    run = project.bake(
        """
        group "default" { targets = ["web", "text"] }
        target "web" { context = "web" }
        target "text" { dockerfile-inline = "FROM scratch\\n\\nCOPI nothing /\\n" }
        """,
        check=False,
    )
    assert run.returncode == 1
    assert "\nweb/Dockerfile:2\n" in run.stderr
    assert "\ndockerfile-inline:3\n" in run.stderr


def test_a_check_names_where_its_warnings_are(project: Project) -> None:
    """Warnings and errors of a check name files as seen from here; its JSON is the frontend's."""
    bad = "FROM scratch\nCOPI none /\n"
    project.write(**{"web/Dockerfile": "FROM scratch\ncopy none /\nADD none /\n", "other/Dockerfile": bad})
    hcl = """
        group "default" { targets = ["web", "file", "text", "bad"] }
        target "web" { context = "web" }
        target "file" { dockerfile = "web/Dockerfile" }
        target "text" { dockerfile-inline = "FROM scratch as X\\n" }
        target "bad" { context = "other" }
        """
    run = project.bake(hcl, "--check", check=False)
    assert run.returncode == 1
    assert run.stdout.count("\nweb/Dockerfile:2\n") == 2
    assert "\ndockerfile-inline:1\n" in run.stdout
    assert "\nother/Dockerfile:2\n" in run.stdout
    assert "\nDockerfile:" not in run.stdout
    targets = json.loads(project.bake(hcl, "--call=check,format=json", check=False).stdout)["target"]
    assert {t["check"]["sources"][0]["filename"] for t in targets.values()} == {"Dockerfile"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_leaves_nothing_running(project: Project, number: signal.Signals) -> None:
    """The status tells the signal, and the step's process is gone once the command is."""
    mark = str(1000 + os.getpid() % 1000 + number / 1000)
    project.write(Dockerfile=SHELL + f"RUN echo started; sleep {mark}\n")
    command = project.command('target "default" {\n no-cache = true\n}')
    with subprocess.Popen(
        command, cwd=project.path, env=project.environ({}), stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stderr
        watchdog = threading.Timer(60, process.kill)
        watchdog.start()
        for line in process.stderr:
            if line.rstrip().endswith(" started"):
                break
        # The shell has printed the line, and starts the command next.
        wait_for(lambda: running(mark))
        process.send_signal(number)
        rest = process.stderr.read()
        watchdog.cancel()
        assert process.wait(PATIENCE) == 128 + number
    assert "Traceback" not in rest
    assert not running(mark)


def running(mark: str) -> bool:
    found = subprocess.run(["pgrep", "-f", f"^sleep {mark}$"], capture_output=True, check=False)
    return found.returncode == 0


def test_twenty_thousand_files(project: Project) -> None:
    """A large context arrives whole, and what .dockerignore names does not."""
    folder = project.path / "many"
    for n in range(200):
        (folder / f"d{n}").mkdir(parents=True)
        for m in range(100):
            (folder / f"d{n}/f{m}").write_bytes(b"%d" % m)
    project.write(**{"many/__dockerignore": "**/f1*\n", "many/Dockerfile": "FROM scratch\nCOPY . /\n"})
    project.bake('target "default" {\n context = "many"\n output = ["type=tar,dest=t.tar"]\n}')
    with tarfile.open(project.path / "t.tar") as archive:
        names = [m.name for m in archive if m.isfile() and "/f" in m.name]
    assert len(names) == 200 * 89


def test_odd_files(project: Project) -> None:
    """Links, odd names, empty and executable files survive the way there and back; a socket becomes an empty file."""
    odd = project.path / "odd"
    odd.mkdir()
    (odd / "plain").write_text("x")
    os.link(odd / "plain", odd / "hard")
    (odd / "soft").symlink_to("plain")
    (odd / "broken").symlink_to("/nowhere/at/all")
    (odd / "empty").touch()
    (odd / "run").write_text("#!")
    (odd / "run").chmod(0o4755)
    name = os.fsencode(odd) + b"/latin-\xe9"
    with open(name, "wb") as file:
        file.write(b"y")
    (odd / "näme with space").write_text("z")
    with socket.socket(socket.AF_UNIX) as listener:
        os.chdir(odd)
        listener.bind("sock")
    project.write(Dockerfile="FROM scratch\nCOPY odd /odd\n")
    project.bake('target "default" {\n output = ["out"]\n}')
    out = os.fsencode(project.path) + b"/out/odd"
    assert sorted(os.listdir(out)) == sorted(
        [b"sock", b"plain", b"hard", b"soft", b"broken", b"empty", b"run", b"latin-\xe9", "näme with space".encode()]
    )
    assert os.readlink(out + b"/soft") == b"plain"
    assert os.readlink(out + b"/broken") == b"/nowhere/at/all"
    assert os.stat(out + b"/run").st_mode & 0o777 == 0o755
    with open(out + b"/hard") as file:
        assert file.read() == "x"


def test_contexts_of_one_name_stay_apart(project: Project) -> None:
    """Targets with different folders for context, Dockerfile and a named context share a session unmixed."""
    for n in "ab":
        project.write(
            **{
                f"{n}/file": n,
                f"{n}/Dockerfile": f"FROM scratch\nLABEL n={n}\nCOPY file /\nCOPY --from=more extra /\n",
                f"{n}-more/extra": f"more {n}",
            }
        )
    project.bake(
        """
        target "default" {
          name = n
          matrix = { n = ["a", "b"] }
          context = n
          contexts = { more = "${n}-more" }
          output = ["out/${n}"]
        }
        """
    )
    assert [project.read(f"out/{n}/{f}") for n in "ab" for f in ("file", "extra")] == ["a", "more a", "b", "more b"]


def test_dockerfiles_anywhere(project: Project) -> None:
    """A Dockerfile may be outside of the context, inline, in lower case, and have an ignore file of its own."""
    project.write(
        **{
            "ctx/one": "1",
            "ctx/two": "2",
            "else/My": "FROM scratch\nCOPY . /\n",
            "else/My__dockerignore": "two\n",
            "low/dockerfile": "FROM scratch\nCOPY dockerfile /\n",
        }
    )
    project.bake(
        """
        group "default" { targets = ["outside", "inline", "lower"] }
        target "outside" {
          context = "ctx"
          dockerfile = "../else/My"
          output = ["out/outside"]
        }
        target "inline" {
          context = "ctx"
          dockerfile-inline = "FROM scratch\\nCOPY two /\\n"
          output = ["out/inline"]
        }
        target "lower" {
          context = "low"
          output = ["out/lower"]
        }
        """
    )
    found = {p.name: sorted(os.listdir(p)) for p in (project.path / "out").iterdir()}
    assert found == {"outside": ["one"], "inline": ["two"], "lower": ["dockerfile"]}


def test_check_and_outline(project: Project) -> None:
    """`--check` prints the frontend's warnings and fails by them; `outline` answers in JSON; nothing is built."""
    project.write(Dockerfile="from scratch\nCOPY sh /bin/sh\nARG A=1\n")
    hcl = 'target "default" {\n output = ["out"]\n}'
    run = project.bake(hcl, "--check", check=False)
    assert run.returncode == 1
    assert run.stdout.startswith("default\n")
    assert "ConsistentInstructionCasing" in run.stdout
    answer = json.loads(project.bake(hcl, "--call=outline,format=json").stdout)
    assert answer["target"]["default"]["outline"]["args"][0]["name"] == "A"
    assert not (project.path / "out").exists()


def test_many_exports_with_few_descriptors(project: Project) -> None:
    """Exports that run at once hold more files than shells usually allow, and are not stopped by that."""
    for number in range(100):
        project.write(**{f"files/{number}/file": str(number)})
    project.write(Dockerfile="FROM scratch\nARG N\nCOPY files /$N\n")
    hcl = """
    target "default" {
      name = "t${n}"
      matrix = { n = ["1", "2", "3", "4"] }
      args = { N = n }
      output = ["out"]
    }
    """
    run = subprocess.run(
        ["prlimit", "--nofile=64:4096", *project.command(hcl)],
        cwd=project.path,
        env=project.environ({}),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    assert sum(1 for path in (project.path / "out").rglob("file")) == 400


def test_linked_targets_are_asked_about(project: Project) -> None:
    """A target can be asked about that begins with another one, which may be asked about or built, with its secrets."""
    project.write(
        base="FROM scratch\nARG B=1\nCOPY sh /bin/sh\nRUN --mount=type=secret,id=key cp /run/secrets/key /kept\n",
        app="FROM up\nARG A=1\nRUN touch /made\n",
    )
    hcl = """
    target "base" {
      dockerfile = "base"
      secret = ["id=key,env=KEY"]
      call = "%s"
    }
    target "default" {
      dockerfile = "app"
      contexts = { up = "target:base" }
      call = "%s"
      output = ["out"]
    }
    """
    env = {"KEY": "word"}
    asked = json.loads(project.bake(hcl % ("", ""), "--call=outline,format=json", **env).stdout)["target"]
    assert {name: [a["name"] for a in t["outline"]["args"]] for name, t in asked.items()} == {
        "base": ["B"],
        "default": ["A"],
    }
    assert "Check complete" in project.bake(hcl % ("", "check"), **env).stdout
    assert not (project.path / "out").exists()
    assert "Check complete" in project.bake(hcl % ("check", ""), **env).stdout
    assert (project.path / "out/made").exists()


@pytest.mark.parametrize(
    ("hcl", "words", "hint"),
    [
        ('target "default" {\n context = "ct"\n}', 'path "ct" not found', "did you mean ctx?"),
        ('target "default" {\n context = "ctx"\n}', "failed to read dockerfile: open ctx/Dockerfile", "app.Dockerfile"),
        ('target "default" {\n dockerfile = "ctx/app.Dockerfle"\n}', "no such file", "ctx/app.Dockerfile"),
        (
            'target "default" {\n dockerfile-inline = "x"\n contexts = { a = "nope" }\n}',
            "failed to get build context a",
            "docker-image://nope",
        ),
        (
            'target "default" {\n dockerfile-inline = "x"\n output = ["type=ocl,dest=x"]\n}',
            "unknown output type ocl",
            "oci",
        ),
        ('target "default" {\n dockerfile-inline = "x"\n output = ["type=registry"]\n}', "tag is needed", "tags"),
        ('target "default" {\n dockerfile-inline = "x"\n tags = ["A/B:1"]\n}', 'invalid tag "A/B:1"', "a/b:1"),
        ('target "default" {\n dockerfile-inline = "x"\n output = ["type=local,dest=sh"]\n}', "sh is a file", "folder"),
    ],
)
def test_faults_are_found_before_the_engine_is_asked(project: Project, hcl: str, words: str, hint: str) -> None:
    """What is wrong on this side is told with a remedy, although no engine answers."""
    project.write(**{"ctx/app__Dockerfile": "FROM scratch\n"})
    project.address = "unix:///nowhere/at/all"
    run = project.bake(hcl, check=False)
    assert run.returncode == 1
    assert words in run.stderr
    assert hint in run.stderr
    assert "nowhere" not in run.stderr


def test_an_engine_that_does_not_answer(project: Project) -> None:
    """The address is named, and no traceback is shown."""
    project.write(Dockerfile="FROM scratch\n")
    project.address = "unix:///nowhere/at/all"
    run = project.bake('target "default" {}', check=False)
    assert run.returncode == 1
    assert "/nowhere/at/all" in run.stderr
    assert "Traceback" not in run.stderr


def test_an_unwritable_destination_stops_the_solve(project: Project, tmp_path: Path) -> None:
    """An export that fails on this side ends the build with its reason, not with a hang."""
    project.write(Dockerfile="FROM scratch\nCOPY sh /a/b\n")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a").write_text("a file where a folder must be")
    os.chmod(tmp_path / "out/a", 0o400)
    run = project.bake('target "default" {\n output = ["out"]\n}', check=False)
    assert run.returncode in {0, 1}
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("tag", [":1", ""])
def test_an_oci_layout_is_a_context(project: Project, tag: str) -> None:
    """An image in a folder of this machine serves as a base, by its tag, or as the only one there."""
    project.write(Dockerfile="FROM scratch\nCOPY sh /bin/sh\nENV FROM_LAYOUT=yes\n")
    project.bake('target "default" {\n tags = ["x.test/base:1"]\n output = ["type=oci,dest=o.tar"]\n}')
    with tarfile.open(project.path / "o.tar") as archive:
        names = archive.getnames()
    (project.path / "layout").mkdir()
    subprocess.run(["tar", "-xf", "o.tar", "-C", "layout"], cwd=project.path, check=True)
    assert "index.json" in names
    leaf = inline("FROM base AS work", "RUN echo $FROM_LAYOUT > /is", "FROM scratch", "COPY --from=work /is /")
    project.bake(
        f"""
        target "default" {{
          contexts = {{ base = "oci-layout://layout{tag}" }}
          dockerfile-inline = {leaf}
          output = ["out"]
        }}
        """
    )
    assert project.read("out/is") == "yes\n"


def test_a_cache_in_a_folder(project: Project) -> None:
    """What one daemon writes to a folder serves another; a folder without a cache yet is no fault."""
    project.write(Dockerfile=SHELL + "RUN echo cached > /x\n")
    hcl = 'target "default" {\n cache-from = ["type=local,src=c"]\n cache-to = ["type=local,dest=c,mode=max"]\n}'
    project.bake(hcl)
    (manifest,) = json.loads(project.read("c/index.json"))["manifests"]
    assert manifest["annotations"]["org.opencontainers.image.ref.name"] == "latest"
    with running_buildkitd() as daemon:
        project.address = daemon.endpoint.target.replace("unix:", "unix://")
        run = project.bake(hcl)
    assert "CACHED" in run.stderr


def test_what_builds_is_named_first(project: Project) -> None:
    """The first line is the reference's."""
    run = project.bake('target "default" {\n dockerfile-inline = "FROM scratch"\n output = ["type=cacheonly"]\n}')
    assert run.stderr.splitlines()[0] == f'#0 building with "{project.address}" instance using remote driver'


@pytest.mark.parametrize(("context", "status"), [(".", 0), ("sh", 1)])
@pytest.mark.parametrize("closed", [True, False], ids=["closed", "full"])
def test_the_status_is_the_builds_where_nothing_can_be_shown(
    project: Project, context: str, status: int, closed: bool
) -> None:
    """Standard error may be closed, or on a disk that is full."""
    hcl = f'target "default" {{\n dockerfile-inline = "FROM scratch"\n context = "{context}"\n output = ["out"]\n}}'
    where = "2>&-" if closed else "2>/dev/full"
    command = ["sh", "-c", f'exec "$@" {where}', "sh", *project.command(hcl)]
    done = subprocess.run(command, cwd=project.path, env=project.environ({}), timeout=60, check=False)
    assert done.returncode == status


def test_an_image_that_no_engine_takes_names_the_remedy(project: Project) -> None:
    """The builder is not at fault where there is no Docker Engine to load into."""
    project.write(Dockerfile="FROM scratch\nCOPY sh /\n")
    run = project.bake('target "default" {}', "--load", check=False, DOCKER_HOST=f"unix://{project.path}/none.sock")
    assert run.returncode == 1
    assert "none.sock does not answer" in run.stderr
    assert "set DOCKER_HOST or DOCKER_CONTEXT" in run.stderr
    assert "--builder" not in run.stderr

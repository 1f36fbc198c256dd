from __future__ import annotations

import base64
import hashlib
import json
import os
import random
import secrets
from pathlib import Path

import pytest

from bakepy.buildkit.client import Client
from bakepy.buildkit.proto import content_pb2
from bakepy.buildkit.requests import CacheEntry, Exporter, GatewayRequest, SolveRequest
from bakepy.buildkit.session.content import SMALL, Content, ImageLayout, Layout
from bakepy.buildkit.session.filesend import DirTarget, FileSend
from bakepy.buildkit.session.filesync import FileSync, LocalDir
from bakepy.buildkit.session.rpc import Code
from bakepy.buildkit.session.server import Session
from bakepy.diagnostics import BakeError
from bakepy.progress.events import Solve, SolveUpdate
from bakepy.transport.endpoint import Endpoint
from tests.buildkit.session.peer import Peer, PeerCall, connected

SERVICE = "/containerd.services.content.v1.Content/"
DATA = random.Random(1).randbytes(700_000)
"""The same in each process: tests are named after parts of it."""
DIGEST = f"sha256:{hashlib.sha256(DATA).hexdigest()}"


async def call(peer: Peer, method: str, *requests: bytes) -> tuple[PeerCall, list[bytes]]:
    found = await peer.call(SERVICE + method, [("buildkit-attachable-store-id", "s")])
    await found.send(*requests)
    await found.half_close()
    return found, await found.rest()


def write(action: str, data: bytes = b"", offset: int = 0, **more: object) -> bytes:
    request = content_pb2.WriteContentRequest(action=action, data=data, offset=offset, ref="r", **more)
    return request.SerializeToString()


def files(root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()]


def stored(path: Path) -> Layout:
    layout = Layout(path, writable=True)
    blob = layout.blob(DIGEST)
    blob.parent.mkdir(parents=True)
    blob.write_bytes(DATA)
    return layout


@pytest.mark.parametrize(
    ("offset", "size", "wanted"),
    [(0, 0, DATA), (5, 10, DATA[5:15]), (699_990, 100, DATA[-10:]), (700_000, 0, b""), (-3, 0, DATA)],
)
async def test_read(tmp_path: Path, offset: int, size: int, wanted: bytes) -> None:
    """Any range of a blob can be read; beyond its end there is nothing."""
    async with connected(Content({"s": stored(tmp_path)})) as peer:
        request = content_pb2.ReadContentRequest(digest=DIGEST, offset=offset, size=size)
        found, answers = await call(peer, "Read", request.SerializeToString())
    assert found.status == 0
    assert b"".join(content_pb2.ReadContentResponse.FromString(a).data for a in answers) == wanted


async def test_info(tmp_path: Path) -> None:
    """A blob's size is told."""
    async with connected(Content({"s": stored(tmp_path)})) as peer:
        _, answers = await call(peer, "Info", content_pb2.InfoRequest(digest=DIGEST).SerializeToString())
    info = content_pb2.InfoResponse.FromString(answers[0]).info
    assert (info.digest, info.size) == (DIGEST, len(DATA))


async def test_write(tmp_path: Path) -> None:
    """A blob that is written in pieces, restarted and committed is there; nothing else is."""
    layout = Layout(tmp_path / "new", writable=True)
    async with connected(Content({"s": layout})) as peer:
        found, answers = await call(
            peer,
            "Write",
            write("STAT", expected=DIGEST),
            write("WRITE", b"wrong"),
            write("WRITE", DATA[:400_000]),
            write("WRITE", DATA[400_000:], 400_000),
            write("COMMIT", offset=700_000, total=700_000, expected=DIGEST),
        )
    assert found.status == 0
    last = content_pb2.WriteContentResponse.FromString(answers[-1])
    assert (last.offset, last.digest) == (700_000, DIGEST)
    assert files(layout.path) == [f"blobs/sha256/{DIGEST[7:]}"]


@pytest.mark.parametrize(
    ("requests", "code"),
    [
        ([write("STAT", expected=DIGEST)], Code.ALREADY_EXISTS),
        ([write("STAT", expected="sha256:../../x")], Code.INVALID_ARGUMENT),
        ([write("WRITE", b"abc", 7)], Code.OUT_OF_RANGE),
        ([write("COMMIT", b"abc", total=4)], Code.FAILED_PRECONDITION),
        ([write("COMMIT", b"abc", expected="sha256:" + "0" * 64)], Code.FAILED_PRECONDITION),
        ([content_pb2.WriteContentRequest(data=b"x").SerializeToString()], Code.INVALID_ARGUMENT),
        ([write("WRITE", b"abc")], 0),
    ],
)
async def test_refused_and_torn_writes(tmp_path: Path, requests: list[bytes], code: int) -> None:
    """What is refused or breaks off leaves nothing behind."""
    layout = stored(tmp_path)
    async with connected(Content({"s": layout})) as peer:
        found, _ = await call(peer, "Write", *requests)
    assert found.status == code
    assert files(tmp_path) == [f"blobs/sha256/{DIGEST[7:]}"]
    assert not (tmp_path / "ingest").exists()


@pytest.mark.parametrize(
    ("method", "request_", "code"),
    [
        ("Info", content_pb2.InfoRequest(digest="sha256:" + "0" * 64), Code.NOT_FOUND),
        ("Info", content_pb2.InfoRequest(digest="sha256:../../../../etc/passwd"), Code.INVALID_ARGUMENT),
        ("Read", content_pb2.ReadContentRequest(digest="/etc/passwd"), Code.INVALID_ARGUMENT),
        ("Read", content_pb2.ReadContentRequest(digest=DIGEST, offset=700_001), Code.OUT_OF_RANGE),
        ("Write", content_pb2.WriteContentRequest(ref="r", data=b"x"), Code.PERMISSION_DENIED),
        ("Status", content_pb2.StatusRequest(ref="r"), Code.NOT_FOUND),
        ("Update", content_pb2.UpdateRequest(), Code.FAILED_PRECONDITION),
        ("Abort", content_pb2.AbortRequest(ref="r"), Code.OK),
    ],
)
async def test_other_answers(tmp_path: Path, method: str, request_: content_pb2.InfoRequest, code: Code) -> None:
    """Blobs that are not there, names that are no digests and writes to what is only read are refused."""
    layout = Layout(stored(tmp_path).path)
    async with connected(Content({"s": layout})) as peer:
        found, _ = await call(peer, method, request_.SerializeToString())
        other = await peer.call(SERVICE + method, [("buildkit-attachable-store-id", "other")])
        await other.send(request_.SerializeToString())
        await other.rest()
    assert found.status == code
    assert other.status == (Code.NOT_FOUND if method in {"Info", "Read", "Write", "Status"} else code)


@pytest.mark.parametrize("link", ["blobs", "blobs/sha256", f"blobs/sha256/{DIGEST[7:]}", "ingest", "index.json"])
async def test_links_out_of_a_layout(tmp_path: Path, link: str) -> None:
    """Where a layout's own folder or file is a link to elsewhere, nothing is read or written there."""
    outside = stored(tmp_path / "out").path
    (outside / "index.json").write_text('{"manifests": []}')
    place = tmp_path / "in" / link
    place.parent.mkdir(parents=True)
    place.symlink_to(outside / link)
    before = files(outside)
    code = Code.NOT_FOUND if link in {"ingest", "index.json"} else Code.PERMISSION_DENIED
    layout = Layout(tmp_path / "in", writable=True)
    async with connected(Content({"s": layout})) as peer:
        found, answers = await call(peer, "Read", content_pb2.ReadContentRequest(digest=DIGEST).SerializeToString())
        assert (found.status, answers) == (code, [])
        if not link.endswith((DIGEST[7:], "index.json")):
            found, _ = await call(peer, "Write", write("COMMIT", b"abc"))
            assert found.status == Code.PERMISSION_DENIED
    if link == "index.json":
        with pytest.raises(BakeError, match="leads out of"):
            layout.tag({"digest": DIGEST}, "t")
    assert files(outside) == before


async def test_links_within_a_layout(tmp_path: Path) -> None:
    """A link from one blob to another place of the same layout is followed."""
    layout = stored(tmp_path)
    layout.blob(DIGEST).rename(tmp_path / "elsewhere")
    layout.blob(DIGEST).symlink_to("../../elsewhere")
    async with connected(Content({"s": layout})) as peer:
        _, answers = await call(peer, "Info", content_pb2.InfoRequest(digest=DIGEST).SerializeToString())
    assert content_pb2.InfoResponse.FromString(answers[0]).info.size == len(DATA)


def test_index(tmp_path: Path) -> None:
    """Tags are entered, found, moved and kept; names of images are found too."""
    layout = Layout(tmp_path / "new", writable=True)
    layout.tag({"digest": "a", "size": 1}, "latest")
    layout.tag({"digest": "b", "size": 1, "annotations": {"x": "y"}}, "other")
    layout.tag({"digest": "c", "size": 1}, "latest")
    assert [layout.find(t) for t in ("latest", "other", "absent")] == ["c", "b", None]
    index = json.loads((layout.path / "index.json").read_text())
    assert [m["digest"] for m in index["manifests"]] == ["b", "c"]
    index["manifests"][0]["annotations"]["io.containerd.image.name"] = "latest"
    (layout.path / "index.json").write_text(json.dumps(index))
    assert layout.find("latest") == "b"
    assert json.loads((layout.path / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}


def test_names_of_images_with_one_tag_stay_apart(tmp_path: Path) -> None:
    """A tag is taken from the same name, or from an image without one."""
    layout = Layout(tmp_path, writable=True)
    layout.tag({"digest": "old"}, "1")
    for digest, name in (("a", "x/a:1"), ("b", "x/b:1"), ("c", "x/a:1")):
        layout.tag({"digest": digest}, "1", name)
    assert [image["digest"] for image in layout.images()] == ["b", "c"]
    assert (layout.find("x/a:1"), layout.find("1")) == ("c", "b")
    layout.tag({"digest": "cache"}, "latest")
    assert layout.tags() == ["1", "1", "latest"]


async def test_the_root_of_an_image_is_written_last(tmp_path: Path) -> None:
    """The last blob is the image's, be it new or there already."""
    stored(tmp_path)
    layout = ImageLayout(tmp_path)
    with pytest.raises(BakeError, match="wrote no image"):
        layout.image(None)
    manifest = b'{"mediaType": "some/type"}'
    async with connected(Content({"s": layout})) as peer:
        await call(peer, "Write", write("COMMIT", manifest))
        other = {"mediaType": "a/b", "digest": DIGEST, "size": len(DATA)}
        layout.enter(layout.image(other), {})
        await call(peer, "Write", write("STAT", expected=DIGEST))
        layout.enter(layout.image(other), {"x/a:1": "1"})
    digest = "sha256:" + hashlib.sha256(manifest).hexdigest()
    latest, named = layout.images()
    assert {key: latest[key] for key in ("mediaType", "digest", "size")} == {
        "mediaType": "some/type",
        "digest": digest,
        "size": len(manifest),
    }
    assert (named["digest"], named["size"], named["mediaType"]) == (DIGEST, len(DATA), "a/b")


async def test_an_image_of_another_size_than_answered_is_described_by_its_manifest(tmp_path: Path) -> None:
    """What an exporter answers does not come into the index unless it is true."""
    layout = ImageLayout(tmp_path)
    manifest = b'{"mediaType": "some/type"}'
    digest = "sha256:" + hashlib.sha256(manifest).hexdigest()
    async with connected(Content({"s": layout})) as peer:
        await call(peer, "Write", write("COMMIT", manifest))
    answered = {"mediaType": "a/b", "digest": digest, "size": 7}
    assert layout.image(answered) == {"mediaType": "some/type", "digest": digest, "size": len(manifest)}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"a layer", "is no manifest"),
        (b"[]", "is no manifest"),
        (b"[" * 300_000, "is no manifest"),
        (b" " * (SMALL + 1), "more than the 4 MiB"),
    ],
    ids=["text", "list", "deep", "large"],
)
async def test_an_image_without_a_manifest_is_refused(tmp_path: Path, data: bytes, words: str) -> None:
    """Whatever a daemon writes last, it is read within bounds and named."""
    layout = ImageLayout(tmp_path)
    async with connected(Content({"s": layout})) as peer:
        found, _ = await call(peer, "Write", write("COMMIT", data))
    assert found.status == 0
    with pytest.raises(BakeError, match=words):
        layout.image(None)


def test_what_a_layout_holds_is_checked(tmp_path: Path) -> None:
    """A blob that is missing or has another digest is not read."""
    layout = stored(tmp_path)
    assert layout.read(DIGEST) == DATA
    layout.blob(DIGEST).chmod(0o600)
    layout.blob(DIGEST).write_bytes(b"other")
    for digest, words in ((DIGEST, "another digest"), ("sha256:" + "0" * 64, "No such file"), ("x", "invalid digest")):
        with pytest.raises(BakeError, match=words):
            layout.read(digest)


class Swapped(Layout):
    """A layout in which a second process puts a link to elsewhere, just after paths were checked."""

    __slots__ = ("swap",)

    def own(self, path: Path) -> Path:
        found = super().own(path)
        if self.swap in path.relative_to(self.path).parts:
            (self.path / self.swap).symlink_to(self.path.parent / "outside")
        return found


@pytest.mark.parametrize("folder", ["ingest", "blobs"])
async def test_a_folder_swapped_for_a_link_is_not_followed(tmp_path: Path, folder: str) -> None:
    """Blobs are written within the layout, whatever happens between check and use."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "layout").mkdir()
    layout = Swapped(tmp_path / "layout", writable=True)
    layout.swap = folder
    async with connected(Content({"s": layout})) as peer:
        found, _ = await call(peer, "Write", write("COMMIT", b"abc"))
    assert found.status != 0
    assert not list((tmp_path / "outside").iterdir())


def test_a_layout_that_becomes_a_link_is_not_written(tmp_path: Path) -> None:
    """The index stays in the folder that the run began with."""
    layout = ImageLayout(tmp_path / "lay")
    (tmp_path / "outside").mkdir()
    layout.path.symlink_to(tmp_path / "outside")
    with pytest.raises(BakeError, match="leads out of"):
        layout.enter({"digest": DIGEST}, {})
    assert not list((tmp_path / "outside").iterdir())


@pytest.mark.parametrize("text", [None, "{", "[]", '{"manifests": 3}'])
def test_broken_index_is_named(tmp_path: Path, text: str | None) -> None:
    """An index that is absent or broken is named."""
    if text is not None:
        (tmp_path / "index.json").write_text(text)
    with pytest.raises(BakeError, match=r"Cannot read .*index\.json"):
        Layout(tmp_path).find("latest")


@pytest.mark.e2e
async def test_layouts_and_caches_with_a_daemon(endpoint: Endpoint, tmp_path: Path) -> None:
    """A result goes to a layout that the next build starts from, and a cache goes to a folder and is read again."""
    layout = Layout(tmp_path / "layout", writable=True)
    cache = Layout(tmp_path / "cache", writable=True)
    updates: list[SolveUpdate] = []

    async def build(
        dockerfile: str,
        attrs: dict[str, str],
        exporter: Exporter,
        stores: dict[str, Layout],
        **caches: tuple[CacheEntry, ...],
    ) -> dict[str, str]:
        context = tmp_path / secrets.token_hex(4)
        context.mkdir()
        (context / "Dockerfile").write_text(dockerfile)
        here = LocalDir(context)
        services = [FileSync({"context": here, "dockerfile": here}), FileSend({0: DirTarget(tmp_path / "out")})]
        session = Session([*services, Content(stores)])
        ref = secrets.token_hex(12)
        request = SolveRequest(ref, session.id, exporters=(exporter,), **caches)
        async with (
            Client.connect(endpoint) as client,
            client.session(session),
            client.build(request, Solve(ref, ("t",)), updates.append) as job,
        ):
            return dict(await job.finish(await job.solve(GatewayRequest({"filename": "Dockerfile", **attrs}))))

    export = CacheEntry("local", {"dest": str(cache.path), "mode": "max"})
    stores = {"export": layout, f"local:{cache.path}": cache}
    answer = await build(
        "FROM scratch\nCOPY Dockerfile /first\n", {}, Exporter("oci", {"tar": "false"}), stores, cache_exports=(export,)
    )
    descriptor = json.loads(base64.b64decode(answer["containerimage.descriptor"]))
    layout.tag(descriptor, "latest")
    cache.tag(json.loads(answer["cache.manifest"]), "latest")
    digest = layout.find("latest")
    assert digest == descriptor["digest"]

    source = {"src": str(cache.path), "digest": cache.find("latest") or ""}
    entries = [{"Type": "local", "Attrs": source}]
    attrs = {
        "context:base": f"oci-layout://base@{digest}",
        "frontend.caps": "moby.buildkit.frontend.contexts+forward",
        "cache-imports": json.dumps(entries),
    }
    stores = {"oci:base": Layout(layout.path), f"local:{cache.path}": Layout(cache.path)}
    await build("FROM base\nCOPY Dockerfile /second\n", attrs, Exporter("local"), stores)
    assert sorted(os.listdir(tmp_path / "out")) == ["first", "second"]
    imports = [v for u in updates for v in u.vertices if v.name.startswith("importing cache manifest") and v.completed]
    assert imports
    assert not any(v.error for v in imports)

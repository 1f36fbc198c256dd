"""Serve OCI layouts to the daemon as containerd's content API.

They are `oci-layout://` contexts, caches of type `local`, and the images that exporters write with `tar=false`.

A layout is a folder with `index.json`, `oci-layout` and `blobs/<algorithm>/<hex>`. Blobs are checked against their
digest before they get their name.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from bakepy.buildkit.errors import decoding
from bakepy.buildkit.proto import content_pb2
from bakepy.buildkit.session.fixed import enter, open_folder
from bakepy.buildkit.session.rpc import Call, Code, Handler, RpcError
from bakepy.diagnostics import BakeError
from bakepy.files import open_regular, read_file
from bakepy.records import Record

CHUNK = 256 << 10
INGEST = "ingest"
"""The folder of a layout in which blobs are written."""
SMALL = 4 << 20
"""The most bytes of a manifest, as the OCI distribution specification has it."""
_SERVICE = "/containerd.services.content.v1.Content/"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}")
_NAME = "io.containerd.image.name"
_TAG = "org.opencontainers.image.ref.name"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"

Descriptor = dict[str, Any]
"""A descriptor of the OCI image specification, as JSON."""


def read_descriptor(text: str | bytes, builder: str) -> Descriptor:
    """Return the descriptor that a builder answers with; raises BrokenAnswer."""
    with decoding("a descriptor", builder):
        found = json.loads(text)
        if not isinstance(found, dict) or not _DIGEST.fullmatch(found["digest"]):
            raise ValueError("it names no digest")
        media_type, size = found["mediaType"], found["size"]
        if not isinstance(media_type, str) or type(size) is not int or not 0 <= size < 1 << 63:
            raise ValueError("its media type or size is impossible")
        json.dumps(found, allow_nan=False)  # what cannot be written: too deep, or no number of JSON's
        return found


def check_digest(text: str, builder: str) -> None:
    """Check a digest that a builder answers with; raises BrokenAnswer."""
    with decoding("a digest", builder):
        if not _DIGEST.fullmatch(text):
            raise ValueError(text[:80])


class Layout(Record):
    """Name the folder of an OCI layout; a writable one is made when the first blob comes.

    `real` is the path that it must resolve to, by default the one that it resolves to now.
    """

    __slots__ = ("path", "real", "writable")

    def __init__(self, path: Path, real: str = "", writable: bool = False) -> None:
        self.path: Final = path
        self.real: Final = real or os.path.realpath(path)
        self.writable: Final = writable

    def blob(self, digest: str) -> Path:
        """Return where a blob lies or will lie.

        Raises RpcError for what is no digest, and where a link leads out of the layout.
        """
        if not _DIGEST.fullmatch(digest):
            raise RpcError(Code.INVALID_ARGUMENT, f'invalid digest "{digest}"')
        algorithm, _, encoded = digest.partition(":")
        return self.own(self.path / "blobs" / algorithm / encoded)

    def own(self, path: Path) -> Path:
        """Return a path below the layout; raises RpcError where a link leads out of it, to what nobody granted."""
        if os.path.commonpath([self.real, os.path.realpath(path)]) != self.real:
            raise RpcError(Code.PERMISSION_DENIED, f"{path} is a link that leads out of {self.path}")
        return path

    @contextlib.contextmanager
    def folder(self, *names: str) -> Iterator[int]:
        """Open a folder of the layout, made where it is missing, with no link on the way; raises BakeError, OSError."""
        with contextlib.ExitStack() as opened:
            fd = open_folder(self.path, self.real)
            opened.callback(os.close, fd)
            for name in names:
                fd = enter(fd, name)
                opened.callback(os.close, fd)
            yield fd

    def holds(self, descriptor: Descriptor) -> bool:
        """Return whether the layout has the blob of a descriptor in the size that it names."""
        try:
            found = os.stat(self.blob(descriptor["digest"]))
        except (OSError, RpcError):
            return False
        return stat.S_ISREG(found.st_mode) and found.st_size == descriptor["size"]

    def find(self, tag: str) -> str | None:
        """Return the digest that `index.json` has for a name or tag, None where there is none.

        Raises BakeError where the index cannot be read.
        """
        for annotation in (_NAME, _TAG):
            for image in self.images():
                if _annotations(image).get(annotation) == tag:
                    return str(image["digest"])
        return None

    def images(self) -> list[Descriptor]:
        """Return the descriptors that `index.json` lists; raises BakeError where it cannot be read."""
        return list(self._index()["manifests"])

    def tags(self) -> list[str]:
        """Return the tags that `index.json` lists; raises BakeError where it cannot be read."""
        return [tag for image in self.images() if (tag := str(_annotations(image).get(_TAG, "")))]

    def tag(self, descriptor: Descriptor, tag: str, name: str = "") -> None:
        """Enter a manifest into `index.json` under a tag, which is taken from another that has it.

        `name` is the image's whole name; images of different names may have the same tag. Raises BakeError where the
        index cannot be read, and OSError where it cannot be written.
        """
        index = self._index(new=True)
        others = [m for m in index["manifests"] if not _replaced(m, descriptor, tag, name)]
        annotations = _annotations(descriptor) | {_TAG: tag} | ({_NAME: name} if name else {})
        index |= {"schemaVersion": 2, "mediaType": index.get("mediaType") or _INDEX}
        index["manifests"] = [*others, descriptor | {"annotations": annotations}]
        with self.folder() as folder:
            _write(folder, "oci-layout", json.dumps({"imageLayoutVersion": "1.0.0"}).encode())
            _write(folder, "index.json", json.dumps(index).encode())

    def wrote(self, digest: str) -> None:
        """Note that the daemon has written a blob, or would have if it were not there."""

    def read(self, digest: str) -> bytes:
        """Return a manifest or another small blob; raises BakeError where it is missing, large or corrupt."""
        try:
            data = read_file(self.blob(digest), SMALL)
        except (OSError, RpcError) as error:
            reason = error.message if isinstance(error, RpcError) else error.strerror
            raise BakeError.of(f"Cannot read {digest} in {self.path}", f"{reason}.") from error
        algorithm, _, encoded = digest.partition(":")
        if hashlib.new(algorithm, data).hexdigest() != encoded:
            raise BakeError.of(f"Cannot read {digest} in {self.path}", "The file has another digest.")
        return data

    def _index(self, *, new: bool = False) -> dict[str, Any]:
        """Return `index.json`; with `new`, an empty index if the file is missing."""
        path = self.path / "index.json"
        try:
            self.own(path)
        except RpcError as error:
            raise BakeError.of(f"Cannot read {path}", f"{error.message}.") from None
        if new and not os.path.lexists(path):
            return {"manifests": []}
        try:
            index = json.loads(read_file(path))
            if not isinstance(index, dict) or not _are_descriptors(index.setdefault("manifests", [])):
                raise ValueError("it is no image index")
        except (OSError, ValueError, RecursionError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise BakeError.of(f"Cannot read {path}", f"{reason}.") from error
        return index


class ImageLayout(Layout):
    """A layout to which one exporter writes an image."""

    __slots__ = ("root",)

    def __init__(self, path: Path, real: str = "") -> None:
        super().__init__(path, real, writable=True)
        self.root = ""
        """The image's digest: the daemon writes a manifest after all that it names."""

    def wrote(self, digest: str) -> None:
        """Take the last blob for the image."""
        self.root = digest

    def image(self, answered: Descriptor | None) -> Descriptor:
        """Return the image's descriptor; raises BakeError if there is no image.

        `answered` is what an exporter answered, which may be about another image of the same build.
        """
        if not self.root:
            raise BakeError.of(f"The builder wrote no image to {self.path}")
        if answered and answered["digest"] == self.root and self.holds(answered):
            return answered
        data = self.read(self.root)
        try:
            media_type = str(json.loads(data).get("mediaType", _MANIFEST))
        except (ValueError, AttributeError, RecursionError):
            raise BakeError.of(f"The builder wrote no image to {self.path}", f"{self.root} is no manifest.") from None
        return {"mediaType": media_type, "digest": self.root, "size": len(data)}

    def put(self, media_type: str, data: bytes) -> Descriptor:
        """Write a manifest and return its descriptor."""
        encoded = hashlib.sha256(data).hexdigest()
        with self.folder("blobs", "sha256") as folder:
            _write(folder, encoded, data)
        return {"mediaType": media_type, "digest": f"sha256:{encoded}", "size": len(data)}

    def enter(self, image: Descriptor, names: Mapping[str, str]) -> None:
        """Enter an image into `index.json` under names, each with its tag; without any, as `latest`.

        Raises BakeError where the index cannot be read.
        """
        for name, tag in (names or {"": "latest"}).items():
            self.tag(image, tag, name)


def _are_descriptors(manifests: object) -> bool:
    return isinstance(manifests, list) and all(isinstance(m, dict) and "digest" in m for m in manifests)


def _annotations(descriptor: Descriptor) -> dict[str, str]:
    found = descriptor.get("annotations")
    return found if isinstance(found, dict) else {}


def _replaced(manifest: Descriptor, by: Descriptor, tag: str, name: str) -> bool:
    """Return whether an index entry is replaced: it has the tag and no other name, or no tag and the same digest."""
    annotations = _annotations(manifest)
    if found := annotations.get(_TAG):
        return found == tag and annotations.get(_NAME, name) == name
    return manifest.get("digest") == by.get("digest")


def _create(folder: int, name: str, mode: int = 0o666) -> int:
    return os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=folder)


def _write(folder: int, name: str, data: bytes) -> None:
    """Write a file that appears whole."""
    temporary = f".{name[:32]}.{secrets.token_hex(4)}.tmp"
    with open(_create(folder, temporary), "wb") as file:
        try:
            file.write(data)
            file.flush()
            os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(temporary, dir_fd=folder)
            raise


class Content:
    """Serve layouts by the daemon's name for them: `oci:<id>`, or `local:<folder>` as in the cache's attributes."""

    def __init__(self, layouts: Mapping[str, Layout]) -> None:
        self._layouts = layouts

    def handlers(self) -> Mapping[str, Handler]:
        """Return the handlers of the methods that BuildKit calls."""
        methods = {"Info": self._info, "Read": self._read, "Write": self._write, "Status": self._status}
        methods |= {"Update": self._update, "Abort": self._abort}
        return {_SERVICE + name: handler for name, handler in methods.items()}

    def _layout(self, call: Call) -> Layout:
        name = call.metadata.get("buildkit-attachable-store-id", [""])[0]
        if (layout := self._layouts.get(name)) is None:
            raise RpcError(Code.NOT_FOUND, f"unknown store {name}")
        return layout

    async def _info(self, call: Call) -> None:
        request = content_pb2.InfoRequest.FromString(await call.receive() or b"")
        with _faults(request.digest):
            found = self._layout(call).blob(request.digest).stat()
        info = content_pb2.Info(digest=request.digest, size=found.st_size)
        info.created_at.FromNanoseconds(found.st_mtime_ns)
        info.updated_at.FromNanoseconds(found.st_mtime_ns)
        await call.send(content_pb2.InfoResponse(info=info).SerializeToString())

    async def _read(self, call: Call) -> None:
        request = content_pb2.ReadContentRequest.FromString(await call.receive() or b"")
        with _faults(request.digest):
            file = open_regular(self._layout(call).blob(request.digest))
            try:
                await self._send_range(call, file, max(request.offset, 0), request.size)
            finally:
                os.close(file)

    async def _send_range(self, call: Call, file: int, offset: int, size: int) -> None:
        total = os.fstat(file).st_size
        if offset > total:
            raise RpcError(Code.OUT_OF_RANGE, f"read past object length {total} bytes")
        end = min(total, offset + size) if size > 0 else total
        while offset < end and (data := os.pread(file, min(CHUNK, end - offset), offset)):
            await call.send(content_pb2.ReadContentResponse(offset=offset, data=data).SerializeToString())
            offset += len(data)

    async def _write(self, call: Call) -> None:
        layout = self._layout(call)
        if not layout.writable:
            raise RpcError(Code.PERMISSION_DENIED, f"{layout.path} is only read")
        blob: _Blob | None = None
        try:
            while (message := await call.receive()) is not None:
                request = content_pb2.WriteContentRequest.FromString(message)
                if request.expected and layout.blob(request.expected).exists():
                    layout.wrote(request.expected)
                    raise RpcError(Code.ALREADY_EXISTS, f"blob with expected digest {request.expected} exists")
                with _faults(request.ref):
                    blob = blob or _Blob(layout, request)
                    answer = blob.take(request)
                await call.send(answer.SerializeToString())
                if request.action == content_pb2.COMMIT:
                    layout.wrote(answer.digest)
                    return
        finally:
            if blob:
                blob.close()

    async def _status(self, call: Call) -> None:
        request = content_pb2.StatusRequest.FromString(await call.receive() or b"")
        raise RpcError(Code.NOT_FOUND, f"no write of {request.ref} to go on with")

    async def _update(self, call: Call) -> None:
        await call.receive()
        raise RpcError(Code.FAILED_PRECONDITION, "a layout keeps no labels")

    async def _abort(self, call: Call) -> None:
        await call.receive()  # what a write has left is removed when its call ends
        await call.send(b"")


@contextlib.contextmanager
def _faults(what: str) -> Iterator[None]:
    """Translate the faults of files."""
    try:
        yield
    except FileNotFoundError as error:
        raise RpcError(Code.NOT_FOUND, f"content {what}: not found") from error
    except BakeError as error:
        raise RpcError(Code.PERMISSION_DENIED, str(error)) from error
    except OSError as error:
        raise RpcError(Code.UNKNOWN, f"content {what}: {(error.strerror or 'input/output error').lower()}") from error


class _Blob:
    """Be a blob that is being written, beside the others and under a name of its own."""

    def __init__(self, layout: Layout, first: content_pb2.WriteContentRequest) -> None:
        if not first.ref:
            raise RpcError(Code.INVALID_ARGUMENT, "first message must have a reference")
        layout.own(layout.path / INGEST)
        self._layout = layout
        self._name = secrets.token_hex(8)
        with layout.folder(INGEST) as folder:
            self._file = open(_create(folder, self._name), "wb")  # noqa: SIM115 - closed by close()
        self._committed = False
        self._expected, self._total = first.expected, first.total
        self._hash = hashlib.new((first.expected or "sha256").partition(":")[0])
        self._offset = 0

    def take(self, request: content_pb2.WriteContentRequest) -> content_pb2.WriteContentResponse:
        """Do what a request asks for and return the answer."""
        self._expected = request.expected or self._expected
        self._total = request.total or self._total
        answer = content_pb2.WriteContentResponse(action=request.action, total=self._total)
        if request.action != content_pb2.STAT:
            if request.offset != self._offset and request.offset:
                fault = f"write @{request.offset} must occur at current offset {self._offset}"
                raise RpcError(Code.OUT_OF_RANGE, fault)
            if not request.offset and self._offset:
                self._restart()
            self._file.write(request.data)
            self._hash.update(request.data)
            self._offset += len(request.data)
        if request.action == content_pb2.COMMIT:
            self._commit()
        answer.offset = self._offset
        answer.digest = self._digest
        return answer

    @property
    def _digest(self) -> str:
        return f"{self._hash.name}:{self._hash.hexdigest()}"

    def _restart(self) -> None:
        self._file.seek(0)
        self._file.truncate()
        self._hash = hashlib.new(self._hash.name)
        self._offset = 0

    def _commit(self) -> None:
        if self._total and self._total != self._offset:
            fault = f"unexpected commit size {self._offset}, expected {self._total}"
            raise RpcError(Code.FAILED_PRECONDITION, fault)
        if self._expected and self._expected != self._digest:
            fault = f"unexpected commit digest {self._digest}, expected {self._expected}"
            raise RpcError(Code.FAILED_PRECONDITION, fault)
        self._layout.blob(self._digest)
        os.fchmod(self._file.fileno(), 0o444)
        self._file.close()
        algorithm, _, encoded = self._digest.partition(":")
        with self._layout.folder(INGEST) as folder, self._layout.folder("blobs", algorithm) as blobs:
            os.replace(self._name, encoded, src_dir_fd=folder, dst_dir_fd=blobs)
        self._committed = True

    def close(self) -> None:
        """Remove what was not committed, and the folder where nothing else is under way."""
        with contextlib.suppress(OSError, BakeError):
            self._file.close()
        with contextlib.suppress(OSError, BakeError), self._layout.folder() as root:
            if not self._committed:
                with self._layout.folder(INGEST) as folder:
                    os.unlink(self._name, dir_fd=folder)
            os.rmdir(INGEST, dir_fd=root)

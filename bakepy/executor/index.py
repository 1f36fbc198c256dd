"""Join what several nodes built of one image into one index: their manifests and attestations, and nothing new."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from bakepy.booleans import TRUE
from bakepy.builders.registries import Access
from bakepy.buildkit.errors import decoding
from bakepy.diagnostics import BakeError
from bakepy.executor.outcome import DESCRIPTOR, DIGEST
from bakepy.executor.registry import DOCKER_INDEX, INDEX, Reference, Registry
from bakepy.planner.spec import Export
from bakepy.platforms import Platform
from bakepy.records import Record

if TYPE_CHECKING:
    from bakepy.buildkit.session.content import Layout
    from bakepy.buildkit.session.credentials import Credentials

NAME = "image.name"
DOCKER = "application/vnd.docker."
ORDER = ("mediaType", "digest", "size", "urls", "annotations", "data", "platform", "artifactType")
"""The fields of a descriptor as the OCI image specification lists them, so that equal indexes are equal bytes."""
INDEX_ANNOTATION = re.compile(r"annotation-index\.(\S+)")

Json = Mapping[str, "Json"] | Sequence["Json"] | str | int | float | bool | None
Descriptor = dict[str, Json]


class Part(Record):
    """Hold what one node pushed: its descriptor and the bytes that this names.

    A single manifest comes with the platform that its configuration names; in an index each has its own.
    """

    __slots__ = ("descriptor", "data", "platform")

    def __init__(self, descriptor: Mapping[str, Json], data: bytes, platform: Mapping[str, Json] | None = None) -> None:
        self.descriptor: Final = descriptor
        self.data: Final = data
        self.platform: Final = platform


def combine(parts: Sequence[Part], annotations: Mapping[str, str]) -> tuple[str, bytes]:
    """Return the media type and the bytes of the index of all parts; `annotations` are the index's own."""
    found: dict[str, Descriptor] = {}
    for part in parts:
        for descriptor in _manifests(part):
            known = found.setdefault(str(descriptor["digest"]), descriptor)
            if known is not descriptor:
                known.update(_merged(known, descriptor))
    kinds = {str(d.get("mediaType", "")).startswith(DOCKER) for d in found.values()}
    media_type = DOCKER_INDEX if kinds == {True} else INDEX
    index: dict[str, Json] = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "manifests": [{k: d[k] for k in ORDER if k in d} for d in found.values()],
    }
    if annotations and media_type == INDEX:
        index["annotations"] = dict(sorted(annotations.items()))
    text = json.dumps(index, indent=2, ensure_ascii=False)
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return media_type, text.encode()


def _manifests(part: Part) -> list[Descriptor]:
    if part.descriptor["mediaType"] in {INDEX, DOCKER_INDEX}:
        return [dict(d) for d in json.loads(part.data)["manifests"]]
    own: Descriptor = {k: v for k, v in part.descriptor.items() if k != "annotations"}
    return [own | ({"platform": part.platform} if part.platform else {})]


def _merged(one: Mapping[str, Json], other: Mapping[str, Json]) -> Descriptor:
    notes = {**_object(one.get("annotations")), **_object(other.get("annotations"))}
    return {**one, **other, **({"annotations": dict(sorted(notes.items()))} if notes else {})}


def _object(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}


def index_annotations(export: Export) -> dict[str, str]:
    """Return the annotations that an export sets on the index itself."""
    return {m[1]: value for key, value in export.attrs if (m := INDEX_ANNOTATION.fullmatch(key))}


def join(
    export: Export,
    responses: Sequence[Mapping[str, str]],
    credentials: Mapping[str, Credentials],
    roads: Mapping[str, Access],
) -> dict[str, str]:
    """Push the index of what nodes pushed, under all names of an export, and return what an exporter would answer.

    `responses` are the nodes' exporters' answers; `credentials` and `roads`, which say how a registry is reached, go by
    the registry's domain. Blocks; raises RegistryError.
    """
    images = [Reference.parse(name) for name in export.names]
    if export.attr("registry.insecure") in TRUE:
        roads = dict.fromkeys(roads, Access(http=True, insecure=True))
    registries = {
        image: Registry(image, credentials[image.domain], roads[image.domain]) for image in dict.fromkeys(images)
    }
    source = registries[images[0]]
    with decoding("a manifest", images[0].domain, "registry"):
        media_type, data = combine([_part(source, response) for response in responses], index_annotations(export))
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    untagged = export.attr("push-by-digest") in TRUE
    for image, registry in registries.items():
        registry.put(digest if untagged else image.tag, media_type, data)
    descriptor: Descriptor = {"mediaType": media_type, "digest": digest, "size": len(data)}
    names = (str(image).rpartition(":")[0] if untagged else str(image) for image in registries)
    return _answer(descriptor, names)


class _Blobs(Protocol):
    """Read the manifests and other blobs of an image's parts."""

    def manifest(self, digest: str) -> bytes: ...

    def blob(self, digest: str) -> bytes: ...


class _Folder:
    """Read them from an OCI layout."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def manifest(self, digest: str) -> bytes:
        return self.blob(digest)

    def blob(self, digest: str) -> bytes:
        return self._layout.read(digest)


def join_in_layout(export: Export, responses: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Write the index of what nodes wrote to an OCI layout, and return what an exporter would answer.

    Raises BakeError, and RpcError for links that lead out of the layout.
    """
    from bakepy.buildkit.session.content import ImageLayout
    from bakepy.executor.layouts import enter

    layout = ImageLayout(Path(export.dest))
    try:
        with decoding("a manifest", export.dest, "layout"):
            parts = [_part(_Folder(layout), response) for response in responses]
            media_type, index = combine(parts, index_annotations(export))
        image = layout.put(media_type, index)
    except OSError as error:
        raise BakeError.of(f"Cannot write {export.dest}", f"{error.strerror or 'input/output error'}.") from error
    names = enter(layout, image, export.names)
    return _answer(image, names)


def _answer(image: Mapping[str, Json], names: Iterable[str]) -> dict[str, str]:
    found = {DIGEST: str(image["digest"]), DESCRIPTOR: b64encode(json.dumps(image).encode()).decode()}
    return found | ({NAME: text} if (text := ",".join(names)) else {})


def _part(source: _Blobs, response: Mapping[str, str]) -> Part:
    descriptor: Mapping[str, Json]
    if DESCRIPTOR in response:
        descriptor = json.loads(b64decode(response[DESCRIPTOR]))
        data = source.manifest(str(descriptor["digest"]))
    elif DIGEST in response:
        # BuildKits before 0.9 tell no more.
        data = source.manifest(response[DIGEST])
        kind = json.loads(data).get("mediaType", INDEX)
        descriptor = {"mediaType": kind, "digest": response[DIGEST], "size": len(data)}
    else:
        raise BakeError.of("a node pushed its part of the image, and did not tell what")
    if descriptor["mediaType"] in {INDEX, DOCKER_INDEX}:
        return Part(descriptor, data)
    config = json.loads(source.blob(json.loads(data)["config"]["digest"]))
    return Part(descriptor, data, _platform(config))


def _platform(config: Mapping[str, Json]) -> dict[str, Json]:
    """Return the platform that an image's configuration names, as a descriptor has it."""
    system, architecture, variant = (str(config.get(key) or "") for key in ("os", "architecture", "variant"))
    named = Platform(system, architecture, variant).normalised()
    fields: dict[str, Json] = {
        "architecture": named.architecture,
        "os": named.os,
        "os.version": config.get("os.version"),
        "os.features": config.get("os.features"),
        "variant": named.variant,
    }
    return {key: value for key, value in fields.items() if value}

"""Options of outputs, caches, attestations and secrets that have no effect: BuildKit ignores those it does not know."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from bakepy.diagnostics import Diagnostic, Severity, nearest
from bakepy.model.attest import Attest
from bakepy.model.cache import CacheEntry
from bakepy.model.export import Export
from bakepy.model.target import Target
from bakepy.model.text import quote
from bakepy.planner.config import Config
from bakepy.planner.places import related

COMPRESSION = {"compression", "compression-level", "force-compression"}
IMAGE = COMPRESSION | {
    *("name", "push", "push-by-digest", "registry.insecure", "unpack", "store", "oci-mediatypes", "oci-artifact"),
    *("dangling-name-prefix", "danging-name-empty-only", "name-canonical", "attestation-inline"),
    *("prefer-nondist-layers", "rewrite-timestamp", "source-date-epoch"),
    *("buildinfo", "buildinfo-attrs", "prefer-image-digest"),  # of older BuildKits, and of Docker Engines
}
FOLDER = {"src", "platform-split", "attestation-prefix", "source-date-epoch"}
OUTPUTS = {
    "image": IMAGE,
    "registry": IMAGE,
    "docker": IMAGE | {"dest", "tar", "context"},
    "oci": IMAGE | {"dest", "tar"},
    "local": FOLDER | {"dest", "mode"},
    "tar": FOLDER | {"dest"},
    "cacheonly": set[str](),
}
"""The options of each type of output; `annotation…` of images besides."""

S3 = {
    *("bucket", "region", "prefix", "name", "manifests_prefix", "blobs_prefix", "touch_refresh", "endpoint_url"),
    *("access_key_id", "secret_access_key", "session_token", "use_path_style", "upload_parallelism"),
    *("disable_accept_encoding", "retry_mode", "retry_max_attempts"),
}
AZURE = {
    *("secret_access_key", "account_name", "account_url", "prefix", "manifests_prefix", "blobs_prefix", "name"),
    "container",
}
GITHUB = {"scope", "timeout", "token", "url", "url_v2", "repository", "ghtoken", "version"}
CACHE_FROM = {
    "registry": {"ref", "registry.insecure"},
    "local": {"src", "digest", "tag"},
    "gha": GITHUB,
    "s3": S3,
    "azblob": AZURE,
}
SENT = COMPRESSION | {"mode", "ignore-error"}
MANIFEST = {"image-manifest", "oci-mediatypes"}
CACHE_TO = {
    "registry": SENT | MANIFEST | {"ref", "registry.insecure"},
    "local": SENT | MANIFEST | {"dest", "tag"},
    "gha": SENT | GITHUB,
    "s3": SENT | S3,
    "azblob": SENT | AZURE,
    "inline": {"ignore-error"},
}
PROVENANCE = {
    *("mode", "reproducible", "capture-usage", "complete-materials", "builder-id", "inline-only", "filename"),
    "version",
}
ATTESTS = {"provenance": PROVENANCE}
"""A generator of bills of materials has its own options."""

MODES = ("min", "max")


def ineffective(config: Config, names: Iterable[str]) -> list[Diagnostic]:
    """Return a warning for each option of the named targets that has no effect; those that are shared count once."""
    found: dict[str, Diagnostic] = {}
    for name in names:
        for attribute, text, detail, hint in _of(config.targets[name]):
            if detail not in found:
                places = related(config.definition, name, attribute, text)
                found[detail] = Diagnostic(
                    "No effect",
                    detail,
                    places[0][1] if places else None,
                    hint=hint,
                    severity=Severity.WARNING,
                    related=places[1:],
                )
    return list(found.values())


Found = tuple[str, str, str, str]
"""An attribute, its entry, what has no effect and the hint."""


def _of(target: Target) -> Iterator[Found]:
    for export in target.output or ():
        given = [key for key in export.attrs if not key.startswith("annotation")] + (["dest"] if export.dest else [])
        yield from _unknown("output", export, given, OUTPUTS)
    for attribute, caches, types in (
        ("cache-from", target.cache_from, CACHE_FROM),
        ("cache-to", target.cache_to, CACHE_TO),
    ):
        for cache in caches or ():
            yield from _unknown(attribute, cache, cache.attrs, types)
    for cache in target.cache_to or ():
        mode = cache.attrs.get("mode", "")
        if mode and mode not in MODES and cache.type != "inline":
            detail = f"BuildKit ignores the mode {quote(mode)} of cache-to."
            yield "cache-to", str(cache), detail, "Write mode=min or mode=max."
    for attest in target.attest or ():
        yield from _unknown("attest", attest, attest.attrs, ATTESTS)
    if target.call and "," in target.call:
        detail = f"Of the call {quote(target.call)}, only the name counts."
        yield "call", target.call, detail, "Pass its format or ignorestatus with --call."
    for secret in target.secret or ():
        if secret.src and secret.env:
            detail = f"Secret {quote(secret.id)} is read from its variable, and not from the file {quote(secret.src)}."
            yield "secret", str(secret), detail, "Remove src or env."


def _unknown(
    attribute: str, entry: Attest | CacheEntry | Export, given: Iterable[str], types: Mapping[str, Collection[str]]
) -> Iterator[Found]:
    """Yield the options that an entry's type does not have; other types are the engine's to know."""
    if entry.type not in types:
        return
    known = types[entry.type]
    for key in sorted(given):
        if key not in known:
            near = nearest(key, sorted(known))
            hint = f"Did you mean {near}?" if near else f"Remove {key}."
            yield attribute, str(entry), f"{attribute} of type {quote(entry.type)} has no option {quote(key)}.", hint

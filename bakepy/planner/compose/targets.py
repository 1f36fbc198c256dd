"""From the services of Compose files to targets: each service with a build is one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from bakepy.diagnostics import nearest
from bakepy.model.attest import Attest
from bakepy.model.cache import CacheEntry
from bakepy.model.export import Export
from bakepy.model.rules import append_by_id, append_distinct
from bakepy.model.secret import Secret
from bakepy.model.ssh import Ssh
from bakepy.model.target import Target
from bakepy.model.text import EntryError, quote
from bakepy.planner.compose.booleans import OUTDATED
from bakepy.planner.compose.document import shown
from bakepy.planner.compose.faults import Fault, PathError
from bakepy.planner.compose.project import environment_of, mapping
from bakepy.planner.compose.schema import EXTENSION
from bakepy.planner.quantities import QuantityError, size, ulimit

Model = dict[str, Any]


def check_consistency(model: Model) -> None:
    """Raise PathError where services and secrets do not fit together."""
    if faults := list(_inconsistencies(model)):
        raise PathError(faults)


def _inconsistencies(model: Model) -> Iterator[Fault]:
    services, secrets = model.get("services", {}), model.get("secrets") or {}
    for name, service in services.items():
        build = service.get("build")
        if build is None and not service.get("image"):
            what = "has neither an image nor a build context specified: invalid compose project"
            hint = f"Give it one, as in {name}: {{build: .}}."
            yield Fault(("services", name), f"service {quote(name)} {what}", hint, on_key=True)
        if build is not None:
            for fault in _build_faults(build, services, secrets):
                path = ("services", name, "build", *fault.path)
                yield fault._replace(path=path, message=f"service {quote(name)} {fault.message}")
    for name, secret in secrets.items():
        fields = secret or {}
        if not fields.get("external") and not fields.get("file") and not fields.get("environment"):
            message = f"secret {quote(name)} must declare either `file` or `environment`: invalid compose project"
            yield Fault(("secrets", name), message, f"Write for instance {name}: {{file: {name}.txt}}.", on_key=True)


def _build_faults(build: Model, services: Model, secrets: Model) -> Iterator[Fault]:
    if build.get("dockerfile") and build.get("dockerfile_inline"):
        message = "declares mutualy exclusive dockerfile and dockerfile_inline: invalid compose project"
        yield Fault(("dockerfile_inline",), message, "Remove one of them.", on_key=True)
    for key, value in mapping(build.get("additional_contexts")).items():
        if value and value.startswith("service:"):
            other = value.removeprefix("service:")
            what = "unknown" if other not in services else "non-buildable" if "build" not in services[other] else ""
            if what:
                hint = _near(other, [name for name, service in services.items() if "build" in service])
                message = f"declares {what} service {quote(other)} as additional contexts {key}"
                yield Fault(("additional_contexts", key), message, hint)
    for i, secret in enumerate(build.get("secrets") or ()):
        source = secret.get("source", "")
        if source not in secrets:
            hint = _near(source, secrets) or f"Declare it: secrets: {{{source}: {{file: {source}.txt}}}}."
            message = f"refers to undefined build secret {source}: invalid compose project"
            yield Fault(("secrets", i, "source"), message, hint, str(source))


def _near(name: str, known: Iterable[str]) -> str:
    near = nearest(name, known)
    return f"Did you mean '{near}'?" if near else ""


class _At:
    """Give the faults of a block that reads an entry of a build the entry's path; `text` is what is read."""

    __slots__ = ("_path", "_text")

    def __init__(self, *path: str | int, text: str = "") -> None:
        self._path = path
        self._text = text

    def __enter__(self) -> None:
        """Enter the block."""

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """Raise PathError in place of an entry's fault."""
        if isinstance(error, EntryError | QuantityError):
            raise PathError.at(("build", *self._path), str(error), text=self._text) from None


def _parsed(kind: Any, texts: Iterable[str], *path: str) -> list[Any]:
    """Return the entries that texts stand for."""
    out = []
    for i, text in enumerate(texts):
        with _At(*path, i, text=text):
            out += kind.parse(text)
    return out


def target_of(name: str, service: Model, secrets: Model, environment: Mapping[str, str]) -> Target:
    """Return the target that a service with a build is. Raises PathError, whose paths start at the service."""
    build: Model = service["build"]
    own = environment_of(service, environment)
    args = mapping(build.get("args"))
    for key, value in args.items():
        if value is None:
            found = own.get(key)
            args[key] = environment.get(key) if found is None else found
    target = Target(
        name=name,
        context=build.get("context") or None,
        contexts=_contexts(build.get("additional_contexts")),
        dockerfile=build.get("dockerfile") or None,
        dockerfile_inline=build.get("dockerfile_inline") or None,
        args={key: value for key, value in args.items() if value is not None} or None,
        labels={key: value or "" for key, value in mapping(build.get("labels")).items()},
        tags=_list(build.get("tags")),
        network=build.get("network") or None,
        platforms=_list(build.get("platforms")),
        shm_size=_shm_size(build.get("shm_size")),
        ulimits=_ulimits(build.get("ulimits")),
        extra_hosts=dict(_hosts(build.get("extra_hosts"))),
        no_cache=build.get("no_cache") or None,
        pull=build.get("pull") or None,
    )
    target.cache_from = _parsed(CacheEntry, _list(build.get("cache_from")) or (), "cache_from")
    target.cache_to = _parsed(CacheEntry, _list(build.get("cache_to")) or (), "cache_to")
    target.attest = _attests(build)
    keys = mapping(build.get("ssh")).items()
    target.ssh = sorted((Ssh(key, (path,) if path else ()) for key, path in keys), key=_order) or None
    target.secret = [_secret(i, use, secrets) for i, use in enumerate(build.get("secrets") or ())] or None
    _extend(target, build.get("x-bake"))
    target.target = build.get("target") or None
    if not target.tags and service.get("image"):
        target.tags = [service["image"]]
    return target


def _order(entry: Ssh) -> tuple[str, tuple[str, ...]]:
    return entry.id, entry.paths


def _list(value: Any) -> list[str] | None:
    return None if value is None else [value] if isinstance(value, str) else [shown(item) for item in value]


def _contexts(value: Any) -> dict[str, str] | None:
    if value is None:
        return None
    out = {key: text or "" for key, text in mapping(value).items()}
    for key, text in out.items():
        if text.startswith(("service:", "target:")):
            out[key] = "target:" + text.partition(":")[2].replace(".", "_")
    return out


def _shm_size(value: Any) -> str | None:
    if value is None:
        return None
    with _At("shm_size"):
        count = size(shown(value))
    return _bytes(count) if count > 0 else None


def _bytes(count: int) -> str:
    """Return a number of bytes with the unit that suits it, to four digits."""
    amount, unit = float(count), 0
    while amount >= 1024 and unit < 8:
        amount, unit = amount / 1024, unit + 1
    return f"{amount:.4g}{('B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB', 'ZiB', 'YiB')[unit]}"


def _ulimits(value: Any) -> list[str] | None:
    out = []
    for name, limit in (value or {}).items():
        # The reference loses a single number and asks for 0:0, with which no step can open a file.
        soft, hard = (limit["soft"], limit["hard"]) if isinstance(limit, dict) else (limit, limit)
        with _At("ulimits", name):
            out.append(ulimit(f"{name}={soft}:{hard}"))
    return out or None


def _hosts(value: Any) -> list[tuple[str, str]]:
    found: dict[str, list[str]] = {}
    if isinstance(value, dict):
        found = {host: [shown(a) for a in ip] if isinstance(ip, list) else [ip or ""] for host, ip in value.items()}
    else:
        for i, entry in enumerate(value or ()):
            separator = "=" if "=" in entry else ":"
            host, equals, address = entry.partition(separator)
            if not equals:
                hint = f"Write a name and an address, as in {entry or 'name'}=10.0.0.1."
                message = f"invalid additional host, missing IP: {entry}"
                raise PathError.at(("build", "extra_hosts", i), message, hint, entry)
            found.setdefault(host, []).extend(address.split(","))
    return [(host, ",".join(map(_bare, addresses))) for host, addresses in found.items()]


def _bare(address: str) -> str:
    """Return an IPv6 address without its brackets."""
    return address[1:-1] if len(address) > 2 and address[0] == "[" and address[-1] == "]" else address


def _attests(build: Model) -> list[Attest] | None:
    found: list[Attest] = []
    for kind in ("sbom", "provenance"):
        if build.get(kind):
            with _At(kind):
                found += Attest.shorthand(kind, str(build[kind]))
    return found or None


def _secret(i: int, use: Model, secrets: Model) -> Secret:
    source = str(use.get("source", ""))
    secret = secrets.get(source) or {}
    if secret.get("external"):
        message = f"unsupported external secret {secret.get('name', '')}"
        hint = "Take it from a file or a variable: declare it with file or environment."
        raise PathError.at(("build", "secrets", i, "source"), message, hint, source)
    return Secret(source, str(secret.get("file") or ""), str(secret.get("environment") or ""))


def _extend(target: Target, extension: Any) -> None:
    """Apply the `x-bake` section of a build, which holds what Compose has no words for."""
    if extension is None:
        return
    if not isinstance(extension, dict):
        raise _no_extension((), extension, "bake.xbake", "Write a mapping, as in x-bake: {tags: [name]}.")
    _check_extension(extension)

    def entries(kind: Any, key: str, merge: Callable[[Any, Any], Any], old: Any) -> Any:
        new = _parsed(kind, filter(None, _words(extension.get(key))), "x-bake", key)
        return merge(old or [], new) if new else old

    for key, field in (("tags", "tags"), ("platforms", "platforms"), ("no-cache-filter", "no_cache_filter")):
        if words := _words(extension.get(key)):
            setattr(target, field, list(dict.fromkeys([*(getattr(target, field) or ()), *words])))
    target.cache_from = entries(CacheEntry, "cache-from", append_distinct, target.cache_from)
    target.cache_to = entries(CacheEntry, "cache-to", append_distinct, target.cache_to)
    target.secret = entries(Secret, "secret", append_by_id, target.secret)
    ssh = entries(Ssh, "ssh", append_by_id, target.ssh)
    target.ssh = sorted(ssh, key=_order) if ssh else ssh
    target.output = entries(Export, "output", append_distinct, target.output)
    if extension.get("pull") is not None:
        target.pull = _word_for(extension["pull"])
    if extension.get("no-cache") is not None:
        target.no_cache = _word_for(extension["no-cache"])
    if extension.get("contexts"):
        target.contexts = {**(_contexts(extension["contexts"]) or {}), **(target.contexts or {})}


def _check_extension(extension: Model) -> None:
    """Raise PathError where a value of the section is of another form than its key's."""
    for key in EXTENSION:
        value = extension.get(key)
        if value is None:
            continue
        if key in {"pull", "no-cache"}:
            if _word_for(value) is None:
                raise _no_extension((key,), value, "bool", f"Write true or false, as in {key}: true.")
        elif key == "contexts":
            if not isinstance(value, dict):
                raise _no_extension((key,), value, "bake.stringMap", "Write a mapping, as in contexts: {name: path}.")
            for name, item in value.items():
                if isinstance(item, dict | list):
                    raise _no_extension((key, name), item, "string", f"Write one text, as in {name}: path.")
        elif isinstance(value, dict) or (
            isinstance(value, list) and any(isinstance(item, dict | list) for item in value)
        ):
            raise _no_extension((key,), value, "string", f"Write a list of texts, as in {key}: [{EXAMPLES[key]}].")


def _no_extension(path: tuple[str, ...], value: Any, wanted: str, hint: str) -> PathError:
    kinds = {dict: "map", list: "seq", bool: "bool", int: "int", float: "float"}
    kind = kinds.get(type(value), "str")
    held = "" if isinstance(value, dict | list) else f" `{shown(value)}`"
    where = ".".join(("x-bake", *path))
    message = f"yaml: unmarshal errors: {where}: cannot unmarshal !!{kind}{held} into {wanted}"
    return PathError.at(("build", "x-bake", *path), message, hint)


def _word_for(value: Any) -> bool | None:
    """Return what a switch of the section is set to, None for what is no switch.

    Unlike elsewhere, a word stands in small letters, capitalised or in capitals, and needs no advice.
    """
    if isinstance(value, str) and value in {value.lower(), value.capitalize(), value.upper()}:
        return OUTDATED.get(value.lower())
    return value if isinstance(value, bool) else None


EXAMPLES = {
    **dict.fromkeys(("tags", "cache-from"), "name"),
    "cache-to": "type=inline",
    "secret": "id=token",
    "ssh": "default",
    "platforms": "linux/amd64",
    "output": "type=docker",
    "no-cache-filter": "stage",
}


def _words(value: Any) -> list[str]:
    """Return a list of texts, which may be written as one text with spaces between them."""
    if isinstance(value, list):
        return ["" if item is None else shown(item) for item in value]
    return shown(value).split() if value else []

"""Short forms of what services and jobs have at run time.

None of it takes part in a build, but a file that Compose cannot read is not built from: an unset variable in a volume
or a port shows before the build rather than after it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from bakepy.planner.compose.document import shown
from bakepy.planner.compose.faults import Fault, Steps
from bakepy.planner.compose.notices import Notices

Check = Callable[[Steps, Any], Iterator[Fault]]
TYPES: Final = {type(None): "<nil>", bool: "bool", int: "int", float: "float64", str: "string", list: "[]interface {}"}


def check(notices: Notices, document: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield the faults of a document's short forms, and note what is deprecated in it."""
    for section in ("services", "jobs"):
        for name, service in _items(document.get(section)):
            yield from _container((section, name), service)
            for i, hook in enumerate(_list(service, "pre_start") if section == "services" else ()):
                yield from _container((section, name, "pre_start", i), hook)
    if "jobs" in document and not isinstance(document["jobs"], dict):
        yield Fault(("jobs",), "jobs must be a mapping", "Write a mapping, as in jobs: {nightly: {image: app}}.")
    for section in ("volumes", "networks", "secrets", "configs"):
        entries = document.get(section)
        for name, entry in enumerate(entries) if isinstance(entries, list) else _items(entries):
            yield from _external(notices, (section, name), entry)


def _items(value: Any) -> list[tuple[Any, Any]]:
    return list(value.items()) if isinstance(value, dict) else []


def _list(value: Any, key: str) -> list[Any]:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, list) else []


def _container(path: Steps, fields: Any) -> Iterator[Fault]:
    for key, value in _items(fields):
        if form := FORMS.get(key):
            yield from form((*path, key), value)


def _fault(path: Steps, message: str, value: Any, hint: str = "") -> Fault:
    return Fault(path, message, hint, value if isinstance(value, str) else "")


def _invalid(path: Steps, value: Any, what: str, hint: str = "") -> Fault:
    kind = TYPES.get(type(value), "map[string]interface {}")
    return _fault(path, f"{dotted(path)}: invalid type {kind} for {what}", value, hint)


def dotted(path: Steps) -> str:
    """Return a path as text; items of lists count as `[]`."""
    return ".".join("[]" if isinstance(step, int) else step for step in path)


def _each(form: Check) -> Check:
    def check_items(path: Steps, value: Any) -> Iterator[Fault]:
        for key, item in enumerate(value) if isinstance(value, list) else _items(value):
            yield from form((*path, key), item)

    return check_items


def _text(path: Steps, value: Any) -> Iterator[Fault]:
    if not isinstance(value, str):
        yield _fault(path, f"{dotted(path)}: unexpected type {TYPES.get(type(value), 'map')}", value, "Write a text.")


def _texts(path: Steps, value: Any) -> Iterator[Fault]:
    return _each(_text)(path, value) if isinstance(value, list) else iter(())


def _mount(path: Steps, value: Any) -> Iterator[Fault]:
    if not isinstance(value, str | dict):
        message = f"{dotted(path)}: unsupported type {TYPES.get(type(value), 'map')}"
        yield _fault(path, message, value, "Write the name, or a mapping with source and target.")


def _volume(path: Steps, value: Any) -> Iterator[Fault]:
    if isinstance(value, str):
        if why := volume_fault(value):
            yield _fault(path, why, value, "Write source:target, or target alone for a volume without a name.")
    elif not isinstance(value, dict):
        yield _invalid(path, value, "service volume mount")
    elif not isinstance(value.get("target"), str):
        yield _fault(path, f"service volume {dotted(path)} is missing a mount target", value, "Add target: PATH.")
    elif value.get("type") == "bind" and "source" not in value:
        message = 'invalid mount config for type "bind": field Source must not be empty'
        yield _fault(path, message, value, "Add source: PATH.")
    elif not isinstance(value.get("bind", {}), dict):
        yield _invalid((*path, "bind"), value["bind"], "service volume bind", "Write a mapping.")


def volume_fault(text: str) -> str:
    """Return why `source:target:options` cannot be read, empty where it can."""
    if not text:
        return "invalid empty volume spec"
    if len(text.encode()) < 3:
        return ""
    sections = _sections(text)
    if "" in sections[:4]:
        return f"invalid spec: {text}: empty section between colons"
    return f"invalid spec: {text}: too many colons" if len(sections) > 3 else ""


DRIVE: Final = re.compile(r"[^\W\d_]")
REFERENCE: Final = re.compile(r"\$(?=\{)|\}|:")


def _sections(text: str) -> list[str]:
    """Split at colons, but for those of `${…}` and behind a drive's letter."""
    sections, start, depth = [], 0, 0
    for found in REFERENCE.finditer(text):
        if found[0] == "$":
            depth += 1
        elif found[0] == "}":
            depth = max(0, depth - 1)
        elif not depth and not DRIVE.fullmatch(text[start : found.start()]):
            sections.append(text[start : found.start()])
            start = found.end()
    return [*sections, text[start:]]


def _device(path: Steps, value: Any) -> Iterator[Fault]:
    if isinstance(value, str):
        if value.count(":") > 2:
            message = f"confusing device mapping, please use long syntax: {value}"
            yield _fault(path, message, value, "Write source, target and permissions as a mapping.")
    elif not isinstance(value, dict):
        yield _invalid(path, value, "service volume mount")
    elif not isinstance(value.get("target"), str):
        yield _fault(path, f"service device {dotted(path)} is missing a mount target", value, "Add target: PATH.")


def _ports(path: Steps, value: Any) -> Iterator[Fault]:
    if not isinstance(value, list):
        yield _invalid(path, value, "port", "Write a list, as in ports: [8080:80].")
        return
    for i, item in enumerate(value):
        if isinstance(item, str) or type(item) is int:
            if why := port_fault(shown(item)):
                yield _fault((*path, i), why, item, 'Write host:container, as in "8080:80".')
        elif not isinstance(item, dict):
            yield _invalid(path, item, "port")
        elif "target" not in item:
            message = f"service ports {dotted((*path, i))} is missing a target port"
            yield _fault((*path, i), message, item, "Add target: PORT.")


def port_fault(text: str) -> str:
    """Return why `ip:host:container/protocol` cannot be read, empty where it can."""
    host, _, container = text.rpartition(":")
    address, _, host = host.rpartition(":")
    container, _, protocol = container.partition("/")
    if not container:
        return f"no port specified: {text}<empty>"
    if protocol.lower() not in {"", "tcp", "udp", "sctp"}:
        return f"invalid proto: {protocol.lower()}"
    if address and not _is_address(address):
        return f"invalid IP address: {address}"
    inner = _ports_of(container)
    if not inner:
        return f"invalid containerPort: {container}"
    outer = _ports_of(host) if host else inner
    if not outer:
        return f"invalid hostPort: {host}"
    if len(inner) > 1 and len(inner) != len(outer):
        return f"invalid ranges specified for container and host Ports: {container} and {host}"
    return ""


def _is_address(text: str) -> bool:
    import ipaddress

    try:
        ipaddress.ip_address(text[1:-1] if text.startswith("[") and text.endswith("]") else text)
    except ValueError:
        return False
    return "%" not in text


def _ports_of(text: str) -> range:
    """Return the ports of `80` or `80-90`, none where it is neither."""
    first, _, last = text.partition("-")
    found = [int(n) if re.fullmatch(r"\+?[0-9]{1,9}", n) else -1 for n in (first, last if "-" in text else first)]
    return range(found[0], found[1] + 1) if 0 <= found[0] <= found[1] <= 65535 else range(0)


def _limit(path: Steps, value: Any) -> Iterator[Fault]:
    if not isinstance(value, dict) and type(value) is not int:
        yield _invalid(path, value, "ulimits", "Write a whole number, or soft and hard.")


def _gpus(path: Steps, value: Any) -> Iterator[Fault]:
    if not isinstance(value, list | str):
        yield _invalid(path, value, "gpus", "Write all, or a list of devices.")
    for i, item in enumerate(value if isinstance(value, list) else ()):
        if not isinstance(item, dict):
            yield _invalid((*path, i), item, "device request")


def _depends_on(path: Steps, value: Any) -> Iterator[Fault]:
    if not isinstance(value, dict | list):
        yield _invalid(path, value, "depend_on", "Write a list of services.")
    for key, item in _items(value):
        if not isinstance(item, dict):
            message = f"{dotted((*path, key))}: unsupported value {shown(item)}"
            yield _fault((*path, key), message, item, "Write a mapping, as in {condition: service_started}.")
    yield from _texts(path, value)


def _expose(path: Steps, value: Any) -> Iterator[Fault]:
    for i, item in enumerate(value if isinstance(value, list) else ()):
        if not isinstance(item, str) and type(item) is not int:
            yield _fault((*path, i), f"{dotted((*path, i))}: unsupported expose value {shown(item)}", item)


def _develop(path: Steps, value: Any) -> Iterator[Fault]:
    for i, rule in enumerate(_list(value, "watch")):
        if isinstance(rule, dict) and "path" in rule:
            yield from _text((*path, "watch", i, "path"), rule["path"])


def _triggers(path: Steps, value: Any) -> Iterator[Fault]:
    for i, entry in enumerate(_list(value, "schedule")):
        if not isinstance(entry, str | dict):
            yield _invalid((*path, "schedule", i), entry, "schedule entry", "Write a crontab expression.")


def _env_file(path: Steps, value: Any) -> Iterator[Fault]:
    if not isinstance(value, str | list):
        yield _invalid(path, value, "env_file", "Name a file, or write a list, as in env_file: [app.env].")
    for i, entry in enumerate(value if isinstance(value, list) else ()):
        if isinstance(entry, dict) and "path" not in entry:
            message = f"environment path attribute {dotted((*path, i))} is missing"
            yield _fault((*path, i), message, entry, "Add path: FILE.")


def _build(path: Steps, value: Any) -> Iterator[Fault]:
    if not isinstance(value, str | dict):
        hint = "Name the context, as in build: ., or write a mapping, as in build: {context: .}."
        yield _invalid(path, value, "build", hint)


def _external(notices: Notices, path: Steps, value: Any) -> Iterator[Fault]:
    if value is None:
        return
    if not isinstance(value, dict):
        yield _fault(path, f"{dotted(path)}: must be a mapping", value, "Write a mapping, or leave it empty.")
        return
    external = value.get("external")
    if isinstance(external, dict) and "name" in external:
        notices.deprecated((*path, "external"), "external.name is deprecated. Please set name and external: true")
        if value.get("name", external["name"]) != external["name"]:
            message = f"{dotted(path)}: name and external.name conflict; only use name"
            yield _fault((*path, "name"), message, value["name"], "Remove external.name.")


FORMS: dict[str, Check] = {
    "volumes": _each(_volume),
    "devices": _each(_device),
    "secrets": _each(_mount),
    "configs": _each(_mount),
    "ulimits": _each(_limit),
    "ports": _ports,
    "gpus": _gpus,
    "depends_on": _depends_on,
    "expose": _expose,
    "build": _build,
    "env_file": _env_file,
    "develop": _develop,
    "x-develop": _develop,
    "triggers": _triggers,
    **dict.fromkeys(("annotations", "cap_add", "cap_drop", "dns", "dns_opt", "dns_search", "labels", "links"), _texts),
    **dict.fromkeys(("label_file", "networks", "models", "profiles", "sysctls", "tmpfs"), _texts),
}
"""How the keys of a container are checked."""

"""What is built: a target and its attributes, each of which states here all that any other room needs to know of it.

Inheritance, `--set`, `--print`, the schema and the reference docs read these declarations; their order is the order of
`--print`. None means "not set", which is not the same as empty: an empty list replaces an inherited one.
"""

# No `from __future__ import annotations`: the declarations are read at run time, and so need no evaluation then.
from typing import Annotated, Any

from bakepy.model import rules
from bakepy.model.attest import Attest
from bakepy.model.attribute import Attribute, Form, Override, Shape
from bakepy.model.cache import CacheEntry
from bakepy.model.export import Export
from bakepy.model.policy import Policy
from bakepy.model.resources import Resources
from bakepy.model.rules import Apply, Change
from bakepy.model.secret import Secret
from bakepy.model.ssh import Ssh


def _last(key: str, apply: Apply = rules.set_text) -> tuple[Override]:
    return (Override(key, apply),)


def _all(key: str, apply: Apply = rules.set_items) -> tuple[Override]:
    return (Override(key, apply, Form.ALL),)


def _emptied(key: str, apply: Apply) -> tuple[Override]:
    """Return the rule of the keys whose value the reference loses: scripts give them, and get an empty attribute."""
    warning = f"--set {key}=… empties the attribute, whatever the value, as buildx does; set {key} in a file instead"
    return (Override(key, apply, warning=warning),)


def _named(key: str, *, name: str = "name", value: str = "value", early: bool = False) -> tuple[Override]:
    expects = f"invalid format for {key}, expecting {key}.<{name}>=<{value}>"
    return (Override(key, rules.set_key, Form.NAMED, expects, early),)


class Target:
    """Describe one build."""

    def __init__(self, name: str = "", *, linked: bool = False, **attributes: Any) -> None:
        """Set the attributes that are given by the names of their fields. Raises TypeError at one that there is not."""
        self.name = name
        self.linked = linked
        """Set by the planner: the target is built only because another one's context names it."""
        for attribute in attributes:
            if attribute not in FIELDS:
                raise TypeError(f'a target has no attribute "{attribute}"')
        self.__dict__.update(attributes)

    description: Annotated[
        str | None, Attribute("description", Shape.TEXT, "What the target is for.", merge=rules.nonempty_text)
    ] = None
    inherits: Annotated[
        list[str] | None,
        Attribute("inherits", Shape.TEXTS, "Targets whose attributes this one takes over.", merge=rules.append),
    ] = None
    annotations: Annotated[
        list[str] | None,
        Attribute(
            "annotations",
            Shape.TEXTS,
            "Annotations of the image: `key=value`, with `index:`, `manifest[platform]:` and the like in front.",
            _all("annotations", rules.add_items),
            merge=rules.append,
            tidy=rules.words,
            escape=True,
        ),
    ] = None
    attest: Annotated[
        list[Attest] | None,
        Attribute(
            "attest",
            Shape.ENTRIES,
            "Attestations that go with the image.",
            _all("attest", rules.entries(Attest, rules.append_by_id, wrap="invalid value for attest", always_add=True)),
            merge=rules.append_by_id,
            tidy=rules.last_by_id,
            entry=Attest,
        ),
    ] = None
    context: Annotated[
        str | None, Attribute("context", Shape.TEXT, "The folder or URL that is built.", _last("context"))
    ] = None
    contexts: Annotated[
        dict[str, str] | None,
        Attribute(
            "contexts",
            Shape.STRICT_MAP,
            "Further contexts by the name under which the Dockerfile refers to them.",
            _named("contexts", early=True),
            merge=rules.by_key,
            tidy=rules.nonempty,
        ),
    ] = None
    dockerfile: Annotated[
        str | None,
        Attribute("dockerfile", Shape.TEXT, "The Dockerfile's path, seen from the context.", _last("dockerfile")),
    ] = None
    dockerfile_inline: Annotated[
        str | None,
        Attribute("dockerfile-inline", Shape.TEXT, "The Dockerfile's text, in place of a file.", escape=True),
    ] = None
    args: Annotated[
        dict[str, str | None] | None,
        Attribute(
            "args",
            Shape.MAP,
            "Build arguments.",
            _named("args", early=True),
            merge=rules.by_key,
            escape=True,
        ),
    ] = None
    labels: Annotated[
        dict[str, str | None] | None,
        Attribute("labels", Shape.MAP, "Labels of the image.", _named("labels"), merge=rules.by_key, escape=True),
    ] = None
    tags: Annotated[
        list[str] | None,
        Attribute("tags", Shape.TEXTS, "Names of the image.", _all("tags"), tidy=rules.words),
    ] = None
    cache_from: Annotated[
        list[CacheEntry] | None,
        Attribute(
            "cache-from",
            Shape.ENTRIES,
            "Where cache comes from.",
            _all("cache-from", rules.entries(CacheEntry, rules.append_distinct)),
            merge=rules.append_distinct,
            tidy=rules.distinct,
            entry=CacheEntry,
        ),
    ] = None
    cache_to: Annotated[
        list[CacheEntry] | None,
        Attribute(
            "cache-to",
            Shape.ENTRIES,
            "Where cache goes to.",
            _all("cache-to", rules.entries(CacheEntry, rules.append_distinct)),
            tidy=rules.distinct,
            entry=CacheEntry,
        ),
    ] = None
    target: Annotated[
        str | None, Attribute("target", Shape.TEXT, "The stage of the Dockerfile to build.", _last("target"))
    ] = None
    secret: Annotated[
        list[Secret] | None,
        Attribute(
            "secret",
            Shape.ENTRIES,
            "Secrets that steps may read.",
            (
                Override(
                    "secrets",
                    rules.entries(Secret, rules.append_by_id, wrap="invalid value for outputs"),
                    Form.ALL,
                ),
                Override("secret", rules.set_secret, Form.NAMED, early=True, may_append=False),
            ),
            merge=rules.append_by_id,
            tidy=rules.last_by_id,
            entry=Secret,
        ),
    ] = None
    ssh: Annotated[
        list[Ssh] | None,
        Attribute(
            "ssh",
            Shape.ENTRIES,
            "SSH agents and keys that steps may use.",
            _all("ssh", rules.entries(Ssh, rules.append_by_id, wrap="invalid value for outputs")),
            merge=rules.append_by_id,
            tidy=rules.last_by_id,
            entry=Ssh,
        ),
    ] = None
    platforms: Annotated[
        list[str] | None,
        Attribute("platforms", Shape.TEXTS, "Platforms to build for.", _all("platform"), tidy=rules.words),
    ] = None
    output: Annotated[
        list[Export] | None,
        Attribute(
            "output",
            Shape.ENTRIES,
            "What becomes of the result.",
            (
                Override(
                    "output",
                    rules.entries(Export, rules.append_distinct, wrap="invalid value for outputs"),
                    Form.ALL,
                ),
                Override("push", rules.set_push),
                Override("load", rules.set_load),
            ),
            tidy=rules.distinct,
            entry=Export,
        ),
    ] = None
    pull: Annotated[
        bool | None,
        Attribute("pull", Shape.FLAG, "Ask registries for newer images.", _last("pull", rules.set_flag)),
    ] = None
    no_cache: Annotated[
        bool | None,
        Attribute("no-cache", Shape.FLAG, "Build all steps anew.", _last("no-cache", rules.set_flag)),
    ] = None
    network: Annotated[
        str | None,
        Attribute(
            "network", Shape.TEXT, "The network of RUN: default, none or host.", _emptied("network", rules.clear_text)
        ),
    ] = None
    no_cache_filter: Annotated[
        list[str] | None,
        Attribute(
            "no-cache-filter",
            Shape.TEXTS,
            "Stages to build anew.",
            _emptied("no-cache-filter", rules.clear_items),
            merge=rules.append,
            tidy=rules.words,
        ),
    ] = None
    shm_size: Annotated[
        str | None, Attribute("shm-size", Shape.TEXT, "The size of /dev/shm, as in `64m`.", _last("shm-size"))
    ] = None
    ulimits: Annotated[
        list[str] | None,
        Attribute(
            "ulimits",
            Shape.TEXTS,
            "Limits of processes, as in `nofile=1024:2048`.",
            _emptied("ulimits", rules.clear_items),
            merge=rules.append,
            tidy=rules.words,
        ),
    ] = None
    resources: Annotated[
        Resources | None,
        Attribute(
            "resources",
            Shape.RESOURCES,
            "Limits of memory and processors.",
            (Override("resources", rules.set_resource, Form.NAMED, early=True, may_append=False),),
            merge=rules.combine,
        ),
    ] = None
    call: Annotated[
        str | None, Attribute("call", Shape.TEXT, "What to do: build, check, outline or targets.", _last("call"))
    ] = None
    entitlements: Annotated[
        list[str] | None,
        Attribute(
            "entitlements",
            Shape.TEXTS,
            "Privileges that steps ask for.",
            _all("entitlements", rules.add_items),
            merge=rules.append,
            tidy=rules.words,
        ),
    ] = None
    extra_hosts: Annotated[
        dict[str, str | None] | None,
        Attribute(
            "extra-hosts",
            Shape.MAP,
            "Further names that RUN resolves, and their addresses.",
            _named("extra-hosts", name="hostname", value="ip"),
            merge=rules.by_key,
            escape=True,
        ),
    ] = None
    policy: Annotated[
        list[Policy] | None,
        Attribute(
            "policy",
            Shape.ENTRIES,
            "Policies that sources must satisfy.",
            _all("policy", rules.entries(Policy, rules.append)),
            merge=rules.append,
            entry=Policy,
        ),
    ] = None

    def __eq__(self, other: object) -> bool:
        names = ("name", "linked", *FIELDS)
        return isinstance(other, Target) and all(getattr(self, n) == getattr(other, n) for n in names)

    __hash__ = None  # type: ignore[assignment]

    def copy(self, **changes: Any) -> "Target":
        """Return a target of its own with some fields changed."""
        return Target(**(self.__dict__ | changes))

    def merge(self, nearer: "Target") -> None:
        """Take over what `nearer` sets, each attribute by its rule."""
        for attribute in ATTRIBUTES:
            new = getattr(nearer, attribute.field)
            if new is not None:
                old = getattr(self, attribute.field)
                if old is None:
                    old = _EMPTY.get(attribute.shape)
                setattr(self, attribute.field, new if old is None else attribute.merge(old, new))

    def override(self, change: Change) -> None:
        """Apply what `--set` asks for. Raises EntryError, and KeyError where no attribute has such a key."""
        attribute, override = OVERRIDES[change.key]
        setattr(self, attribute.field, override.apply(getattr(self, attribute.field), change))

    def normalise(self) -> None:
        """Drop duplicates and empty items, and ask for what the network mode needs."""
        for attribute in ATTRIBUTES:
            value = getattr(self, attribute.field)
            if value is not None and attribute.tidy is not rules.keep:
                setattr(self, attribute.field, attribute.tidy(value))
        if self.network == "host":
            self.entitlements = rules.words([*(self.entitlements or ()), "network.host"])

    def json(self) -> dict[str, Any]:
        """Return what `--print` shows."""
        out = {}
        for attribute in ATTRIBUTES:
            value = getattr(self, attribute.field)
            if value is not None:
                shown = attribute.dump(value)
                if shown is not None:
                    out[attribute.name] = shown
        if not out.get("description"):
            out.pop("description", None)
        return out


_EMPTY: dict[Shape, Any] = {Shape.MAP: {}, Shape.STRICT_MAP: {}}
"""Maps merge with nothing too, as that drops null values."""


ATTRIBUTES: list[Attribute] = [
    note for hint in Target.__annotations__.values() for note in getattr(hint, "__metadata__", ())
]
"""The attributes of a target, in the order of `--print`."""

FIELDS = frozenset(attribute.field for attribute in ATTRIBUTES)
"""The names under which a target holds its attributes."""

OVERRIDES: dict[str, tuple[Attribute, Override]] = {o.key: (a, o) for a in ATTRIBUTES for o in a.overrides}
"""What `--set` knows, by key."""

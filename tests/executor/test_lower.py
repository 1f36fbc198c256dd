"""From solves to BuildKit's words: frontend attributes, exporters, caches, and what a node lacks."""

from __future__ import annotations

from typing import Any

import pytest

from bakepy.buildkit.requests import CacheEntry, Exporter
from bakepy.diagnostics import BakeError
from bakepy.drivers.interface import BUILDKIT, Capability
from bakepy.executor.environment import Environment
from bakepy.executor.lower import Lowered, NodeFacts, link, lower, settle, skipped_caches
from bakepy.model.export import Export as Output
from bakepy.model.target import Target
from bakepy.planner.spec import (
    Cache,
    ContextDockerfile,
    Export,
    ImageContext,
    InlineDockerfile,
    LinkContext,
    LocalContext,
    LocalDockerfile,
    RemoteContext,
    SolveSpec,
)
from bakepy.planner.specify import specify
from bakepy.records import replace

SPEC = SolveSpec(LocalContext("."), LocalDockerfile("Dockerfile"))
PLAIN = BUILDKIT
OWN_STORE = BUILDKIT | {Capability.LOADS_BY_ITSELF}
LOADING = BUILDKIT | {Capability.LOADS_BY_DEFAULT}
MOBY = {"name": "a", "prefer-image-digest": "true"}
OLD = frozenset({Capability.LOADS_BY_ITSELF})


def lowered(node: frozenset[Capability] = PLAIN, env: dict[str, str] | None = None, **changes: Any) -> Lowered:
    facts = NodeFacts(node)
    environment = Environment(env or {})
    return lower(settle(replace(SPEC, **changes), facts, environment), facts, environment)


@pytest.mark.parametrize(
    ("changes", "attrs"),
    [
        ({}, {"filename": "Dockerfile"}),
        ({"dockerfile": LocalDockerfile("a/b")}, {"filename": "b"}),
        ({"dockerfile": InlineDockerfile("x")}, {"filename": "Dockerfile", "dockerfilekey": "dockerfile"}),
        (
            {"context": RemoteContext("https://h.test/x.git#m"), "dockerfile": ContextDockerfile("d/D")},
            {"context": "https://h.test/x.git#m", "filename": "d/D"},
        ),
        (
            {"context": RemoteContext("https://h.test/x.git"), "dockerfile": LocalDockerfile("/d/D")},
            {"filename": "D", "dockerfilekey": "dockerfile"},
        ),
        (
            {"context": RemoteContext("https://h.test/x.git?ref=y"), "dockerfile": ContextDockerfile("D")},
            {"frontend.caps": "moby.buildkit.frontend.gitquerystring"},
        ),
        (
            {"contexts": (("b", ImageContext("x:1")), ("c", LocalContext("src")), ("context", LocalContext("y")))},
            {
                "context:b": "docker-image://x:1",
                "context:c": "local:c",
                "context:context": "local:_context",
                "frontend.caps": "moby.buildkit.frontend.contexts+forward",
            },
        ),
        ({"args": (("A", "1"),), "labels": (("l", "2"),)}, {"build-arg:A": "1", "label:l": "2"}),
        ({"stage": "s", "platforms": ("linux/amd64", "linux/s390x")},
         {"target": "s", "platform": "linux/amd64,linux/s390x"}),
        ({"pull": True}, {"image-resolve-mode": "pull"}),
        ({"no_cache": True, "no_cache_filter": ("a",)}, {"no-cache": ""}),
        ({"no_cache_filter": ("a", "b")}, {"no-cache": "a,b"}),
        ({"network": "host"}, {"force-network-mode": "host"}),
        ({"shm_size": 64, "ulimits": ("core=1:1", "cpu=2:2")}, {"shm-size": "64", "ulimit": "core=1:1,cpu=2:2"}),
        ({"resources": (("cpu-shares", "5"), ("memory-swap", "-1"))}, {"cpushares": "5", "memswap": "-1"}),
        ({"extra_hosts": (("a", "1.2.3.4,[::1]"),)}, {"add-hosts": "a=1.2.3.4,a=::1"}),
        ({"args": (("BUILDKIT_MULTI_PLATFORM", "1"),)}, {"multi-platform": "true"}),
        ({"args": (("BUILDKIT_SYNTAX", "i/f:1 x"),)}, {"source": "i/f:1", "cmdline": "i/f:1 x"}),
        ({"attests": (("sbom", "type=sbom"), ("provenance", "type=provenance,mode=max"))},
         {"attest:sbom": "type=sbom", "attest:provenance": "type=provenance,mode=max"}),
    ],
)  # fmt: skip
def test_frontend_attributes(changes: dict[str, Any], attrs: dict[str, str]) -> None:
    """Each part of a solve has its attribute."""
    found = lowered(**changes).attrs
    assert {k: found.get(k) for k in attrs} == attrs


def test_a_plain_solve_says_no_more_than_it_must() -> None:
    """Without options there are the file's name and the default provenance."""
    assert dict(lowered().attrs) == {"filename": "Dockerfile", "attest:provenance": "mode=min,inline-only=true"}


@pytest.mark.parametrize(
    ("node", "env", "attests"),
    [
        (PLAIN, {"BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}, ()),
        (PLAIN, {}, (("provenance", None),)),
        (PLAIN - {Capability.ATTESTATIONS}, {}, ()),
    ],
)
def test_default_provenance_is_left_out(node: frozenset[Capability], env: dict[str, str], attests: Any) -> None:
    """It is not made where the environment or the target say so, or the node cannot."""
    assert "attest:provenance" not in lowered(node, env, attests=attests).attrs


def test_a_syntax_image_is_a_gateway_frontend() -> None:
    """BUILDKIT_SYNTAX replaces the built-in frontend."""
    assert lowered(args=(("BUILDKIT_SYNTAX", "i/f:1"),)).frontend == "gateway.v0"
    assert lowered().frontend == "dockerfile.v0"


def test_proxies_become_arguments_unless_the_target_has_them() -> None:
    """A target's own argument wins, in whatever case."""
    env = Environment(proxies={"HTTP_PROXY": "p", "http_proxy": "p", "NO_PROXY": "n"})
    found = lower(replace(SPEC, args=(("http_PROXY", "mine"),)), NodeFacts(PLAIN), env).attrs
    assert {k: v for k, v in found.items() if k.startswith("build-arg:")} == {
        "build-arg:http_PROXY": "mine",
        "build-arg:NO_PROXY": "n",
    }


@pytest.mark.parametrize(
    ("node", "export", "exporter"),
    [
        (
            PLAIN,
            Export("image", (("push", "true"),), names=("a", "b")),
            Exporter("image", {"push": "true", "name": "a,b"}),
        ),
        (OWN_STORE, Export("image", names=("a",)), Exporter("moby", MOBY)),
        (OWN_STORE, Export("docker", names=("a",)), Exporter("moby", MOBY)),
        (PLAIN, Export("docker", dest="x", names=("a",)), Exporter("docker", {"name": "a"})),
        (PLAIN, Export("oci", dest="x"), Exporter("oci", {})),
        (PLAIN, Export("local", dest="x"), Exporter("local", {})),
        (OWN_STORE, Export("default", names=("a",)), Exporter("moby", MOBY)),
    ],
)
def test_exporters(node: frozenset[Capability], export: Export, exporter: Exporter) -> None:
    """Destinations stay here; a node with an image store of its own exports into that."""
    assert lowered(node, exports=(export,)).exporters == (exporter,)


@pytest.mark.parametrize("kind", ["image", "docker", "default"])
@pytest.mark.parametrize(
    ("annotation", "refused"),
    [
        ("index:a=b", True),
        ("index-descriptor:a=b", True),
        ("manifest,index:a=b", True),
        ("index[linux/amd64]:a=b", True),
        ("manifest:a=b", False),
        ("manifest-descriptor[linux/amd64]:a=b", False),
        ("a=b", False),
    ],
)
def test_index_annotations_need_an_index(kind: str, annotation: str, refused: bool) -> None:
    """A store without indexes refuses them for every output and says so."""
    output = [] if kind == "default" else [Output(kind)]
    exports = specify({"t": Target(name="t", annotations=[annotation], output=output)})["t"].exports
    if refused:
        with pytest.raises(BakeError, match=r"^index annotations not supported for single platform export$"):
            lowered(OLD, exports=exports)
    else:
        assert lowered(OLD, exports=exports).exporters
    assert any(key.startswith("annotation") for key in lowered(OWN_STORE, exports=exports).exporters[0].attrs)


def test_a_builder_may_load_unasked() -> None:
    """A builder with default-load makes an image for the Engine where no output is chosen, and only there."""
    (loaded,) = lowered(LOADING, exports=(Export("default", names=("a",)),)).exporters
    (chosen,) = lowered(LOADING, exports=(Export("local", dest="out"),)).exporters

    assert (loaded.type, chosen.type) == ("docker", "local")


@pytest.mark.parametrize(
    ("node", "env", "kind"),
    [
        (PLAIN, {}, "default"),
        (OWN_STORE, {"BUILDX_NO_DEFAULT_LOAD": "1"}, "default"),
        (LOADING, {"BUILDX_NO_DEFAULT_LOAD": "1"}, "default"),
        (PLAIN, {}, "cacheonly"),
    ],
)
def test_no_exporter(node: frozenset[Capability], env: dict[str, str], kind: str) -> None:
    """Nothing is exported where the node has no default, or it was switched off, or only the cache is wanted."""
    assert lowered(node, env, exports=(Export(kind),)).exporters == ()


def test_an_engine_with_a_containerd_store_loads_an_oci_archive() -> None:
    """Such an archive may hold several platforms."""
    facts = NodeFacts(PLAIN, archive_loads=frozenset({0}))
    spec = replace(SPEC, exports=(Export("docker", names=("a",)),), platforms=("linux/amd64", "linux/arm64"))
    assert lower(spec, facts, Environment()).exporters == (
        Exporter("oci", {"prefer-image-digest": "true", "name": "a"}),
    )


def test_caches() -> None:
    """BUILDKIT_INLINE_CACHE adds an export; a runner's cache is left out where there is no runner."""
    found = lowered(
        cache_from=(Cache("registry", (("ref", "r"),)), Cache("gha")),
        cache_to=(Cache("registry", (("ref", "r"),)),),
        args=(("BUILDKIT_INLINE_CACHE", "1"),),
    )
    assert found.cache_imports == (CacheEntry("registry", {"ref": "r"}),)
    assert found.cache_exports == (CacheEntry("registry", {"ref": "r"}), CacheEntry("inline", {}))


def test_a_runners_cache_gets_its_token() -> None:
    """The environment of a runner tells where its cache is."""
    env = {"ACTIONS_RUNTIME_TOKEN": "t", "ACTIONS_RESULTS_URL": "u2", "ACTIONS_CACHE_SERVICE_V2": "true"}
    (cache,) = lowered(env=env, cache_to=(Cache("gha", (("scope", "s"),)),)).cache_exports
    assert cache.attrs == {"scope": "s", "token": "t", "url_v2": "u2", "url": "u2"}


@pytest.mark.parametrize(
    ("cache", "env", "skipped"),
    [
        (Cache("gha"), {}, True),
        (Cache("gha"), {"ACTIONS_RUNTIME_TOKEN": "t", "ACTIONS_RESULTS_URL": "u"}, False),
        (Cache("gha", (("token", "t"), ("url", "u"))), {}, False),
        (Cache("registry", (("ref", "a"),)), {}, False),
    ],
)
def test_cache_without_its_service_is_warned_of(cache: Cache, env: dict[str, str], skipped: bool) -> None:
    """A cache of a runner that is left out is not left out in silence."""
    for changes in ({"cache_from": (cache,)}, {"cache_to": (cache,)}):
        assert bool(skipped_caches([replace(SPEC, **changes)], Environment(env))) == skipped


def test_host_network_asks_for_its_entitlement() -> None:
    """The daemon wants to be told twice."""
    assert lowered(network="host", entitlements=("network.host", "x")).entitlements == ("network.host", "x")


@pytest.mark.parametrize(
    ("node", "changes", "words"),
    [
        (OLD, {"platforms": ("linux/amd64", "linux/arm64")}, "multi-platform build is not supported"),
        (OLD, {"exports": (Export("oci", dest="x"),)}, "OCI exporter is not supported"),
        (OLD, {"exports": (Export("docker", dest="x"),)}, "Docker exporter is not supported"),
        (OLD, {"cache_to": (Cache("registry"),)}, "cache export is not supported"),
        (OLD, {"attests": (("sbom", "type=sbom"),)}, "attestations are not supported"),
        (
            PLAIN,
            {"exports": (Export("docker", dest="x"),), "platforms": ("linux/amd64", "linux/arm64")},
            "docker exporter does not support exporting manifest lists, use the oci exporter instead",
        ),
        (
            OWN_STORE,
            {"exports": (Export("image", (("push", "true"), ("push-by-digest", "true")), names=("a",)),)},
            "push-by-digest is currently not implemented for docker driver",
        ),
        (PLAIN, {"extra_hosts": (("a", "host-gateway"),)}, "unable to derive the IP value for host-gateway"),
        (OLD, {"contexts": (("b", LinkContext("t")),)}, "linked targets are not supported"),
        (PLAIN, {"extra_hosts": (("a", "x"),)}, "invalid host a=x"),
        (PLAIN, {"args": (("BUILDKIT_SYNTAX", " "),)}, "empty BUILDKIT_SYNTAX"),
    ],
)
def test_what_a_node_cannot_do(node: frozenset[Capability], changes: dict[str, Any], words: str) -> None:
    """A missing capability is an error that names it and says what to do."""
    with pytest.raises(BakeError) as caught:
        lowered(node, **changes)
    assert caught.value.diagnostics[0].summary.startswith(words)


def test_links() -> None:
    """A result of one platform has the bare attribute, one of several an attribute for each."""
    assert link("base", "t", {"": "meta"}) == {"context:base": "input:target:t", "input-metadata:target:t": "meta"}
    assert link("base", "t", {"linux/amd64": "", "linux/arm64": "m"}) == {
        "context:base::linux/amd64": "input:target:t::linux/amd64",
        "context:base::linux/arm64": "input:target:t::linux/arm64",
        "input-metadata:target:t::linux/arm64": "m",
    }


def test_a_link_has_no_attribute_before_its_result_exists() -> None:
    """The name of a target means nothing to BuildKit."""
    assert not any(k.startswith("context:") for k in lowered(contexts=(("b", LinkContext("t")),)).attrs)

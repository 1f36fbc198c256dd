"""Sources and folders of sources are the steps that other clients make of them."""

import hashlib
import platform
from collections.abc import Callable

import pytest

from bakepy.buildkit import llb
from bakepy.buildkit.client import Client
from bakepy.buildkit.errors import SolveError
from bakepy.buildkit.llb import State
from bakepy.buildkit.proto import ops_pb2
from bakepy.buildkit.requests import GatewayRequest, SolveRequest
from bakepy.buildkit.session.server import Session
from bakepy.progress.events import Solve, SolveUpdate
from bakepy.transport.endpoint import Endpoint

URL = "http://127.0.0.1:18431/r.git"
ATTRS = {"git.fullurl": URL, "git.authtokensecret": "GIT_AUTH_TOKEN", "git.authheadersecret": "GIT_AUTH_HEADER"}
REPOSITORY = llb.git("127.0.0.1:18431/r.git", ATTRS, "load")


RECORDED = {
    "613adfdd9353afd932a57f27cabf279b5f8e1f6f9263e3cb903eb3d3e7e613cf",  # the repository
    "56dc9360544c222cdc60689d99cd72a2965d23fa30da245dcde820cd54fafa66",  # its folder sub
    "3d9bc358b750acd5f72d1ad0fc41300dbbb02806cf44623965950896a072ab97",  # its folder app
    "e2c7a3a27f27fc8b535e274744d92a636825733ea45f49d41980188173bca5c2",  # the download
}
"""What a daemon calls the reference's steps."""


def digest(state: State) -> str:
    return hashlib.sha256(state.ops[-1]).hexdigest()


@pytest.mark.e2e
@pytest.mark.skipif(platform.machine() != "x86_64", reason="a daemon adds its platform to steps")
async def test_steps_are_those_of_the_reference(endpoint: Endpoint) -> None:
    """A daemon knows them by the digests that it has for the reference's, so both share what it has fetched."""
    archive = llb.http("http://127.0.0.1:18431/r.tgz", "x")
    states = [REPOSITORY.folder("sub", "x"), REPOSITORY.folder("app", "x"), archive]
    seen: set[str] = set()
    session = Session([])
    async with Client.connect(endpoint) as client, client.session(session):
        for number, state in enumerate(states):
            ref = f"llb{number}"
            request = SolveRequest(ref, session.id, internal=True)
            report: Callable[[SolveUpdate], None] = lambda update: seen.update(v.digest for v in update.vertices)  # noqa: E731
            with pytest.raises(SolveError):
                async with client.build(request, Solve(ref, ()), report) as build:
                    await build.names(
                        await build.solve(GatewayRequest(frontend="", definition=state.definition())), "/"
                    )

    assert seen == {f"sha256:{digest}" for digest in RECORDED}


def test_a_definition_ends_with_what_names_its_result():
    """Its steps know each other by digest, and each has its name for users."""
    wire = REPOSITORY.folder("sub", "set context to sub").definition().wire
    message = ops_pb2.Definition.FromString(wire)
    source, copy, end = (ops_pb2.Op.FromString(op) for op in getattr(message, "def"))
    by_digest = {f"sha256:{hashlib.sha256(op).hexdigest()}": op for op in getattr(message, "def")}

    assert source.source.identifier == "git://127.0.0.1:18431/r.git"
    assert ops_pb2.Op.FromString(by_digest[copy.inputs[0].digest]) == source
    assert ops_pb2.Op.FromString(by_digest[end.inputs[0].digest]) == copy
    assert {m.description[llb.NAME] for m in message.metadata.values() if m.description} == {
        "load",
        "set context to sub",
    }
    assert set(message.metadata) == set(by_digest)


def test_names_are_no_part_of_what_a_step_is():
    """Two users of one folder share it, whatever they call it."""
    assert digest(REPOSITORY.folder("sub", "a")) == digest(REPOSITORY.folder("/sub", "b"))
    assert digest(REPOSITORY.folder("sub", "a")) != digest(REPOSITORY.folder("other", "a"))


def test_a_definition_is_the_same_each_time():
    """Attributes in another order are the same bytes."""
    turned = llb.git("127.0.0.1:18431/r.git", dict(reversed(ATTRS.items())), "load")
    assert turned.definition() == REPOSITORY.definition()

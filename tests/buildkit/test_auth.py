"""Credentials come from where Docker keeps them, and tokens from where the registry says."""

import asyncio
import hashlib
import hmac
import json
import socket
import stat
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from bakepy.buildkit.proto.session_pb2 import (
    CredentialsRequest,
    CredentialsResponse,
    FetchTokenRequest,
    FetchTokenResponse,
    GetTokenAuthorityRequest,
    GetTokenAuthorityResponse,
    VerifyTokenAuthorityRequest,
    VerifyTokenAuthorityResponse,
)
from bakepy.buildkit.session.auth import PREFIX, Auth
from bakepy.buildkit.session.credentials import HUB_KEY, Credentials, DockerConfig
from bakepy.buildkit.session.rpc import Code, RpcError
from bakepy.buildkit.session.tokens import Challenge, fetch
from tests.buildkit.calls import ask


def pair(text: str) -> str:
    return b64encode(text.encode()).decode()


def config(folder: Path, **content: object) -> DockerConfig:
    (folder / "config.json").write_text(json.dumps(content))
    return DockerConfig(folder)


CONFIGS: dict[str, tuple[dict[str, object], str, tuple[str, str]]] = {
    "nothing": ({}, "reg.example", ("", "")),
    "auth": ({"auths": {"reg.example": {"auth": pair("me:pass:word")}}}, "reg.example", ("me", "pass:word")),
    "plain fields": ({"auths": {"reg.example": {"username": "me", "password": "p"}}}, "reg.example", ("me", "p")),
    "padded by old clients": ({"auths": {"reg.example": {"auth": pair("me:p\0\0")}}}, "reg.example", ("me", "p")),
    "identity token": (
        {"auths": {"reg.example": {"auth": pair("me:p"), "identitytoken": "tok"}}},
        "reg.example",
        ("", "tok"),
    ),
    "port": ({"auths": {"reg.example:5000": {"auth": pair("me:p")}}}, "reg.example:5000", ("me", "p")),
    "another port": ({"auths": {"reg.example:5000": {"auth": pair("me:p")}}}, "reg.example", ("", "")),
    "old URL": ({"auths": {"https://reg.example/v1/": {"auth": pair("me:p")}}}, "reg.example", ("me", "p")),
    "hub": ({"auths": {HUB_KEY: {"auth": pair("me:p")}}}, "registry-1.docker.io", ("me", "p")),
    "hub by its short name": ({"auths": {HUB_KEY: {"auth": pair("me:p")}}}, "docker.io", ("me", "p")),
    "empty entry": ({"auths": {"reg.example": {}}}, "reg.example", ("", "")),
}


@pytest.mark.parametrize("case", CONFIGS)
async def test_config_files(case: str, tmp_path: Path) -> None:
    """Every form of an entry in `auths` gives user and secret."""
    content, host, expected = CONFIGS[case]
    request = CredentialsRequest(Host=host).SerializeToString()
    answer = await ask(Auth(config(tmp_path, **content)), PREFIX + "Credentials", request)
    found = CredentialsResponse.FromString(answer)

    assert (found.Username, found.Secret) == expected


async def test_no_file_is_anonymous(tmp_path: Path) -> None:
    """Without a configuration there are no credentials, and no fault."""
    assert await DockerConfig(tmp_path / "none").get("reg.example") == Credentials()


@pytest.mark.parametrize("text", ['{"auths": ', '{"auths": {"reg.example": {"auth": "%%%"}}}', "\udcff"])
async def test_a_broken_file_is_named(text: str, tmp_path: Path) -> None:
    """What cannot be read is a fault that names the file, and shows nothing of its contents."""
    path = tmp_path / "config.json"
    path.write_text(text, errors="surrogateescape")
    with pytest.raises(RpcError, match=r"config\.json") as caught:
        await DockerConfig(tmp_path).get("reg.example")

    assert "%%%" not in caught.value.message


async def test_the_environment_comes_first(tmp_path: Path) -> None:
    """DOCKER_AUTH_CONFIG wins over the file; for other hosts the file still counts."""
    config(tmp_path, auths={"a.example": {"auth": pair("file:p")}, "b.example": {"auth": pair("file:p")}})
    inline = json.dumps({"auths": {"a.example": {"auth": pair("env:p")}}})
    found = DockerConfig(tmp_path, inline)

    assert (await found.get("a.example")).username == "env"
    assert (await found.get("b.example")).username == "file"


HELPER = """#!/bin/sh
read -r host
echo "$1 $host" >> "{log}"
case "$host" in
  tokens.example) printf '{{"ServerURL": "x", "Username": "<token>", "Secret": "idtok"}}' ;;
  unknown.example) echo credentials not found in native keychain; exit 1 ;;
  broken.example) echo secret words; exit 3 ;;
  *) printf '{{"Username": "helped", "Secret": "p"}}' ;;
esac
"""


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Put a credential helper on PATH; returns what tells of its calls."""
    program, log = tmp_path / "docker-credential-test", tmp_path / "calls"
    program.write_text(HELPER.format(log=log))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return lambda: log.read_text().splitlines()


async def test_helpers(tmp_path: Path, helper: Callable[[], list[str]]) -> None:
    """A helper of the registry or the default store is asked, once for each host; the file's own entry is not used."""
    found = config(
        tmp_path,
        auths={"reg.example": {"auth": pair("file:p")}, "other.example": {"auth": pair("file:p")}},
        credHelpers={"reg.example": "test", "tokens.example": "test", "unknown.example": "test"},
    )

    assert await found.get("reg.example") == await found.get("reg.example") == Credentials("helped", "p")
    assert await found.get("tokens.example") == Credentials(identity_token="idtok")
    assert await found.get("unknown.example") == Credentials()
    assert (await found.get("other.example")).username == "file"
    assert helper() == ["get reg.example", "get tokens.example", "get unknown.example"]
    store = config(tmp_path, credsStore="test")
    assert (await store.get("docker.io")).username == "helped"
    assert helper()[-1] == f"get {HUB_KEY}"


@pytest.mark.usefixtures("helper")
async def test_helpers_that_fail(tmp_path: Path) -> None:
    """A helper that fails or is missing is named; what it printed is not shown."""
    with pytest.raises(
        RpcError, match=r"docker-credential-test failed for broken\.example with exit status 3"
    ) as caught:
        await config(tmp_path, credsStore="test").get("broken.example")
    assert "secret" not in caught.value.message
    with pytest.raises(RpcError, match="docker-credential-missing"):
        await config(tmp_path, credsStore="missing").get("reg.example")


@dataclass
class TokenServer:
    """A token endpoint over real HTTP that notes what it is asked."""

    posts: int = 200
    answer: dict[str, object] | bytes = field(default_factory=lambda: {"token": "T"})
    redirect: str = ""
    seen: list[tuple[str, str, dict[str, list[str]], str]] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def server() -> Iterator[TokenServer]:
    state = TokenServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.note(parse_qs(urlsplit(self.path).query))
            if state.redirect:
                self.send_response(307)
                self.send_header("Location", state.redirect)
                self.end_headers()
            else:
                self.reply(200)

        def do_POST(self) -> None:
            self.note(parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()))
            self.reply(state.posts)

        def note(self, values: dict[str, list[str]]) -> None:
            state.seen.append((self.command, urlsplit(self.path).path, values, self.headers.get("Authorization", "")))

        def reply(self, status: int) -> None:
            body = state.answer if status == 200 else {"errors": []}
            body = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        state.url = f"http://127.0.0.1:{running.server_port}/token"
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield state
        running.shutdown()
        thread.join()


def challenge(server: TokenServer) -> Challenge:
    return Challenge(server.url + "?extra=1", "registry", ["repository:a:pull", "repository:b:push"])


def test_an_anonymous_token(server: TokenServer) -> None:
    """Without credentials a GET carries service and scopes, and no authorization."""
    server.answer = {"token": "T", "expires_in": 300, "issued_at": "2024-01-02T03:04:05Z"}
    token = fetch(challenge(server), Credentials())

    assert (token.text, token.expires_in, token.issued_at) == ("T", 300, 1704164645)
    scopes = ["repository:a:pull", "repository:b:push"]
    assert server.seen == [("GET", "/token", {"extra": ["1"], "service": ["registry"], "scope": scopes}, "")]


@pytest.mark.parametrize(
    ("credentials", "expected"),
    [
        (Credentials("me", "p"), {"grant_type": ["password"], "username": ["me"], "password": ["p"]}),
        (Credentials(identity_token="idtok"), {"grant_type": ["refresh_token"], "refresh_token": ["idtok"]}),
    ],
    ids=["password", "identity token"],
)
def test_a_token_by_post(server: TokenServer, credentials: Credentials, expected: dict[str, list[str]]) -> None:
    """With credentials an OAuth POST is tried first."""
    server.answer = {"access_token": "A"}
    assert fetch(challenge(server), credentials).text == "A"

    method, _, form, _ = server.seen[0]
    assert method == "POST"
    assert form == expected | {
        "service": ["registry"],
        "client_id": ["buildkit-client"],
        "scope": ["repository:a:pull repository:b:push"],
    }


@pytest.mark.parametrize("status", [401, 404, 405])
def test_a_registry_that_knows_no_post(server: TokenServer, status: int) -> None:
    """Where POST is refused, a GET with basic authentication follows."""
    server.posts = status
    assert fetch(challenge(server), Credentials("me", "p")).text == "T"

    assert [(method, header) for method, _, _, header in server.seen] == [
        ("POST", ""),
        ("GET", "Basic " + pair("me:p")),
    ]


def test_credentials_do_not_follow_a_redirect(server: TokenServer) -> None:
    """A redirect to another host does not carry the authorization."""
    server.posts, server.redirect = 404, server.url.replace("127.0.0.1", "localhost") + "2"
    with pytest.raises(RpcError):  # it redirects for ever
        fetch(challenge(server), Credentials("me", "p"))

    assert next(header for _, path, _, header in server.seen if path == "/token2") == ""


@pytest.mark.parametrize(
    ("posts", "answer", "code"),
    [(403, {}, Code.PERMISSION_DENIED), (500, {}, Code.UNAVAILABLE), (200, {"no": "token"}, Code.UNAVAILABLE)],
)
def test_refusals(server: TokenServer, posts: int, answer: dict[str, object], code: Code) -> None:
    """A refusal names the place and never the password."""
    server.posts, server.answer = posts, answer
    with pytest.raises(RpcError, match=r"127\.0\.0\.1") as caught:
        fetch(challenge(server), Credentials("me", "hunter2"))

    assert caught.value.code is code
    assert "hunter2" not in caught.value.message


NO_TOKENS = {
    "deep": b"[" * 200_000,
    "long number": b'{"token": "T", "expires_in": 1' + b"0" * 5_000 + b"}",
    "not text": b"\xff",
    "surrogate": b'{"token": "\\ud800"}',
    "line end": b'{"token": "a\\r\\nb"}',
}


@pytest.mark.parametrize("answer", NO_TOKENS.values(), ids=NO_TOKENS)
def test_nonsense_is_no_token(server: TokenServer, answer: bytes) -> None:
    """An answer that cannot be read is a refusal that names the place."""
    server.answer = answer
    with pytest.raises(RpcError, match=r"no token from 127\.0\.0\.1"):
        fetch(challenge(server), Credentials())


@pytest.mark.parametrize("lifetime", ["1e30", "1" + "0" * 30, "-1", "NaN", "1e999", '"1"', "0.5"])
@pytest.mark.parametrize("issued", ["0001-01-01T00:00:00", "9999-12-31T23:59:59-23:59", "x"])
async def test_impossible_lives_are_left_out(server: TokenServer, tmp_path: Path, lifetime: str, issued: str) -> None:
    """A token whose life is out of range is passed on with the usual one."""
    server.answer = b'{"token": "T", "expires_in": %s, "issued_at": "%s"}' % (lifetime.encode(), issued.encode())
    request = FetchTokenRequest(Host="reg.example", Realm=server.url).SerializeToString()
    answer = FetchTokenResponse.FromString(await ask(Auth(config(tmp_path)), PREFIX + "FetchToken", request))
    assert (answer.Token, answer.ExpiresIn) == ("T", 60)


async def test_a_run_does_not_wait_for_a_silent_token_server(tmp_path: Path) -> None:
    """Fetching is no thread that the end of the event loop, or of the process, waits for."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        request = FetchTokenRequest(Host="reg.example", Realm=f"http://127.0.0.1:{listener.getsockname()[1]}/")
        auth = Auth(config(tmp_path))
        asking = asyncio.create_task(ask(auth, PREFIX + "FetchToken", request.SerializeToString()))
        accepting = asyncio.create_task(asyncio.to_thread(listener.accept))
        connection, _ = await accepting
        waited_for = [t for t in threading.enumerate() if not t.daemon and t is not threading.main_thread()]
        asking.cancel()
        with connection, pytest.raises(asyncio.CancelledError):
            await asking
    assert len(waited_for) <= 1  # what has accepted


@pytest.mark.parametrize("realm", ["http://[x", "file:///etc/passwd", ""])
def test_only_the_web_is_asked(realm: str) -> None:
    """A realm that is no web address is refused."""
    with pytest.raises(RpcError, match="no web address"):
        fetch(Challenge(realm, "s", []), Credentials())


def test_a_registry_token_needs_no_request() -> None:
    """A configured bearer token is handed on as it is."""
    assert fetch(Challenge("http://127.0.0.1:1", "s", []), Credentials(registry_token="R")).text == "R"


async def test_the_service_fetches_tokens(server: TokenServer, tmp_path: Path) -> None:
    """FetchToken uses the host's credentials off the loop and answers with the token's life."""
    server.answer = {"access_token": "A", "expires_in": 7}
    auth = Auth(config(tmp_path, auths={"reg.example": {"auth": pair("me:p")}}))
    request = FetchTokenRequest(Host="reg.example", Realm=server.url, Service="s", Scopes=["x"])
    answer = FetchTokenResponse.FromString(await ask(auth, PREFIX + "FetchToken", request.SerializeToString()))

    assert (answer.Token, answer.ExpiresIn, answer.IssuedAt) == ("A", 7, 0)


async def test_the_token_authority(tmp_path: Path) -> None:
    """The key is stable for a salt and host, bound to the seed file where there is a secret, and signs payloads."""
    folder = tmp_path / "docker"
    folder.mkdir()
    auth = Auth(config(folder, auths={"reg.example": {"auth": pair("me:p")}}))

    async def key(auth: Auth, host: str, salt: bytes = b"salt") -> bytes:
        request = GetTokenAuthorityRequest(Host=host, Salt=salt).SerializeToString()
        return GetTokenAuthorityResponse.FromString(await ask(auth, PREFIX + "GetTokenAuthority", request)).PublicKey

    mine = await key(auth, "reg.example")
    again = await key(Auth(DockerConfig(folder)), "reg.example")
    assert mine == again
    assert len({mine, await key(auth, "reg.example", b"other"), await key(auth, "anonymous.example")}) == 3
    seeds = folder / ".token_seed"
    assert stat.S_IMODE(seeds.stat().st_mode) == 0o600
    assert list(json.loads(seeds.read_text())) == ["reg.example"]

    request = VerifyTokenAuthorityRequest(Host="reg.example", Payload=b"payload", Salt=b"salt").SerializeToString()
    signed = VerifyTokenAuthorityResponse.FromString(await ask(auth, PREFIX + "VerifyTokenAuthority", request)).Signed
    assert signed[64:] == b"payload"
    Ed25519PublicKey.from_public_bytes(mine).verify(signed[:64], b"payload")
    # Known from RFC 2104 and RFC 8032: for an anonymous host the seed of the key is the HMAC of nothing.
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.from_private_bytes(hmac.new(b"salt", b"", hashlib.sha256).digest())
    assert await key(auth, "anonymous.example") == private.public_key().public_bytes_raw()


async def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """Where no seed can be stored the authority still holds for the session."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    inline = json.dumps({"auths": {"reg.example": {"auth": pair("me:p")}}})
    auth = Auth(DockerConfig(blocked / "docker", inline))
    request = GetTokenAuthorityRequest(Host="reg.example", Salt=b"s").SerializeToString()
    answers = await asyncio.gather(*(ask(auth, PREFIX + "GetTokenAuthority", request) for _ in range(2)))

    assert answers[0] == answers[1]

"""Functions whose results differ from run to run or with the machine, so that no recorded answer can hold them."""

from __future__ import annotations

import base64
import uuid
from datetime import UTC, datetime, timedelta, timezone

import bcrypt
import pytest

from bakepy.evaluator.functions.library import standard_library
from bakepy.evaluator.functions.record import FunctionError, call
from bakepy.records import replace
from bakepy.values.value import number, string
from tests.evaluator.functions.test_reference import LIBRARY, SURROUNDINGS

P, Q, E = 2**521 - 1, 2**607 - 1, 65537
N, D = P * Q, pow(E, -1, (P - 1) * (Q - 1))
SIZE = (N.bit_length() + 7) // 8


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    head = bytes([size]) if size < 128 else bytes([0x82]) + size.to_bytes(2, "big")
    return bytes([tag]) + head + content


def _integer(value: int) -> bytes:
    return _der(2, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def pem(*integers: int, kind: str = "RSA PRIVATE KEY", headers: str = "") -> str:
    """Return a private key in the form of RFC 8017."""
    body = base64.encodebytes(_der(0x30, b"".join(map(_integer, integers)))).decode()
    return f"-----BEGIN {kind}-----\n{headers}{body}-----END {kind}-----\n"


KEY = pem(0, N, E, D, P, Q, D % (P - 1), D % (Q - 1), pow(Q, -1, P))


def encrypt(message: bytes, *, start: bytes = b"\x00\x02") -> str:
    """Return the ciphertext of a message."""
    block = start + b"\xff" * (SIZE - 3 - len(message)) + b"\x00" + message
    return base64.b64encode(pow(int.from_bytes(block, "big"), E, N).to_bytes(SIZE, "big")).decode()


def test_decryption_returns_the_message() -> None:
    """What the public key encrypted, the private key decrypts."""
    assert call(LIBRARY["rsadecrypt"], [string(encrypt("grüße".encode())), string(KEY)]) == string("grüße")


@pytest.mark.parametrize(
    ("ciphertext", "key", "fault"),
    [
        (encrypt(b"x", start=b"\x00\x01"), KEY, "crypto/rsa: decryption error"),
        (base64.b64encode(b"\xff" * (SIZE + 1)).decode(), KEY, "crypto/rsa: decryption error"),
        (encrypt(b"x"), pem(0, N, E), "failed to parse key: it is not an RSA private key in PKCS #1 form"),
        (encrypt(b"x"), "no key", "failed to parse key: no key found"),
        (
            encrypt(b"x"),
            pem(0, N, E, D, headers="Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n"),
            "failed to parse key: password protected keys are not supported. Please decrypt the key prior to use",
        ),
    ],
)
def test_decryption_says_what_is_wrong(ciphertext: str, key: str, fault: str) -> None:
    """A fault says what is wrong and quotes nothing of the key."""
    with pytest.raises(FunctionError) as caught:
        call(LIBRARY["rsadecrypt"], [string(ciphertext), string(key)])
    assert caught.value.complaints[0].detail == f'Call to function "rsadecrypt" failed: {fault}.'


def test_passwords_are_hashed() -> None:
    """A hash is of the password, and differs from one call to the next."""
    first, second = (call(LIBRARY["bcrypt"], [string("secret"), number(4)]).text for _ in range(2))
    assert first != second
    assert bcrypt.checkpw(b"secret", first.encode())
    assert first.startswith("$2a$04$")


def test_random_identifiers() -> None:
    """A random UUID is one of version 4, and a new one each time."""
    first, second = (call(LIBRARY["uuidv4"], []).text for _ in range(2))
    assert first != second
    assert uuid.UUID(first).version == 4


@pytest.mark.parametrize(
    "now", [datetime(2024, 5, 6, 7, 8, 9, 10, UTC), datetime(2024, 5, 6, 9, 8, 9, 10, timezone(timedelta(hours=2)))]
)
def test_time_is_that_of_the_surroundings(now: datetime) -> None:
    """The time comes from outside and is given in UTC."""
    library = standard_library(replace(SURROUNDINGS, now=lambda: now))
    assert call(library["timestamp"], []) == string("2024-05-06T07:08:09Z")


def test_home_is_that_of_the_surroundings() -> None:
    """The home directory comes from outside."""
    library = standard_library(replace(SURROUNDINGS, home=lambda: "/home/me"))
    assert call(library["homedir"], []) == string("/home/me")

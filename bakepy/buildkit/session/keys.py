"""Be an SSH agent for key files that the user names.

The protocol is draft-ietf-sshm-ssh-agent's; keys and signatures have the forms of RFC 4253, 5656, 8332 and 8709.
"""

from __future__ import annotations

import struct
from base64 import b64decode
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bakepy.buildkit.session.reading import read
from bakepy.diagnostics import BakeError
from bakepy.records import Record

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    PrivateKey = Ed25519PrivateKey | RSAPrivateKey | EllipticCurvePrivateKey

REQUEST_IDENTITIES, IDENTITIES, SIGN_REQUEST, SIGNATURE = 11, 12, 13, 14
RSA_SHA256, RSA_SHA512 = 2, 4
"""Flags of a request to sign."""
LIMIT = 100 * 1024
"""The most bytes of a key file."""


class Identity(Record):
    """Hold a private key with its public key in SSH's form."""

    __slots__ = ("private", "blob", "name")
    __repr__ = object.__repr__  # holds secrets: shows nothing of itself

    def __init__(self, private: PrivateKey, blob: bytes, name: str) -> None:
        self.private: Final = private
        self.blob: Final = blob
        self.name: Final = name


class Keys:
    """Answer an agent's two requests that use keys, and no other."""

    def __init__(self, identities: Sequence[Identity]) -> None:
        self._identities = identities

    @classmethod
    async def load(cls, paths: Iterable[Path]) -> Keys:
        """Read private keys in PEM or OpenSSH's form; raises BakeError, also for keys with a passphrase."""
        return cls([_load(path, await _read(path)) for path in paths])

    def answer(self, request: bytes) -> bytes | None:
        """Return the answer to a request without its length; None where the answer is a failure."""
        kind, rest = request[:1], request[1:]
        if kind == bytes([REQUEST_IDENTITIES]):
            listed = b"".join(_string(i.blob) + _string(i.name.encode()) for i in self._identities)
            return struct.pack(">BI", IDENTITIES, len(self._identities)) + listed
        if kind == bytes([SIGN_REQUEST]):
            return self._sign(rest)
        return None

    def _sign(self, request: bytes) -> bytes | None:
        try:
            blob, rest = _cut(request)
            data, rest = _cut(rest)
            (flags,) = struct.unpack(">I", rest)
        except (struct.error, ValueError):
            return None
        for identity in self._identities:
            if identity.blob == blob:
                algorithm, signature = _signature(identity.private, data, flags)
                return bytes([SIGNATURE]) + _string(_string(algorithm) + _string(signature))
        return None


async def _read(path: Path) -> bytes:
    try:
        return await read(path, LIMIT)
    except OSError as error:
        raise BakeError.of(f"failed to open {path}: {error.strerror}") from error


def _load(path: Path, text: bytes) -> Identity:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization as ser
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    hint = "add it to an agent with ssh-add, and leave the key's path out"
    try:
        read = ser.load_ssh_private_key if b"BEGIN OPENSSH PRIVATE KEY" in text else ser.load_pem_private_key
        key = read(text, None)
    except TypeError:
        raise BakeError.of(f"the SSH key {path} has a passphrase", hint=hint) from None
    except (ValueError, UnsupportedAlgorithm):
        raise BakeError.of(f"failed to parse {path}: no private key of a known form", hint=hint) from None
    if not isinstance(key, ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise BakeError.of(f"failed to parse {path}: keys of this kind are not supported", hint=hint)
    line = key.public_key().public_bytes(ser.Encoding.OpenSSH, ser.PublicFormat.OpenSSH)
    return Identity(key, b64decode(line.split()[1]), str(path))


def _signature(key: PrivateKey, data: bytes, flags: int) -> tuple[bytes, bytes]:
    """Return the algorithm's name and the signature."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    if isinstance(key, rsa.RSAPrivateKey):
        if flags & RSA_SHA512:
            return b"rsa-sha2-512", key.sign(data, padding.PKCS1v15(), hashes.SHA512())
        if flags & RSA_SHA256:
            return b"rsa-sha2-256", key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        # What a request without flags means (RFC 4253, 6.6).
        return b"ssh-rsa", key.sign(data, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303
    if isinstance(key, ec.EllipticCurvePrivateKey):
        size = key.curve.key_size
        hashed = hashes.SHA256() if size <= 256 else hashes.SHA384() if size <= 384 else hashes.SHA512()
        r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashed)))
        return f"ecdsa-sha2-nistp{size}".encode(), _number(r) + _number(s)
    return b"ssh-ed25519", key.sign(data)


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _number(value: int) -> bytes:
    # One bit more than the number has, since SSH's numbers are signed.
    return _string(value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _cut(data: bytes) -> tuple[bytes, bytes]:
    """Return the string that data starts with, and the rest."""
    (size,) = struct.unpack_from(">I", data)
    if len(data) < 4 + size:
        raise ValueError("cut short")
    return data[4 : 4 + size], data[4 + size :]

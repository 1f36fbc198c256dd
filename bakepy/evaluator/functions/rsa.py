"""Decrypt RSA, PKCS #1 version 1.5 (RFC 8017), with private keys in the form that RFC 8017 gives them."""

from __future__ import annotations

import base64
import binascii
import re
from typing import NamedTuple

from bakepy.evaluator.functions.record import CallFault

_PEM = re.compile(r"-----BEGIN ([^-]*)-----\s*\n(.*?)-----END \1-----", re.DOTALL)
_INTEGER, _SEQUENCE = 0x02, 0x30
_MIN_PADDING = 8


class _Key(NamedTuple):
    modulus: int
    exponent: int


def decrypt(ciphertext: bytes, pem: str) -> bytes:
    """Return the message of a ciphertext.

    Raises:
        CallFault: where the text is no private key, or the key does not fit the ciphertext. Neither is quoted.

    """
    key = _read_key(pem)
    size = (key.modulus.bit_length() + 7) // 8
    number = int.from_bytes(ciphertext, "big")
    if len(ciphertext) > size or number >= key.modulus:
        raise CallFault("crypto/rsa: decryption error")
    block = pow(number, key.exponent, key.modulus).to_bytes(size, "big")
    end = block.find(b"\x00", 2)
    if block[:2] != b"\x00\x02" or end < 2 + _MIN_PADDING:
        raise CallFault("crypto/rsa: decryption error")
    return block[end + 1 :]


def _read_key(pem: str) -> _Key:
    match = _PEM.search(pem.replace("\r\n", "\n"))
    if match is None:
        raise CallFault("failed to parse key: no key found")
    if "Proc-Type: 4,ENCRYPTED" in match[2]:
        raise CallFault(
            "failed to parse key: password protected keys are not supported. Please decrypt the key prior to use"
        )
    try:
        der = base64.b64decode(match[2].rpartition("\n\n")[2])
        tag, body, _ = _element(der)
        numbers = []
        while body:
            kind, content, body = _element(body)
            if kind != _INTEGER:
                raise ValueError
            numbers.append(int.from_bytes(content, "big"))
        if tag != _SEQUENCE or len(numbers) < 9 or numbers[0] not in (0, 1):
            raise ValueError
    except (binascii.Error, ValueError, IndexError):
        raise CallFault("failed to parse key: it is not an RSA private key in PKCS #1 form") from None
    return _Key(numbers[1], numbers[3])


def _element(der: bytes) -> tuple[int, bytes, bytes]:
    """Split off the first element: its tag, its content, and what follows."""
    tag, length, start = der[0], der[1], 2
    if length & 0x80:
        start = 2 + (length & 0x7F)
        length = int.from_bytes(der[2:start], "big")
    if start + length > len(der):
        raise ValueError
    return tag, der[start : start + length], der[start + length :]

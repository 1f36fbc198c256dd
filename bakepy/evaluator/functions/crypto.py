"""Functions that hash, decrypt, and make identifiers."""

from __future__ import annotations

from collections.abc import Sequence

from bakepy.evaluator.functions.arguments import integer, strings
from bakepy.evaluator.functions.library import Surroundings
from bakepy.evaluator.functions.record import CallFault, Function, Parameter
from bakepy.values.strings import quoted
from bakepy.values.types import NUMBER, STRING, Type
from bakepy.values.value import Value, string


def _hashing(name: str) -> Function:
    def run(args: Sequence[Value], returns: Type) -> Value:
        import hashlib

        return string(hashlib.new(name, args[0].text.encode(), usedforsecurity=False).hexdigest())

    return Function(name, strings("str"), None, STRING, run, f"Returns the {name.upper()} hash in hexadecimal digits.")


_MAX_PASSWORD, _MIN_COST, _MAX_COST, _USUAL_COST = 72, 4, 31, 10
_QUICK_COST = 18
"""Each step up doubles the time; nothing stops a hash that is being made."""


def _bcrypt(args: Sequence[Value], returns: Type) -> Value:
    import bcrypt

    cost = integer(args[1]) if len(args) > 1 else _USUAL_COST
    if len(args) > 2:
        raise CallFault("bcrypt() takes no more than two arguments")
    password = args[0].text.encode()
    if len(password) > _MAX_PASSWORD:
        raise CallFault(f"error occured generating password bcrypt: password length exceeds {_MAX_PASSWORD} bytes")
    if cost > _MAX_COST:
        raise CallFault(
            "error occured generating password crypto/bcrypt: cost"
            f" {cost} is outside allowed inclusive range {_MIN_COST}..{_MAX_COST}"
        )
    if cost > _QUICK_COST:
        raise CallFault(f"a cost of {cost} takes minutes; the most is {_QUICK_COST}")
    salt = bcrypt.gensalt(cost if cost >= _MIN_COST else _USUAL_COST, prefix=b"2a")
    return string(bcrypt.hashpw(password, salt).decode())


def _rsa_decrypt(args: Sequence[Value], returns: Type) -> Value:
    from bakepy.evaluator.functions.encoding import decode_base64
    from bakepy.evaluator.functions.rsa import decrypt

    ciphertext = decode_base64(args[0].text)
    if ciphertext is None:
        raise CallFault(f"failed to decode input {quoted(args[0].text)}: cipher text must be base64-encoded")
    return string(decrypt(ciphertext, args[1].text).decode("utf-8", "replace"))


def _uuid_v4(args: Sequence[Value], returns: Type) -> Value:
    import uuid

    return string(str(uuid.uuid4()))


def _uuid_v5(args: Sequence[Value], returns: Type) -> Value:
    import uuid

    known = {
        "dns": uuid.NAMESPACE_DNS,
        "url": uuid.NAMESPACE_URL,
        "oid": uuid.NAMESPACE_OID,
        "x500": uuid.NAMESPACE_X500,
    }
    name = args[0].text
    namespace = known.get(name)
    if namespace is None:
        try:
            namespace = uuid.UUID(name)
        except ValueError:
            fault = "invalid UUID format" if len(name) in (32, 36, 38, 45) else f"invalid UUID length: {len(name)}"
            raise CallFault(f"uuidv5() doesn't support namespace {name} ({fault})") from None
    return string(str(uuid.uuid5(namespace, args[1].text)))


def functions(surroundings: Surroundings) -> list[Function]:
    """Return the records of this family."""
    return [
        *map(_hashing, ("md5", "sha1", "sha256", "sha512")),
        Function(
            "bcrypt",
            strings("str"),
            Parameter("cost", NUMBER),
            STRING,
            _bcrypt,
            "Hashes a password with the Blowfish cipher; the salt differs each time.",
        ),
        Function(
            "rsadecrypt",
            strings("ciphertext", "privatekey"),
            None,
            STRING,
            _rsa_decrypt,
            "Decrypts an RSA ciphertext (PKCS #1 v1.5), given in base64, with a private key in PEM.",
        ),
        Function("uuidv4", (), None, STRING, _uuid_v4, "Returns a random UUID."),
        Function("uuidv5", strings("namespace", "name"), None, STRING, _uuid_v5, "Returns the UUID of a name."),
    ]

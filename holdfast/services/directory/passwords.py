"""Passwords and what is kept of them: never the password.

A person's password is kept as argon2id; app passwords, which we make ourselves with 125 random bits, as SHA-256, since
nobody can guess through those. Beside both lie the keys of SCRAM-SHA-256. Everything here but new_app_password's dice is
slow on purpose: call it in a thread and before a transaction, never in one.
RFC 9106 (argon2), RFC 5802 and RFC 7677 (SCRAM), OWASP password storage (19 MiB).
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import unicodedata
from functools import cache
from typing import TYPE_CHECKING

import msgspec

from holdfast.errors import Invalid
from holdfast.services.directory.types import APP_PASSWORD, PASSWORD

if TYPE_CHECKING:
    from argon2 import PasswordHasher

MEMORY_KIB = 19 * 1024
PASSES = 3
"""About 30 ms on a common core."""
SCRAM_ITERATIONS = 100_000
"""About 25 ms on a common core; each client pays as much at sign-in. RFC 7677 §4 wants at least 4096."""
SHORTEST = 8
LONGEST = 1024
"""Characters; without a limit a sign-in could be made as expensive as its sender likes."""

APP_PREFIX = "hfapp"
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # 32 characters, none of which looks like another
_GROUPS, _GROUP = 5, 5


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of one password, ready to be written. The keys hold for this salt and no other."""

    kind: str
    verifier: str
    salt: bytes
    iterations: int
    stored_key: bytes
    server_key: bytes


def new_salt() -> bytes:
    """A salt for an account's SCRAM keys."""
    return os.urandom(16)


def new_password() -> str:
    """A password that a person may type: 80 random bits in four groups."""
    return _groups(4, 4)


def prepare(password: str, salt: bytes | None = None) -> Prepared:
    """Make what is kept of a person's password. salt: the account's, a new one by default. Invalid: too short or long."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise Invalid("password", why=f"a password has {SHORTEST} to {LONGEST} characters")
    return _prepared(PASSWORD, _hasher().hash(normal(password)), password, salt or new_salt())


def new_app_password(salt: bytes) -> tuple[str, Prepared]:
    """A new app password and what is kept of it. salt: the account's."""
    text = f"{APP_PREFIX}-{_groups(_GROUPS, _GROUP)}"
    return text, _prepared(APP_PASSWORD, app_digest(text), text, salt)


def verify(verifier: str, password: str) -> bool:
    """Whether a person's password is the one that was prepared. About 30 ms."""
    from argon2.exceptions import VerificationError

    try:
        return _hasher().verify(verifier, normal(password[: LONGEST + 1]))
    except VerificationError:
        return False


def verify_nothing(password: str) -> None:
    """Take as long as verify, for someone who does not exist."""
    verify(_nobody(), password)


def looks_like_app_password(password: str) -> bool:
    """Whether it could be one of ours, however a person typed the hyphens."""
    return len(_plain(password)) == len(APP_PREFIX) + _GROUPS * _GROUP and _plain(password).startswith(APP_PREFIX)


def app_digest(password: str) -> str:
    """What is kept of an app password; hyphens, spaces and capitals make no difference."""
    return hashlib.sha256(_plain(password).encode()).hexdigest()


def normal(password: str) -> str:
    """A password as it is compared: the same characters, however a keyboard composed them (RFC 8265 §4.2)."""
    return password if password.isascii() else unicodedata.normalize("NFC", password)


def scram_keys(password: str, salt: bytes, iterations: int) -> tuple[bytes, bytes]:
    """StoredKey and ServerKey of SCRAM-SHA-256. RFC 5802 §3."""
    salted = hashlib.pbkdf2_hmac("sha256", saslprep(password).encode(), salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    return hashlib.sha256(client_key).digest(), hmac.digest(salted, b"Server Key", "sha256")


def saslprep(password: str) -> str:
    """A password as SCRAM's two sides agree on it: other spaces are spaces, then NFKC. RFC 4013 §2.1, §2.2."""
    if password.isascii():
        return password
    spaced = "".join(" " if unicodedata.category(character) == "Zs" else character for character in password)
    return unicodedata.normalize("NFKC", spaced)


def _prepared(kind: str, verifier: str, password: str, salt: bytes) -> Prepared:
    stored_key, server_key = scram_keys(password, salt, SCRAM_ITERATIONS)
    return Prepared(
        kind=kind,
        verifier=verifier,
        salt=salt,
        iterations=SCRAM_ITERATIONS,
        stored_key=stored_key,
        server_key=server_key,
    )


def _groups(count: int, length: int) -> str:
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(length)) for _ in range(count))


def _plain(password: str) -> str:
    return password[:200].lower().replace("-", "").replace(" ", "")


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher  # only when somebody signs in: it costs memory and start time

    return PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=1)


@cache
def _nobody() -> str:
    return _hasher().hash(secrets.token_hex(16))

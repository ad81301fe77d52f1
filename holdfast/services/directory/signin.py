"""Signing in: whether a login and a password are somebody's, asked of the address map alone.

Owns the small memory of what was verified, so that a mail client that signs in every few seconds costs microseconds, and
the last use of app passwords until somebody writes it down. Leaves rate limits and answers to the doors.
What is remembered of a password is a keyed digest; the key lives as long as this process.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import threading
from collections import OrderedDict

import msgspec

from holdfast.errors import Forbidden, Unavailable
from holdfast.ids import AccountId
from holdfast.metrics import counter
from holdfast.services.directory import names, passwords
from holdfast.services.directory.map import AddressMap, Person, person_named
from holdfast.services.directory.store import USE_INTERVAL_MS
from holdfast.services.directory.types import APP_PASSWORD, PASSWORD, Credential, CredentialId, Principal

AT_ONCE = 2
"""Passwords that are verified at the same time: each takes a core and 19 MiB."""
PATIENCE_S = 10.0
REMEMBERED = 20_000

SIGN_INS = counter("sign_ins", "Sign-ins by outcome", ["outcome"])


class Use(msgspec.Struct, frozen=True):
    """An app password was used; for store.record_use."""

    credential: CredentialId
    at_ms: int


class ScramKeys(msgspec.Struct, frozen=True):
    """What SCRAM-SHA-256 needs of one account: any of the keys may be the one that the client's password makes.

    keys: (credential, StoredKey, ServerKey), RFC 5802 §3. Of somebody unknown they are empty and the rest looks real.
    """

    salt: bytes
    iterations: int
    keys: tuple[tuple[CredentialId, bytes, bytes], ...]


class SignIn:
    """One for each process. Callable from any thread; check may take 30 ms and more, so call it in one.

    secret: the same in all processes, or SCRAM's salt of somebody unknown would differ between them and tell.
    """

    def __init__(self, secret: bytes = b"") -> None:
        self._secret = secret or os.urandom(32)
        self._key = os.urandom(32)
        self._verified: OrderedDict[tuple[AccountId, bytes], tuple[int, CredentialId]] = OrderedDict()
        self._used: dict[CredentialId, int] = {}
        self._to_record: dict[CredentialId, int] = {}
        self._lock = threading.Lock()
        self._turns = threading.BoundedSemaphore(AT_ONCE)

    def recall(self, map_: AddressMap, login: str, password: str, now_ms: int) -> Principal | None:
        """Who it is, if this very password was verified before and still holds; takes microseconds, never waits."""
        person = person_named(map_, login)
        if person is None or person.principal.disabled:
            return None
        principal = person.principal
        remembered = (principal.account, self._digest(principal.account, password))
        with self._lock:
            known = self._verified.get(remembered)
            if known is None:
                return None
            version, credential = known
            if version != principal.credential_version:
                del self._verified[remembered]
                return None
            self._verified.move_to_end(remembered)
        self._note_use(person, credential, now_ms)
        SIGN_INS.labels("remembered").inc()
        return principal

    def check(self, map_: AddressMap, login: str, password: str, now_ms: int) -> Principal:
        """Who it is. Forbidden: wrong, unknown, or disabled. Unavailable: too many sign in at this moment.

        Somebody who does not exist takes as long as somebody whose password is wrong.
        """
        principal = self.recall(map_, login, password, now_ms)
        if principal is not None:
            return principal
        person = person_named(map_, login)
        credential = self._verify(person, password)
        if person is None or credential is None:
            SIGN_INS.labels("refused").inc()
            raise Forbidden("sign-in", login, "the name or the password is wrong")
        return self._welcome(person, credential, login, password, now_ms)

    def scram_keys(self, map_: AddressMap, login: str) -> ScramKeys:
        """What SCRAM needs of an account; of somebody unknown something that looks the same at each try."""
        person = person_named(map_, login)
        if person is None:
            salt = hmac.digest(self._secret, names.fold(login).encode(errors="surrogatepass"), "sha256")[:16]
            return ScramKeys(salt, passwords.SCRAM_ITERATIONS, ())
        principal = person.principal
        keys = tuple((some.id, some.stored_key, some.server_key) for some in person.credentials)
        return ScramKeys(principal.scram_salt, principal.scram_iterations, keys)

    def accept(self, map_: AddressMap, login: str, credential: CredentialId, now_ms: int) -> Principal:
        """Who it is, after SCRAM proved one of the keys. Forbidden: gone or disabled meanwhile."""
        person = person_named(map_, login)
        if person is None or all(some.id != credential for some in person.credentials):
            SIGN_INS.labels("refused").inc()
            raise Forbidden("sign-in", login, "the name or the password is wrong")
        return self._welcome(person, credential, login, None, now_ms)

    def take_uses(self) -> list[Use]:
        """Uses of app passwords that nobody has written down yet; each is answered once."""
        with self._lock:
            uses = [Use(credential, at_ms) for credential, at_ms in self._to_record.items()]
            self._to_record.clear()
        return uses

    # -- inside ---------------------------------------------------------------------------------------------------

    def _verify(self, person: Person | None, password: str) -> CredentialId | None:
        credentials = person.credentials if person else ()
        if passwords.looks_like_app_password(password):
            digest = passwords.app_digest(password)
            for some in credentials:
                if some.kind == APP_PASSWORD and hmac.compare_digest(some.verifier, digest):
                    return some.id
        own = next((some for some in credentials if some.kind == PASSWORD), None)
        return self._verify_slowly(own, password)

    def _verify_slowly(self, own: Credential | None, password: str) -> CredentialId | None:
        if not self._turns.acquire(timeout=PATIENCE_S):
            raise Unavailable("sign-in", why="too many people sign in at this moment")
        try:
            if own is None:
                passwords.verify_nothing(password)
                return None
            return own.id if passwords.verify(own.verifier, password) else None
        finally:
            self._turns.release()

    def _welcome(
        self, person: Person, credential: CredentialId, login: str, password: str | None, now_ms: int
    ) -> Principal:
        principal = person.principal
        if principal.disabled:
            SIGN_INS.labels("disabled").inc()
            raise Forbidden("sign-in", login, "this account is disabled")
        if password is not None:
            remembered = (principal.account, self._digest(principal.account, password))
            with self._lock:
                self._verified[remembered] = (principal.credential_version, credential)
                if len(self._verified) > REMEMBERED:
                    self._verified.popitem(last=False)
        self._note_use(person, credential, now_ms)
        SIGN_INS.labels("verified").inc()
        return principal

    def _digest(self, account: AccountId, password: str) -> bytes:
        person = account.to_bytes(8, "big")
        return hashlib.blake2b(password.encode(errors="surrogatepass"), key=self._key, person=person).digest()

    def _note_use(self, person: Person, credential: CredentialId, now_ms: int) -> None:
        if now_ms - self._used.get(credential, 0) < USE_INTERVAL_MS:
            return
        if not any(some.id == credential and some.kind == APP_PASSWORD for some in person.credentials):
            return
        with self._lock:
            self._used[credential] = now_ms
            self._to_record[credential] = now_ms

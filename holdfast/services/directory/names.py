"""When two addresses are the same: local parts without regard to case, domains as the DNS sees them.

RFC 5321 §2.4 lets the owner of a domain decide on the case of local parts; we decide that it does not matter, as people
expect. RFC 5890 §2.3.2.1 (A-labels and U-labels), RFC 6530 §7.1 (addresses beyond ASCII are compared normalised).
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from holdfast.errors import Invalid

_QUOTED = re.compile(r"\\(.)", re.DOTALL)
_LABELS = re.compile(
    r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
)


def fold_local(local_part: str) -> str:
    """A local part as it is compared; a quoted string means what stands between its quotes (RFC 5321 §4.1.2)."""
    if len(local_part) > 1 and local_part[0] == '"' == local_part[-1]:
        local_part = _QUOTED.sub(r"\1", local_part[1:-1])
    if local_part.isascii():
        return local_part.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", local_part).casefold())


def fold_domain(domain: str) -> str:
    """A domain as it is compared: A-labels in lower case without a final dot. What is no domain name stays what it is."""
    if domain.isascii():
        return domain.lower().removesuffix(".")
    return _a_labels(domain)


@lru_cache(maxsize=10_000)
def _a_labels(domain: str) -> str:
    # gap: Python's own codec maps by IDNA 2003, so that "straße" and "strasse" are one domain.
    try:
        return unicodedata.normalize("NFKC", domain).encode("idna").decode("ascii").lower().removesuffix(".")
    except UnicodeError:
        return domain.lower()


def check_domain(domain: str) -> str:
    """A domain name as it is kept. Invalid: nobody could send mail to it."""
    name = fold_domain(domain.strip())
    if not _LABELS.fullmatch(name):
        raise Invalid("domain", domain, "this is not a domain name")
    return name


def split(address: str) -> tuple[str, str]:
    """An address as its folded local part and domain; the domain is "" where there is none."""
    local_part, at, domain = address.rpartition("@")
    if not at:
        return fold_local(address), ""
    return fold_local(local_part), fold_domain(domain)


def fold(address: str) -> str:
    """An address as it is compared."""
    local_part, domain = split(address)
    return f"{local_part}@{domain}" if domain else local_part


def check_address(address: str) -> tuple[str, str]:
    """An address of somebody, as its folded local part and domain. Invalid: it cannot be one."""
    local_part, domain = split(address.strip())
    if not local_part or not domain or len(local_part) > 64:
        raise Invalid("address", address, "this is not a mail address")
    if any(character.isspace() or not character.isprintable() for character in local_part):
        raise Invalid("address", address, "the part before the @ has a character that is not allowed there")
    return local_part, check_domain(domain)

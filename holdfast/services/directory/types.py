"""What exists in the directory: the shapes that doors show and the types that the kernel keeps in order."""

from __future__ import annotations

from typing import NewType

import msgspec

from holdfast.ids import AccountId, ObjectId, OrganisationId
from holdfast.kernel.types import ObjectType
from holdfast.services.directory.tables import addresses, domains, organisations, principals

CredentialId = NewType("CredentialId", int)

CATCH_ALL = ""
"""The local part of the address that takes what no other address of its domain takes."""

PASSWORD = "password"
APP_PASSWORD = "app"


class Organisation(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A tenant: owns domains and accounts."""

    id: OrganisationId
    name: str
    created_at: int


class Domain(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A domain whose mail is ours. name: A-labels in lower case, as in the DNS."""

    id: ObjectId
    organisation_id: OrganisationId
    name: str
    created_at: int


class Address(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An arrow from an address to one place: an account of this fleet (to_account) or any address (to_address)."""

    id: ObjectId
    domain_id: ObjectId
    local_part: str
    to_account: AccountId
    to_address: str
    created_at: int


class Credential(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One way to prove to be an account's owner. The keys are of SCRAM-SHA-256, RFC 5802 §3."""

    id: CredentialId
    kind: str
    label: str
    verifier: str
    stored_key: bytes
    server_key: bytes
    created_at: int
    last_used_at: int


class Principal(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Who acts: a person, a group, a service. account is what it owns, name is what it signs in with."""

    id: ObjectId
    account: AccountId
    organisation_id: OrganisationId
    kind: str
    name: str
    display_name: str
    administrator: bool
    disabled: bool
    credential_version: int
    scram_salt: bytes
    scram_iterations: int


ORGANISATION = ObjectType("Organisation", Organisation, organisations)
DOMAIN = ObjectType("Domain", Domain, domains)
ADDRESS = ObjectType("Address", Address, addresses)
PRINCIPAL = ObjectType("Principal", Principal, principals)

TYPES = (ORGANISATION, DOMAIN, ADDRESS, PRINCIPAL)

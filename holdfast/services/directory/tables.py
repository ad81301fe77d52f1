"""The tables of the directory.

The directory is itself an account (kind "directory"), so that its change log is what every node follows. Organisations,
domains, addresses and principals are objects in it. Credentials and their keys are side tables of the account they open;
a change of them is told as a change of the principal.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, String, Table, Text, UniqueConstraint

from holdfast.kernel.schema import RowNumber, metadata

organisations = Table(
    "organisations",
    metadata,
    Column("account_id", BigInteger, primary_key=True),
    Column("id", BigInteger, primary_key=True),
    Column("name", String(255), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("account_id", "name", name="organisations_name"),
)

domains = Table(
    "domains",
    metadata,
    Column("account_id", BigInteger, primary_key=True),
    Column("id", BigInteger, primary_key=True),
    Column("organisation_id", BigInteger, nullable=False),
    Column("name", String(255), nullable=False),  # A-labels, lower case
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("account_id", "name", name="domains_name"),
)
Index("domains_organisation", domains.c.account_id, domains.c.organisation_id)

addresses = Table(
    "addresses",
    metadata,
    # One row is one arrow from an address to a place; an alias of several targets has several.
    Column("account_id", BigInteger, primary_key=True),
    Column("id", BigInteger, primary_key=True),
    Column("domain_id", BigInteger, nullable=False),
    Column("local_part", String(255), nullable=False),  # folded; "" is the catch-all of its domain
    Column("to_account", BigInteger, nullable=False, server_default="0"),  # 0: to_address says where
    Column("to_address", String(320), nullable=False, server_default=""),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("account_id", "domain_id", "local_part", "to_account", "to_address", name="addresses_once"),
)
Index("addresses_to", addresses.c.account_id, addresses.c.to_account)

principals = Table(
    "principals",
    metadata,
    Column("account_id", BigInteger, primary_key=True),
    Column("id", BigInteger, primary_key=True),
    Column("person_id", BigInteger, nullable=False),  # the account of this person, group, room ...
    Column("administrator", Boolean, nullable=False, server_default="0"),
    Column("credential_version", BigInteger, nullable=False, server_default="1"),
    Column("scram_salt", LargeBinary(32), nullable=False),  # one for all credentials: SCRAM has room for one
    Column("scram_iterations", Integer, nullable=False),
    UniqueConstraint("account_id", "person_id", name="principals_person"),
)

credentials = Table(
    "credentials",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("account_id", BigInteger, nullable=False),  # whom it opens
    Column("kind", String(16), nullable=False),  # password, app
    Column("label", String(255), nullable=False, server_default=""),
    Column("verifier", Text, nullable=False),  # argon2id of a password, SHA-256 in hex of an app password
    Column("stored_key", LargeBinary(32), nullable=False),  # RFC 5802 §3
    Column("server_key", LargeBinary(32), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("last_used_at", BigInteger, nullable=False, server_default="0"),  # app passwords; to about ten minutes
    # Numbers are never used again: what is remembered of one can never be of another.
    sqlite_autoincrement=True,
)
Index("credentials_account", credentials.c.account_id, credentials.c.id)

"""The tables that every service stands on, and the metadata in which all tables are declared.

Every key begins with the account, so that a cell can be spread over machines later. The exceptions are contents that
are named by what they are (blobs) and work that belongs to the cell as a whole (positions).
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

# SQLite gives a table its fast rowid only for INTEGER PRIMARY KEY; PostgreSQL wants 64 bits.
RowNumber = BigInteger().with_variant(Integer, "sqlite")

accounts = Table(
    "accounts",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("organisation_id", BigInteger, nullable=False),
    Column("kind", String(16), nullable=False),  # person, group, shared, room, site, directory
    Column("name", String(320), nullable=False),  # the address that a person signs in with
    Column("display_name", String(255), nullable=False, server_default=""),
    Column("modseq", BigInteger, nullable=False, server_default="0"),
    Column("next_object", BigInteger, nullable=False, server_default="1"),
    Column("quota_bytes", BigInteger, nullable=True),  # None: no limit
    Column("quota_objects", BigInteger, nullable=True),
    Column("used_bytes", BigInteger, nullable=False, server_default="0"),
    Column("used_objects", BigInteger, nullable=False, server_default="0"),
    Column("disabled", Boolean, nullable=False, server_default="0"),
    Column("created_at", BigInteger, nullable=False),  # ms since 1970, as every *_at
    UniqueConstraint("name", name="accounts_name"),
    # A number that was used again would hand its new owner what others still remember of the old one.
    sqlite_autoincrement=True,
)

changes = Table(
    "changes",
    metadata,
    Column("account_id", BigInteger, primary_key=True),
    Column("type", String(32), primary_key=True),
    Column("modseq", BigInteger, primary_key=True),
    Column("object_id", BigInteger, primary_key=True),
    Column("what", SmallInteger, nullable=False),  # changes.CREATED, UPDATED, DESTROYED
    sqlite_with_rowid=False,
)

blobs = Table(
    "blobs",
    metadata,
    Column("no", RowNumber, primary_key=True, autoincrement=True),
    Column("id", LargeBinary(32), nullable=False, unique=True),  # SHA-256 of the content
    Column("size", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("data", LargeBinary, nullable=True),  # None: in the blob store
    # Numbers are never used again, so that what is remembered of a number can never be of another content.
    sqlite_autoincrement=True,
)

rights = Table(
    "rights",
    metadata,
    Column("account_id", BigInteger, primary_key=True),
    Column("principal_id", BigInteger, primary_key=True),  # the account of the person or group who may
    Column("right", String(16), primary_key=True),  # owner, read, write, send-as
    sqlite_with_rowid=False,
)
Index("rights_principal", rights.c.principal_id, rights.c.account_id)

jobs = Table(
    "jobs",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("account_id", BigInteger, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("key", String(255), nullable=False),  # one job for each (account, kind, key)
    Column("due_at", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("lease_until", BigInteger, nullable=False, server_default="0"),
    Column("owner", String(64), nullable=False, server_default=""),
    Column("payload", LargeBinary, nullable=False),
    Column("error", Text, nullable=False, server_default=""),
    UniqueConstraint("account_id", "kind", "key", name="jobs_once"),
    sqlite_autoincrement=True,  # a worker that comes late must not finish a newer job of the same number
)
Index("jobs_due", jobs.c.kind, jobs.c.due_at, jobs.c.id)

cursors = Table(
    "cursors",
    metadata,
    Column("account_id", BigInteger, primary_key=True),
    Column("follower", String(64), primary_key=True),
    Column("modseq", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

positions = Table(
    "positions",
    metadata,
    Column("name", String(128), primary_key=True),  # such as "intake/1"
    Column("position", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

keys = Table(
    "keys",
    metadata,
    Column("account_id", BigInteger, primary_key=True),
    Column("scope", String(32), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("object_id", BigInteger, nullable=False),  # what the first try made
    Column("created_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
Index("keys_age", keys.c.created_at)

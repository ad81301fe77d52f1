"""The first schema. Written by scripts/regenerate-first-migration while nothing is released."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("organisation_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=320), nullable=False),
        sa.Column("display_name", sa.String(length=255), server_default="", nullable=False),
        sa.Column("modseq", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("next_object", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("quota_bytes", sa.BigInteger(), nullable=True),
        sa.Column("quota_objects", sa.BigInteger(), nullable=True),
        sa.Column("used_bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("used_objects", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("disabled", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name", name="accounts_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "addresses",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("domain_id", sa.BigInteger(), nullable=False),
        sa.Column("local_part", sa.String(length=255), nullable=False),
        sa.Column("to_account", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("to_address", sa.String(length=320), server_default="", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "id"),
        sa.UniqueConstraint("account_id", "domain_id", "local_part", "to_account", "to_address", name="addresses_once"),
    )
    op.create_index("addresses_to", "addresses", ["account_id", "to_account"], unique=False)
    op.create_table(
        "blobs",
        sa.Column("no", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("no"),
        sa.UniqueConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "buried",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("text_id", sa.BigInteger(), nullable=False),
        sa.Column("blob_no", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "text_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("buried_blob", "buried", ["blob_no"], unique=False)
    op.create_table(
        "changes",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("modseq", sa.BigInteger(), nullable=False),
        sa.Column("object_id", sa.BigInteger(), nullable=False),
        sa.Column("what", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "type", "modseq", "object_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "credentials",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("label", sa.String(length=255), server_default="", nullable=False),
        sa.Column("verifier", sa.Text(), nullable=False),
        sa.Column("stored_key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("server_key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_used_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("credentials_account", "credentials", ["account_id", "id"], unique=False)
    op.create_table(
        "cursors",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("follower", sa.String(length=64), nullable=False),
        sa.Column("modseq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "follower"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "deliveries",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("recipient", sa.String(length=320), nullable=False),
        sa.Column("email_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "source", "recipient"),
        sqlite_with_rowid=False,
    )
    op.create_index("deliveries_age", "deliveries", ["at"], unique=False)
    op.create_table(
        "destinations",
        sa.Column("domain", sa.String(length=255), nullable=False),
        sa.Column("suspended_until", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("set_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("domain"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "domains",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("organisation_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "id"),
        sa.UniqueConstraint("account_id", "name", name="domains_name"),
    )
    op.create_index("domains_organisation", "domains", ["account_id", "organisation_id"], unique=False)
    op.create_table(
        "emails",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("blob_no", sa.BigInteger(), nullable=False),
        sa.Column("thread_id", sa.BigInteger(), nullable=False),
        sa.Column("text_id", sa.BigInteger(), nullable=False),
        sa.Column("places", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=False),
        sa.Column("has_attachment", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("keywords", sa.Text(), server_default="", nullable=False),
        sa.Column("subject", sa.Text(), server_default="", nullable=False),
        sa.Column("base_subject", sa.Text(), server_default="", nullable=False),
        sa.Column("from_sort", sa.Text(), server_default="", nullable=False),
        sa.Column("to_sort", sa.Text(), server_default="", nullable=False),
        sa.Column("modseq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "id"),
        sqlite_with_rowid=False,
    )
    op.create_index("emails_blob", "emails", ["blob_no"], unique=False)
    op.create_index("emails_text", "emails", ["account_id", "text_id"], unique=False)
    op.create_index("emails_thread", "emails", ["account_id", "thread_id"], unique=False)
    op.create_table(
        "entries",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("mailbox_id", sa.BigInteger(), nullable=False),
        sa.Column("uid", sa.BigInteger(), nullable=False),
        sa.Column("email_id", sa.BigInteger(), nullable=False),
        sa.Column("modseq", sa.BigInteger(), nullable=False),
        sa.Column("saved_at", sa.BigInteger(), nullable=False),
        sa.Column("deleted", sa.Boolean(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("account_id", "mailbox_id", "uid"),
        sqlite_with_rowid=False,
    )
    op.create_index("entries_email", "entries", ["account_id", "email_id"], unique=False)
    op.create_index("entries_modseq", "entries", ["account_id", "mailbox_id", "modseq"], unique=False)
    op.create_table(
        "events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("what", sa.String(length=32), nullable=False),
        sa.Column("recipient", sa.String(length=320), nullable=False),
        sa.Column("message_id", sa.String(length=998), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("events_age", "events", ["at"], unique=False)
    op.create_index("events_message_id", "events", ["message_id"], unique=False)
    op.create_index("events_recipient", "events", ["recipient", "id"], unique=False)
    op.create_index("events_source", "events", ["source", "id"], unique=False)
    op.create_table(
        "expunged",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("mailbox_id", sa.BigInteger(), nullable=False),
        sa.Column("modseq", sa.BigInteger(), nullable=False),
        sa.Column("uid", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "mailbox_id", "modseq", "uid"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lease_until", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("owner", sa.String(length=64), server_default="", nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("account_id", "kind", "key", name="jobs_once"),
        sqlite_autoincrement=True,
    )
    op.create_index("jobs_due", "jobs", ["kind", "due_at", "id"], unique=False)
    op.create_table(
        "keys",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("scope", sa.String(length=32), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("object_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "scope", "key"),
        sqlite_with_rowid=False,
    )
    op.create_index("keys_age", "keys", ["created_at"], unique=False)
    op.create_table(
        "mailbox_uids",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("mailbox_id", sa.BigInteger(), nullable=False),
        sa.Column("uid_next", sa.BigInteger(), nullable=False),
        sa.Column("content_modseq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "mailbox_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "mailboxes",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("parent_id", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("role", sa.String(length=32), server_default="", nullable=False),
        sa.Column("sort_order", sa.Integer(), server_default="10", nullable=False),
        sa.Column("subscribed", sa.Boolean(), server_default="1", nullable=False),
        sa.Column("uid_validity", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("unread", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("modseq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "id"),
        sa.UniqueConstraint("account_id", "parent_id", "name", name="mailboxes_name"),
    )
    op.create_table(
        "organisations",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "id"),
        sa.UniqueConstraint("account_id", "name", name="organisations_name"),
    )
    op.create_table(
        "parcels",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("blob_no", sa.BigInteger(), nullable=False),
        sa.Column("skip_bytes", sa.Integer(), server_default="0", nullable=False),
        sa.Column("sender", sa.String(length=320), nullable=False),
        sa.Column("recipient", sa.String(length=320), nullable=False),
        sa.Column("domain", sa.String(length=255), nullable=False),
        sa.Column("options", sa.LargeBinary(), nullable=False),
        sa.Column("message_id", sa.String(length=998), server_default="", nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("held", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("delay_told", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("lease_until", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("owner", sa.String(length=64), server_default="", nullable=False),
        sa.Column("last_answer", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("account_id", "source", "recipient", name="parcels_once"),
        sqlite_autoincrement=True,
    )
    op.create_index("parcels_blob", "parcels", ["blob_no"], unique=False)
    op.create_index("parcels_domain", "parcels", ["domain", "due_at"], unique=False)
    op.create_index("parcels_due", "parcels", ["held", "due_at", "id"], unique=False)
    op.create_table(
        "positions",
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "principals",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("administrator", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("credential_version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("scram_salt", sa.LargeBinary(length=32), nullable=False),
        sa.Column("scram_iterations", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "id"),
        sa.UniqueConstraint("account_id", "person_id", name="principals_person"),
    )
    op.create_table(
        "rights",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("principal_id", sa.BigInteger(), nullable=False),
        sa.Column("right", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "principal_id", "right"),
        sqlite_with_rowid=False,
    )
    op.create_index("rights_principal", "rights", ["principal_id", "account_id"], unique=False)
    op.create_table(
        "shapes",
        sa.Column("blob_no", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("header_size", sa.Integer(), nullable=False),
        sa.Column("parse_version", sa.Integer(), nullable=False),
        sa.Column("defects", sa.Text(), server_default="", nullable=False),
        sa.Column("preview", sa.Text(), server_default="", nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("structure", sa.LargeBinary(), nullable=False),
        sa.Column("parts", sa.LargeBinary(), nullable=False),
        sa.Column("headers", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("blob_no"),
    )
    op.create_table(
        "stuck",
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("source"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "thread_refs",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("ref", sa.BigInteger(), nullable=False),
        sa.Column("thread_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "ref"),
        sqlite_with_rowid=False,
    )
    if op.get_context().dialect.name == "sqlite":
        op.execute(
            "CREATE VIRTUAL TABLE search_email USING fts5(subject, sender, recipients, body, names, content='', detail=column, tokenize='ascii')"
        )
        op.execute("CREATE TABLE search_email_words (word TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID")

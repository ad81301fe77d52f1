"""The typed ids that everything else passes around.

Ids of objects are small rising numbers, each counted by its own account: they are never used again, they sort by age,
and every row that carries one begins with the account (so that a cell can be spread later).
"""

from __future__ import annotations

import hashlib
from typing import NewType

OrganisationId = NewType("OrganisationId", int)
AccountId = NewType("AccountId", int)
ObjectId = NewType("ObjectId", int)
ModSeq = NewType("ModSeq", int)
BlobId = NewType("BlobId", bytes)
"""SHA-256 of the content: 32 bytes."""
BlobNo = NewType("BlobNo", int)
"""A blob's row number in its cell: it rises with arrival, so that neighbours are read together."""

NOBODY = AccountId(0)
"""The account of work that belongs to the cell itself, such as a message that nobody here sent."""


def blob_id(content: bytes | memoryview) -> BlobId:
    """Name a content by its SHA-256."""
    return BlobId(hashlib.sha256(content).digest())

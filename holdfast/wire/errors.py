"""The one exception that wire code raises for bytes."""

from __future__ import annotations


class WireError(Exception):
    """Bytes that are not what the protocol allows."""

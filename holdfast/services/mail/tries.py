"""Tries: how a courier's try ends, in one write: the parcel's row, the trace, and the report that the sender is owed."""

from __future__ import annotations

from sqlalchemy import select

from holdfast.kernel.transaction import Tx
from holdfast.services.mail import dsn, outgoing
from holdfast.services.mail.outgoing import Notice, Outcome, Parcel
from holdfast.services.mail.sorting import House, deliver_notice
from holdfast.services.mail.tables import shapes


def settle(tx: Tx, house: House, owner: str, parcel: Parcel, outcome: Outcome, *, dice: float) -> None:
    """Write a try's outcome down and send the DSN that follows from it. dice: a random number in 0..1."""
    notice = outgoing.settle(tx, owner, parcel, outcome, dice=dice)
    if notice is not None and parcel.sender:
        _send(tx, house, notice)


def _send(tx: Tx, house: House, notice: Notice) -> None:
    parcel = notice.parcel
    headers = tx.execute(select(shapes.c.headers).where(shapes.c.blob_no == parcel.blob_no)).scalar() or b""
    key = f"{parcel.source}/{parcel.recipient}"
    data = dsn.compose(
        notice.kind,
        [notice.report],
        hostname=house.hostname,
        now_ms=tx.now_ms,
        to=parcel.sender,
        envid=parcel.options.envid,
        original_headers=headers[parcel.skip_bytes :],
        key=key,
    )
    deliver_notice(tx, house, data, to=parcel.sender, source=f"{parcel.source}/dsn-{notice.kind}/{parcel.id}")

"""Mailboxes: the tree of an account, its names, its roles, its counts.

Names are unique among siblings; INBOX is the mailbox with the role "inbox" and always there. Counts are changed by
those who add and remove entries (filing.py, entries.py) and proved by verify.py. RFC 8621 §2, RFC 3501 §5.1.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, func, select

from holdfast.errors import Conflict, Forbidden, Invalid, NotFound, TooLarge
from holdfast.ids import AccountId, ObjectId
from holdfast.kernel.schema import accounts
from holdfast.kernel.transaction import ReadTx, Tx
from holdfast.services.mail.tables import entries, expunged, mailbox_uids, mailboxes
from holdfast.services.mail.types import MAILBOX, Mailbox

DEPTH = 20
MOST = 10_000
SEPARATOR = "/"
TOP = ObjectId(0)

_FIRST = (
    ("Inbox", "inbox"),
    ("Drafts", "drafts"),
    ("Sent", "sent"),
    ("Archive", "archive"),
    ("Junk", "junk"),
    ("Trash", "trash"),
)
_COLUMNS = [mailboxes.c[name] for name in Mailbox.__struct_fields__]


class Tree:
    """All mailboxes of an account with their paths; "INBOX" is the inbox's path, whatever its name."""

    def __init__(self, found: Sequence[Mailbox]) -> None:
        self.by_id = {mailbox.id: mailbox for mailbox in found}
        self._paths: dict[ObjectId, str] = {}
        self.by_path = {self.path(mailbox.id): mailbox for mailbox in found}
        self.parents = {mailbox.parent_id for mailbox in found}

    def path(self, mailbox: ObjectId) -> str:
        known = self._paths.get(mailbox)
        if known is not None:
            return known
        found = self.by_id[mailbox]
        if found.role == "inbox":
            path = "INBOX"
        elif found.parent_id is None:
            path = found.name
        else:
            path = f"{self.path(found.parent_id)}{SEPARATOR}{found.name}"
        self._paths[mailbox] = path
        return path

    def find(self, path: str) -> Mailbox | None:
        """The mailbox at a path; INBOX in any case (RFC 3501 §5.1)."""
        first, separator, rest = path.partition(SEPARATOR)
        if first.upper() == "INBOX":
            path = "INBOX" + separator + rest
        return self.by_path.get(path)

    def has_children(self, mailbox: ObjectId) -> bool:
        return mailbox in self.parents


def provide(tx: Tx, account: AccountId) -> None:
    """Give a new account the mailboxes that everybody expects."""
    for order, (name, role) in enumerate(_FIRST):
        create(tx, account, None, name, role=role, sort_order=order + 1)


def tree(tx: ReadTx, account: AccountId) -> Tree:
    """All mailboxes of an account."""
    query = (
        select(*_COLUMNS).where(mailboxes.c.account_id == account).order_by(mailboxes.c.sort_order, mailboxes.c.name)
    )
    return Tree([_mailbox(tuple(row)) for row in tx.execute(query.limit(MOST))])


def get(tx: ReadTx, account: AccountId, mailbox: ObjectId) -> Mailbox:
    """One mailbox. NotFound."""
    row = tx.execute(
        select(*_COLUMNS).where(mailboxes.c.account_id == account, mailboxes.c.id == mailbox)
    ).one_or_none()
    if row is None:
        raise NotFound("mailbox", mailbox)
    return _mailbox(tuple(row))


def by_role(tx: ReadTx, account: AccountId, role: str) -> Mailbox:
    """The mailbox with a role. NotFound."""
    query = select(*_COLUMNS).where(mailboxes.c.account_id == account, mailboxes.c.role == role)
    row = tx.execute(query.order_by(mailboxes.c.id).limit(1)).one_or_none()
    if row is None:
        raise NotFound("mailbox", role)
    return _mailbox(tuple(row))


def create(
    tx: Tx,
    account: AccountId,
    parent: ObjectId | None,
    name: str,
    *,
    role: str = "",
    sort_order: int = 10,
    subscribed: bool = True,
) -> Mailbox:
    """Make an empty mailbox. Conflict: a sibling has the name, or the role is taken. Invalid: the name. TooLarge: the tree."""
    checked_name(name)
    found = tree(tx, account)
    if len(found.by_id) >= MOST:
        raise TooLarge("mailbox tree", account, f"an account may have {MOST} mailboxes")
    _check_place(found, parent, name)
    if parent is None and name.upper() == "INBOX" and role != "inbox":
        raise Conflict("mailbox", name, "the inbox is there already")
    if role and any(other.role == role for other in found.by_id.values()):
        raise Conflict("mailbox", name, f"another mailbox has the role {role}")
    id_ = tx.new_id(account)
    opened = tx.execute(select(accounts.c.created_at).where(accounts.c.id == account)).scalar_one()
    row = {
        "id": id_,
        "parent_id": parent or TOP,
        "name": name,
        "role": role,
        "sort_order": sort_order,
        "subscribed": subscribed,
        # Rises with every mailbox of the account and differs from an older installation's (RFC 3501 §2.3.1.1).
        "uid_validity": opened // 1000 + id_,
    }
    tx.create(MAILBOX, account, [row])
    counters = {"account_id": account, "mailbox_id": id_, "uid_next": 1, "content_modseq": tx.modseq(account)}
    tx.execute(mailbox_uids.insert(), counters)
    return get(tx, account, id_)


def create_path(tx: Tx, account: AccountId, path: str, *, role: str = "") -> Mailbox:
    """Make a mailbox and those above it that are missing. Conflict: it is there."""
    found = tree(tx, account)
    parent: Mailbox | None = None
    names = path.split(SEPARATOR)
    if found.find(path) is not None:
        raise Conflict("mailbox", path, "there is one of that name")
    for depth, name in enumerate(names, 1):
        last = depth == len(names)
        there = None if last else found.find(SEPARATOR.join(names[:depth]))
        parent = there or create(tx, account, parent.id if parent else None, name, role=role if last else "")
    assert parent is not None
    return parent


def move(tx: Tx, account: AccountId, mailbox: ObjectId, parent: ObjectId | None, name: str) -> None:
    """Rename a mailbox or hang it elsewhere; what is below it comes along. Conflict, Invalid, Forbidden (the inbox)."""
    checked_name(name)
    found = tree(tx, account)
    there = found.by_id.get(mailbox)
    if there is None:
        raise NotFound("mailbox", mailbox)
    if there.role == "inbox":
        raise Forbidden("mailbox", "INBOX", "the inbox keeps its name and its place")
    above = parent
    while above is not None:
        if above == mailbox:
            raise Invalid("mailbox", there.name, "it cannot hang below itself")
        above = found.by_id[above].parent_id if above in found.by_id else None
    if (there.parent_id, there.name) != (parent, name):
        _check_place(found, parent, name)
    tx.update(MAILBOX, account, [mailbox], {"parent_id": parent or TOP, "name": name})


def set_subscribed(tx: Tx, account: AccountId, mailbox: ObjectId, subscribed: bool) -> None:
    """Show or hide a mailbox in clients that ask for subscriptions."""
    tx.update(MAILBOX, account, [mailbox], {"subscribed": subscribed})


def destroy(tx: Tx, account: AccountId, mailbox: ObjectId) -> None:
    """Remove an empty mailbox. Conflict: it has children or emails; Forbidden: it is the inbox.

    Who wants its emails gone as well expunges them first (entries.expunge), in the same write.
    """
    there = get(tx, account, mailbox)
    if there.role == "inbox":
        raise Forbidden("mailbox", "INBOX", "an account always has its inbox")
    children = select(mailboxes.c.id).where(mailboxes.c.account_id == account, mailboxes.c.parent_id == mailbox)
    if tx.execute(children.limit(1)).scalar() is not None:
        raise Conflict("mailbox", there.name, "there are mailboxes below it")
    held = select(func.count()).where(entries.c.account_id == account, entries.c.mailbox_id == mailbox)
    if tx.execute(held).scalar_one():
        raise Conflict("mailbox", there.name, "there are emails in it")
    tx.execute(delete(expunged).where(expunged.c.account_id == account, expunged.c.mailbox_id == mailbox))
    tx.execute(delete(mailbox_uids).where(mailbox_uids.c.account_id == account, mailbox_uids.c.mailbox_id == mailbox))
    tx.destroy(MAILBOX, account, [mailbox])


def checked_name(name: str) -> str:
    """A name that a mailbox may have, or Invalid. RFC 8621 §2 (name)."""
    if not name or len(name) > 255:
        raise Invalid("mailbox name", name[:60], "it has 1 to 255 characters")
    if SEPARATOR in name or any(ord(c) < 32 or ord(c) == 127 for c in name):
        raise Invalid("mailbox name", repr(name[:60]), f"it has no {SEPARATOR} and no control characters")
    return name


def _check_place(found: Tree, parent: ObjectId | None, name: str) -> None:
    if any(other.parent_id == parent and other.name == name for other in found.by_id.values()):
        raise Conflict("mailbox", name, "there is one of that name")
    depth = 0
    while parent is not None:
        if parent not in found.by_id:
            raise NotFound("mailbox", parent)
        parent = found.by_id[parent].parent_id
        depth += 1
    if depth >= DEPTH:
        raise TooLarge("mailbox tree", name, f"mailboxes may lie {DEPTH} deep")


def _mailbox(row: tuple[object, ...]) -> Mailbox:
    values = dict(zip(Mailbox.__struct_fields__, row, strict=True))
    values["parent_id"] = values["parent_id"] or None
    return Mailbox(**values)  # type: ignore[arg-type]

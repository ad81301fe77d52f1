"""The arguments of LIST, LSUB and STATUS. RFC 3501 §6.3.8 to §6.3.10, RFC 5258, RFC 5819 (LIST-STATUS)."""

from __future__ import annotations

from holdfast.wire.errors import WireError
from holdfast.wire.imap.commands import List, Lsub, Status, StatusItem
from holdfast.wire.imap.tokens import Tokens


def list_(tokens: Tokens) -> List:
    """What follows LIST."""
    tokens.space()
    options = dict.fromkeys((b"SUBSCRIBED", b"SPECIAL-USE", b"RECURSIVEMATCH", b"REMOTE"), False)
    returned = dict.fromkeys((b"SUBSCRIBED", b"CHILDREN", b"SPECIAL-USE"), False)
    items: tuple[StatusItem, ...] = ()
    extended = False

    def option() -> None:
        name = tokens.word()
        if name not in options:
            raise WireError("This selection of LIST is not known")
        options[name] = True

    def return_option() -> None:
        nonlocal items
        name = tokens.word()
        if name == b"STATUS":
            tokens.space()
            items = _status_items(tokens)
        elif name in returned:
            returned[name] = True
        else:
            raise WireError("This RETURN of LIST is not known")

    if tokens.peek() == b"(":
        extended = True
        tokens.list_of(option, may_be_empty=True)
        tokens.space()
    reference = tokens.mailbox()
    tokens.space()
    if tokens.peek() == b"(":
        extended = True
        patterns = tokens.list_of(tokens.pattern)
    else:
        patterns = (tokens.pattern(),)
    if tokens.skip(b" "):
        extended = True
        if tokens.word() != b"RETURN":
            raise WireError("There is too much in this command")
        tokens.space()
        tokens.list_of(return_option, may_be_empty=True)
    if options[b"RECURSIVEMATCH"] and not (options[b"SUBSCRIBED"] or options[b"SPECIAL-USE"]):
        raise WireError("RECURSIVEMATCH needs another selection")  # RFC 5258 §3.1
    return List(
        reference=reference,
        patterns=patterns,
        extended=extended,
        only_subscribed=options[b"SUBSCRIBED"],
        only_special_use=options[b"SPECIAL-USE"],
        recursive_match=options[b"RECURSIVEMATCH"],
        return_subscribed=returned[b"SUBSCRIBED"],
        return_children=returned[b"CHILDREN"],
        return_special_use=returned[b"SPECIAL-USE"],
        return_status=items,
    )


def lsub(tokens: Tokens) -> Lsub:
    """What follows LSUB."""
    tokens.space()
    reference = tokens.mailbox()
    tokens.space()
    return Lsub(reference, tokens.pattern())


def status(tokens: Tokens) -> Status:
    """What follows STATUS."""
    tokens.space()
    mailbox = tokens.mailbox()
    tokens.space()
    return Status(mailbox, _status_items(tokens))


def _status_items(tokens: Tokens) -> tuple[StatusItem, ...]:
    def item() -> StatusItem:
        try:
            return StatusItem(tokens.word())
        except ValueError:
            raise WireError("This item of STATUS is not known") from None

    return tuple(dict.fromkeys(tokens.list_of(item)))

"""From the bytes of one whole command to its shape.

parse() takes what the reader put together: the line without its last CRLF, and inside it each literal behind its {n} and
CRLF. BadCommand is all that it raises. RFC 3501 §9.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable

from holdfast.wire.errors import WireError
from holdfast.wire.imap import mutf7, parse_fetch, parse_list, parse_search
from holdfast.wire.imap.commands import (
    Append,
    Authenticate,
    BadCommand,
    Capability,
    Check,
    Close,
    Command,
    Copy,
    Create,
    Delete,
    Enable,
    Expunge,
    Id,
    Idle,
    Login,
    Logout,
    Move,
    Namespace,
    Noop,
    QuickResync,
    Rename,
    Search,
    Select,
    StartTls,
    Store,
    Subscribe,
    Unselect,
    Unsubscribe,
)
from holdfast.wire.imap.tokens import MAX_64, Tokens

MAX_ID_FIELDS = 30  # RFC 2971 §3.3

_HEAD = re.compile(rb"([^\x00-\x20\x7f-\xff(){%*\"\\+]{1,256}) (?:(UID) )?([A-Za-z]{1,16})(?![^ ])", re.IGNORECASE)
_TAG = re.compile(rb"([^\x00-\x20\x7f-\xff(){%*\"\\+]{1,256}) ")
_APPEND_END = re.compile(rb" (~?)\{([0-9]{1,20})(\+?)\}\Z")


def parse(raw: bytes) -> tuple[bytes, Command]:
    """The tag and the command; BadCommand."""
    head = _HEAD.match(raw)
    if head is None:
        raise BadCommand(tag_of(raw), "This is not a command")
    tag, uid, name = head.groups()
    reader = (_BY_UID if uid else _COMMANDS).get(name.upper())
    if reader is None:
        raise BadCommand(tag, "This command is not known")
    tokens = Tokens(raw, head.end())
    try:
        command = reader(tokens)
        if tokens.at != len(raw):
            tokens.end()
    except BadCommand as bad:  # raised where the tag is not known
        raise BadCommand(tag, bad.why, code=bad.code, no=bad.no) from None
    except WireError as error:
        raise BadCommand(tag, str(error)) from None
    return tag, command


def tag_of(raw: bytes) -> bytes:
    """The tag of a line, even if nothing else of it can be read; "*" if there is none."""
    tag = _TAG.match(raw)
    return tag.group(1) if tag is not None else b"*"


def parse_append(raw: bytes) -> tuple[bytes, Append]:
    """An APPEND up to and with the {n} that announces its message; BadCommand. RFC 3501 §6.3.11."""
    tag = tag_of(raw)
    announced = _APPEND_END.search(raw)
    head = _HEAD.match(raw)
    if announced is None or head is None:
        raise BadCommand(tag, "The message of APPEND is a literal")
    tokens = Tokens(raw[: announced.start()], head.end())
    try:
        tokens.space()
        mailbox = tokens.mailbox()
        flags: tuple[bytes, ...] = ()
        received_at = None
        if tokens.data[tokens.at : tokens.at + 2] == b" (":
            tokens.space()
            flags = tokens.list_of(tokens.flag, may_be_empty=True)
        if tokens.data[tokens.at : tokens.at + 2] == b' "':
            tokens.space()
            received_at = tokens.date_time()
        tokens.end()
    except WireError as error:
        raise BadCommand(tag, str(error)) from None
    if announced.group(1):
        raise BadCommand(tag, "Binary literals are not known here", code=b"UNKNOWN-CTE", no=True)
    return tag, Append(mailbox, flags, received_at, int(announced.group(2)))


def is_done(line: bytes) -> bool:
    """Whether a line ends IDLE. RFC 2177 §3."""
    return line.strip(b" ").upper() == b"DONE"


def sasl_response(line: bytes) -> bytes | None:
    """The client's answer to a challenge, decoded; None: it gives up ("*"). WireError. RFC 3501 §6.2.2."""
    if line == b"*":
        return None
    try:
        return base64.b64decode(line, validate=True)
    except binascii.Error:
        raise WireError("This is not base64") from None


def _authenticate(tokens: Tokens) -> Authenticate:
    tokens.space()
    mechanism = tokens.word().decode("ascii")
    if not tokens.skip(b" "):
        return Authenticate(mechanism, None)
    initial = tokens.data[tokens.at :]
    tokens.at = len(tokens.data)
    return Authenticate(mechanism, b"" if initial == b"=" else sasl_response(initial) or b"")


def _login(tokens: Tokens) -> Login:
    tokens.space()
    user = tokens.text()
    tokens.space()
    return Login(user, tokens.text())


def _enable(tokens: Tokens) -> Enable:
    names: list[str] = []
    while tokens.skip(b" "):
        names.append(tokens.word().decode("ascii"))
    if not names:
        raise WireError("ENABLE what?")
    return Enable(tuple(names))


def _id(tokens: Tokens) -> Id:
    tokens.space()
    if tokens.nil():
        return Id(())

    def field() -> tuple[str, str | None]:
        name = tokens.string()
        tokens.space()
        value = None if tokens.nil() else tokens.string()
        return name.decode("utf-8", "replace"), None if value is None else value.decode("utf-8", "replace")

    fields = tokens.list_of(field, may_be_empty=True)
    if len(fields) > MAX_ID_FIELDS:
        raise WireError("ID has too many fields")
    return Id(fields)


def _select(tokens: Tokens, *, read_only: bool) -> Select:
    tokens.space()
    mailbox = tokens.mailbox()
    condstore, qresync = False, None
    if tokens.skip(b" "):
        tokens.expect(b"(")
        while True:
            match tokens.word():
                case b"CONDSTORE":
                    condstore = True
                case b"QRESYNC":
                    tokens.space()
                    qresync = _qresync(tokens)
                case _:
                    raise WireError("This parameter of SELECT is not known")
            if not tokens.skip(b" "):
                break
        tokens.expect(b")")
    return Select(mailbox=mailbox, read_only=read_only, condstore=condstore, qresync=qresync)


def _qresync(tokens: Tokens) -> QuickResync:
    """(uidvalidity modseq [known-uids] [(numbers uids)]). RFC 7162 §7."""
    tokens.expect(b"(")
    validity = tokens.number()
    tokens.space()
    modseq = tokens.number(MAX_64)
    known = numbers = uids = None
    more = tokens.skip(b" ")
    if more and tokens.peek() != b"(":
        known = tokens.sequence_set()
        more = tokens.skip(b" ")
    if more:
        tokens.expect(b"(")
        numbers = tokens.sequence_set()
        tokens.space()
        uids = tokens.sequence_set()
        tokens.expect(b")")
    tokens.expect(b")")
    return QuickResync(uid_validity=validity, modseq=modseq, known_uids=known, match_numbers=numbers, match_uids=uids)


def _new_name(tokens: Tokens) -> str:
    """A name that CREATE or RENAME would make; a separator at its end only says that more will lie below it."""
    name = tokens.mailbox().removesuffix(mutf7.SEPARATOR)
    why = mutf7.check(name)
    if why is not None:
        raise BadCommand(b"", why, code=b"CANNOT", no=True)
    return name


def _create(tokens: Tokens) -> Create:
    tokens.space()
    mailbox = _new_name(tokens)
    special_use: tuple[bytes, ...] = ()
    if tokens.skip(b" "):
        tokens.expect(b"(")
        if tokens.word() != b"USE":
            raise WireError("This parameter of CREATE is not known")
        tokens.space()
        special_use = tokens.list_of(tokens.flag, may_be_empty=True)
        tokens.expect(b")")
    return Create(mailbox, special_use)


def _rename(tokens: Tokens) -> Rename:
    tokens.space()
    source = tokens.mailbox()
    tokens.space()
    return Rename(source, _new_name(tokens))


def _append(tokens: Tokens) -> Append:
    raise WireError("The message of APPEND is a literal")  # with one, the reader calls parse_append


def _uid_expunge(tokens: Tokens) -> Expunge:
    tokens.space()
    return Expunge(tokens.sequence_set())


def _search(tokens: Tokens, *, uid: bool) -> Search:
    tokens.space()
    return parse_search.search(tokens, uid=uid)


def _store(tokens: Tokens, *, uid: bool) -> Store:
    tokens.space()
    numbers = tokens.sequence_set()
    tokens.space()
    unchanged_since = None
    if tokens.skip(b"("):
        if tokens.word() != b"UNCHANGEDSINCE":
            raise WireError("This parameter of STORE is not known")
        tokens.space()
        unchanged_since = tokens.number(MAX_64)
        tokens.expect(b")")
        tokens.space()
    mode = "+" if tokens.skip(b"+") else "-" if tokens.skip(b"-") else "="
    name = tokens.word()
    if name not in (b"FLAGS", b"FLAGS.SILENT"):
        raise WireError("STORE what?")
    tokens.space()
    if tokens.peek() == b"(":
        flags = tokens.list_of(tokens.flag, may_be_empty=True)
    else:
        bare = [tokens.flag()]
        while tokens.skip(b" "):
            bare.append(tokens.flag())
        flags = tuple(bare)
    return Store(
        numbers=numbers,
        uid=uid,
        mode=mode,  # type: ignore[arg-type]  # one of three
        flags=flags,
        silent=name == b"FLAGS.SILENT",
        unchanged_since=unchanged_since,
    )


def _transfer(tokens: Tokens, kind: type[Copy] | type[Move], *, uid: bool) -> Copy | Move:
    tokens.space()
    numbers = tokens.sequence_set()
    tokens.space()
    return kind(numbers, uid, tokens.mailbox())


def _of_mailbox(kind: type[Delete] | type[Subscribe] | type[Unsubscribe]) -> Callable[[Tokens], Command]:
    def read(tokens: Tokens) -> Command:
        tokens.space()
        return kind(tokens.mailbox())

    return read


_COMMANDS: dict[bytes, Callable[[Tokens], Command]] = {
    b"CAPABILITY": lambda _: Capability(),
    b"NOOP": lambda _: Noop(),
    b"LOGOUT": lambda _: Logout(),
    b"STARTTLS": lambda _: StartTls(),
    b"AUTHENTICATE": _authenticate,
    b"LOGIN": _login,
    b"ENABLE": _enable,
    b"ID": _id,
    b"SELECT": lambda tokens: _select(tokens, read_only=False),
    b"EXAMINE": lambda tokens: _select(tokens, read_only=True),
    b"CREATE": _create,
    b"DELETE": _of_mailbox(Delete),
    b"RENAME": _rename,
    b"SUBSCRIBE": _of_mailbox(Subscribe),
    b"UNSUBSCRIBE": _of_mailbox(Unsubscribe),
    b"LIST": parse_list.list_,
    b"LSUB": parse_list.lsub,
    b"NAMESPACE": lambda _: Namespace(),
    b"STATUS": parse_list.status,
    b"APPEND": _append,
    b"IDLE": lambda _: Idle(),
    b"CHECK": lambda _: Check(),
    b"CLOSE": lambda _: Close(),
    b"UNSELECT": lambda _: Unselect(),
    b"EXPUNGE": lambda _: Expunge(),
    b"SEARCH": lambda tokens: _search(tokens, uid=False),
    b"FETCH": lambda tokens: parse_fetch.fetch(tokens, uid=False),
    b"STORE": lambda tokens: _store(tokens, uid=False),
    b"COPY": lambda tokens: _transfer(tokens, Copy, uid=False),
    b"MOVE": lambda tokens: _transfer(tokens, Move, uid=False),
}
_BY_UID: dict[bytes, Callable[[Tokens], Command]] = {
    b"EXPUNGE": _uid_expunge,
    b"SEARCH": lambda tokens: _search(tokens, uid=True),
    b"FETCH": lambda tokens: parse_fetch.fetch(tokens, uid=True),
    b"STORE": lambda tokens: _store(tokens, uid=True),
    b"COPY": lambda tokens: _transfer(tokens, Copy, uid=True),
    b"MOVE": lambda tokens: _transfer(tokens, Move, uid=True),
}

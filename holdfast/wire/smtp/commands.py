"""What an SMTP client says, as shapes; and how its lines are read.

parse() turns one command line, without its CRLF, into a Command or raises BadCommand with the reply that it deserves.
RFC 5321 §4.1, RFC 1870 §3, RFC 3461 §4, RFC 4954 §4, RFC 6531 §3.4.
"""

from __future__ import annotations

import re

import msgspec

from holdfast.wire.errors import WireError
from holdfast.wire.smtp.replies import Reply

MAX_PATH = 254
MAX_LOCAL = 64
MAX_DOMAIN = 255


class BadCommand(WireError):
    """A command line that is not what the protocol allows; carries its reply."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.text)
        self.reply = reply


class Mail(msgspec.Struct, frozen=True, kw_only=True):
    """MAIL FROM. sender: "" for the null sender; size: announced bytes, 0 if not; body: 7BIT, 8BITMIME or ""."""

    sender: str
    size: int = 0
    body: str = ""
    ret: str = ""
    envid: str = ""
    smtputf8: bool = False


class Rcpt(msgspec.Struct, frozen=True, kw_only=True):
    """RCPT TO. notify: as RFC 3461 §4.1 writes it, upper case; orcpt: type;address, decoded."""

    recipient: str
    notify: str = ""
    orcpt: str = ""


_LOCAL_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]+)*"
_LOCAL_QUOTED = r'"(?:[ !#-\[\]-~\u0080-\U0010ffff]|\\[ -~])*"'
_LABEL = r"[A-Za-z0-9_\u0080-\U0010ffff](?:[A-Za-z0-9_\u0080-\U0010ffff-]*[A-Za-z0-9_\u0080-\U0010ffff])?"
_DOMAIN = rf"{_LABEL}(?:\.{_LABEL})*\.?"
_LITERAL = r"\[(?:\d{1,3}(?:\.\d{1,3}){3}|IPv6:[0-9A-Fa-f:.]{2,45})\]"
_MAILBOX = re.compile(rf"(?P<local>{_LOCAL_ATOM}|{_LOCAL_QUOTED})@(?P<domain>{_DOMAIN}|{_LITERAL})")
_PATH = re.compile(r"<(?:@[^:<>\s]{1,255}(?:,@[^:<>\s]{1,255})*:)?(?P<mailbox>(?:\"(?:[^\"\\]|\\.)*\"|[^<>\"\s])*)>")
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([\x21-\x3c\x3e-\x7e\u0080-\U0010ffff]+))?")
_XTEXT = re.compile(r"\+([0-9A-F]{2})|([!-*,-<>-~])")
_NOTIFY = re.compile(r"NEVER|(?:SUCCESS|FAILURE|DELAY)(?:,(?:SUCCESS|FAILURE|DELAY))*")


def decode(line: bytes) -> str:
    """A command line as text: UTF-8 (RFC 6531) or BadCommand."""
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        raise BadCommand(Reply(500, "5.5.2", "This line is not UTF-8")) from None


def parse_mail(arguments: str) -> Mail:
    """MAIL's arguments, such as "FROM:<a@b> SIZE=1". RFC 5321 §4.1.1.2."""
    sender, values = _path_and_parameters(
        arguments, "FROM:", "MAIL FROM:<address> [SIZE=…] [BODY=…] [SMTPUTF8] [RET=…] [ENVID=…]"
    )
    size, body, ret, envid, utf8 = 0, "", "", "", False
    for name, value in values.items():
        match name:
            case "SIZE" if value and value.isdecimal() and len(value) <= 20:
                size = int(value)
            case "BODY" if value and value.upper() in ("7BIT", "8BITMIME"):
                body = value.upper()
            case "SMTPUTF8" if value is None:
                utf8 = True
            case "RET" if value and value.upper() in ("FULL", "HDRS"):
                ret = value.upper()
            case "ENVID" if value and len(value) <= 100:
                envid = xtext(value)
            case "AUTH" if value:
                pass  # who the client says it is for; we do not relay identities (RFC 4954 §5)
            case _:
                raise _unknown_parameter(name)
    address = checked_address(sender, utf8=utf8) if sender else ""
    return Mail(sender=address, size=size, body=body, ret=ret, envid=envid, smtputf8=utf8)


def parse_rcpt(arguments: str, *, utf8: bool) -> Rcpt:
    """RCPT's arguments, such as "TO:<a@b> NOTIFY=NEVER". RFC 5321 §4.1.1.3, RFC 3461 §4.1."""
    recipient, values = _path_and_parameters(arguments, "TO:", "RCPT TO:<address> [NOTIFY=…] [ORCPT=…]")
    notify, orcpt = "", ""
    for name, value in values.items():
        match name:
            case "NOTIFY" if value and _NOTIFY.fullmatch(value.upper()):
                notify = value.upper()
            case "ORCPT" if value and ";" in value and len(value) <= 500:
                kind, _, encoded = value.partition(";")
                orcpt = f"{kind};{xtext(encoded)}"
            case _:
                raise _unknown_parameter(name)
    if recipient.lower() == "postmaster":  # the one address without a domain
        return Rcpt(recipient=recipient, notify=notify, orcpt=orcpt)
    return Rcpt(recipient=checked_address(recipient, utf8=utf8), notify=notify, orcpt=orcpt)


def checked_address(address: str, *, utf8: bool) -> str:
    """An address of RFC 5321 §4.1.2, or BadCommand."""
    found = _MAILBOX.fullmatch(address)
    if found is None:
        raise BadCommand(Reply(501, "5.1.3", "This is not an address"))
    local, domain = found.group("local"), found.group("domain")
    if len(local.encode()) > MAX_LOCAL or len(domain.encode()) > MAX_DOMAIN or len(address.encode()) > MAX_PATH:
        raise BadCommand(Reply(501, "5.1.3", "This address is too long"))
    if not utf8 and not address.isascii():
        raise BadCommand(Reply(553, "5.6.7", "An address beyond ASCII needs SMTPUTF8"))
    return address


def xtext(value: str) -> str:
    """Decode xtext; BadCommand for what is not. RFC 3461 §4."""
    decoded: list[str] = []
    at = 0
    while at < len(value):
        found = _XTEXT.match(value, at)
        if found is None:
            raise BadCommand(Reply(501, "5.5.4", "A parameter is not xtext"))
        decoded.append(chr(int(found.group(1), 16)) if found.group(1) else found.group(2))
        at = found.end()
    return "".join(decoded)


def _path_and_parameters(arguments: str, word: str, usage: str) -> tuple[str, dict[str, str | None]]:
    if arguments[: len(word)].upper() != word:
        raise BadCommand(Reply(501, "5.5.4", f"Syntax: {usage}"))
    rest = arguments[len(word) :].lstrip(" ")
    found = _PATH.match(rest)
    if found is None:
        raise BadCommand(Reply(501, "5.1.7" if word == "FROM:" else "5.1.3", f"Syntax: {usage}"))
    values: dict[str, str | None] = {}
    for piece in rest[found.end() :].split():
        parameter = _PARAMETER.fullmatch(piece)
        if parameter is None or parameter.group(1).upper() in values:
            raise BadCommand(Reply(501, "5.5.4", "A parameter is malformed or given twice"))
        values[parameter.group(1).upper()] = parameter.group(2)
    if rest[found.end() : found.end() + 1] not in ("", " "):
        raise BadCommand(Reply(501, "5.5.4", f"Syntax: {usage}"))
    return found.group("mailbox"), values


def _unknown_parameter(name: str) -> BadCommand:
    return BadCommand(Reply(555, "5.5.4", f"The parameter {name} is not known here, or its value is not"))

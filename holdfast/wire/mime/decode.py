"""Transfer encodings and charsets, tolerantly: whatever the bytes are, something readable comes out.

RFC 2045 §6; uuencode as POSIX has it. Charset names come from strangers: only known ones reach Python's codecs, because
its lookup remembers every name forever, and because some codecs (punycode) take quadratic time.
"""

from __future__ import annotations

import binascii
import re
from encodings.aliases import aliases

_UNSAFE = {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"}
_NOT_TEXT = {"base64_codec", "bz2_codec", "hex_codec", "quopri_codec", "rot_13", "uu_codec", "zlib_codec"}
_OURS = {  # what mail means by these names, where Python knows less or nothing
    "iso_8859_1": "cp1252",
    "latin1": "cp1252",
    "latin_1": "cp1252",
    "iso8859_1": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x_gbk": "gb18030",
    "ks_c_5601_1987": "cp949",
    "ks_c_5601": "cp949",
    "euc_kr": "cp949",
    "iso_8859_8_i": "iso8859_8",
    "iso_8859_8_e": "iso8859_8",
    "iso_8859_6_i": "iso8859_6",
    "windows_874": "cp874",
    "windows_31j": "cp932",
    "shift_jis": "cp932",
    "x_sjis": "cp932",
    "utf8mb4": "utf_8",
    "unicode_1_1_utf_7": "utf_7",
    "unicode_1_1_utf_8": "utf_8",
    "x_mac_roman": "mac_roman",
    "macintosh": "mac_roman",
}
_KNOWN = {
    **{name: codec for name, codec in aliases.items() if codec not in _UNSAFE | _NOT_TEXT},
    **{codec: codec for codec in aliases.values() if codec not in _UNSAFE | _NOT_TEXT},
    "koi8_u": "koi8_u",
    "utf_8_sig": "utf_8_sig",
    "cp1252": "cp1252",
    "cp874": "cp874",
    "cp720": "cp720",
    **_OURS,
}
_ASCII = {"us_ascii", "ascii", "646", "", "unknown", "unknown_8bit", "x_unknown", "8bit", "7bit", "utf_8", "utf8"}
_NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))
_UU_BEGIN = re.compile(rb"^begin [0-7]{3,4} [^\n]*\n", re.M)


def transfer(data: bytes, encoding: str) -> bytes:
    """The octets that the encoding carries; an unknown encoding, or none, carries them as they are."""
    match encoding:
        case "base64":
            return base64(data)
        case "quoted-printable":
            return binascii.a2b_qp(data)
        case "x-uuencode" | "uuencode" | "x-uue" | "uue":
            return uu(data)
        case _:
            return data


def base64(data: bytes) -> bytes:
    """What can be read: foreign characters are skipped, missing padding is added, a lone last character is dropped."""
    try:
        return binascii.a2b_base64(data)
    except binascii.Error:
        digits = data.partition(b"=")[0].translate(None, _NOT_BASE64)
        usable = len(digits) - (len(digits) % 4 == 1)
        return binascii.a2b_base64(digits[:usable] + b"=" * (-usable % 4))


def uu(data: bytes) -> bytes:
    """The first file between begin and end, as far as it can be read; without a begin line, the data as they are."""
    begin = _UU_BEGIN.search(data)
    if begin is None:
        return data
    out: list[bytes] = []
    for line in data[begin.end() :].split(b"\n"):
        line = line.rstrip(b"\r")
        if line == b"end" or not line:
            break
        try:
            out.append(binascii.a2b_uu(line))
        except binascii.Error:  # some encoders pad the last group with what should not be there
            length = (((line[0] - 32) & 63) * 4 + 5) // 3
            try:
                out.append(binascii.a2b_uu(line[:length]))
            except binascii.Error:
                continue
    return b"".join(out)


def text(data: bytes, charset: str | None) -> str:
    """The text; what cannot be read becomes U+FFFD, an unknown charset is guessed. No NUL or surrogate is in it."""
    name = (charset or "")[:40].strip().lower().replace("-", "_").replace(" ", "_").replace(".", "_")
    codec = _KNOWN.get(name) or _KNOWN.get(name.removeprefix("x_"))
    if codec is None or name in _ASCII:
        return _guess(data, "replace" if name in ("utf_8", "utf8") else "cp1252")
    try:
        found = data.decode(codec, "replace")
    except (UnicodeError, LookupError, ValueError):
        return _guess(data, "cp1252")
    if codec == "utf_7" or codec.startswith(("utf_16", "utf_32")):
        found = found.encode("utf-8", "replace").decode("utf-8")
    return found.replace("\0", "") if "\0" in found else found


def _guess(data: bytes, otherwise: str) -> str:
    try:
        found = data.decode("utf-8")
    except UnicodeDecodeError:
        found = data.decode("utf-8", "replace") if otherwise == "replace" else data.decode("cp1252", "replace")
    return found.replace("\0", "") if "\0" in found else found

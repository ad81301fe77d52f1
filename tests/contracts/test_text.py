"""Full text: a word is found by any piece of it, in its own account, as long as its object is there."""

from __future__ import annotations

import asyncio
import re
import unicodedata

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from holdfast.errors import Invalid
from holdfast.ids import AccountId, ObjectId
from holdfast.kernel.cell import Cell
from holdfast.kernel.transaction import Tx

from .things import SEARCH

BOTH = ("title", "body")


def index(tx: Tx, account: AccountId, id_: int, title: str = "", body: str = "") -> None:
    tx.database.text.add(tx.connection, SEARCH, [(account, ObjectId(id_), (title, body))])


def containing(cell: Cell, account: AccountId, piece: str, *fields: str) -> set[int]:
    return cell.read_now(lambda tx: tx.database.text.containing(tx.connection, SEARCH, account, fields or BOTH, piece))


def starting(cell: Cell, account: AccountId, piece: str, *fields: str) -> set[int]:
    return cell.read_now(lambda tx: tx.database.text.starting(tx.connection, SEARCH, account, fields or BOTH, piece))


def test_a_word_is_found_by_any_piece_in_any_case(cell: Cell, account: AccountId) -> None:
    cell.write_now(index, account, 1, "Quarterly REPORT", "the numbers")
    for piece in ("report", "REP", "port", "o", "ÉPORT".replace("É", "e")):
        assert containing(cell, account, piece) == {1}
    assert containing(cell, account, "reports") == set()
    assert starting(cell, account, "rep") == {1}
    assert starting(cell, account, "port") == set()


def test_fields_are_apart(cell: Cell, account: AccountId) -> None:
    cell.write_now(index, account, 1, "apple", "pear")
    assert containing(cell, account, "pea", "title") == set()
    assert containing(cell, account, "pea", "body") == {1}
    assert starting(cell, account, "app", "title") == {1}
    assert starting(cell, account, "app", "body") == set()


def test_accounts_are_apart(cell: Cell, account: AccountId, other: AccountId) -> None:
    cell.write_now(index, account, 1, "secret")
    cell.write_now(index, other, 2, "secret")
    assert containing(cell, account, "secret") == {1}
    assert starting(cell, other, "secret") == {2}


def test_what_was_removed_is_not_found(cell: Cell, account: AccountId) -> None:
    cell.write_now(index, account, 1, "one word", "and Another")
    cell.write_now(index, account, 2, "one word")
    cell.write_now(
        lambda tx: tx.database.text.remove(tx.connection, SEARCH, [(account, ObjectId(1), ("one word", "and Another"))])
    )
    assert containing(cell, account, "word") == {2}
    assert containing(cell, account, "another") == set()


def test_a_write_that_failed_indexed_nothing_and_hides_nothing(cell: Cell, account: AccountId) -> None:
    def fail(tx: Tx) -> None:
        index(tx, account, 1, "fleeting")
        raise Invalid("thing")

    with pytest.raises(Invalid):
        cell.write_now(fail)
    assert containing(cell, account, "fleeting") == set()
    cell.write_now(index, account, 2, "fleeting")  # the word was learned in the write that failed
    assert containing(cell, account, "leetin") == {2}


def test_a_word_learned_in_a_failed_part_of_a_batch_is_learned_again(cell: Cell, account: AccountId) -> None:
    def fail(tx: Tx) -> None:
        index(tx, account, 1, "fleeting")
        raise Invalid("thing")

    async def run() -> None:
        await asyncio.gather(
            *(cell.write(fail) for _ in range(5)),
            *(cell.write(index, account, 10 + n, "fleeting") for n in range(5)),
            return_exceptions=True,
        )

    asyncio.run(run())
    assert containing(cell, account, "eeting") == set(range(10, 15))


def test_a_piece_that_many_words_contain(cell: Cell, account: AccountId) -> None:
    cell.write_now(index, account, 1, " ".join(f"word{n}" for n in range(1000)))
    cell.write_now(index, account, 2, "word999x")
    assert containing(cell, account, "word") == {1, 2}
    assert containing(cell, account, "999") == {1, 2}


@pytest.mark.parametrize("piece", ["", " ", "'", '"', "*", "-", "a OR b", "NEAR(", "title:", "(", "\\", "\x00", "%"])
def test_no_piece_is_an_expression(cell: Cell, account: AccountId, piece: str) -> None:
    cell.write_now(index, account, 1, "a or b near title")
    assert containing(cell, account, piece) <= {1}
    assert starting(cell, account, piece) <= {1}


@pytest.mark.parametrize(
    ("text", "piece"),
    [
        ("Cafe\u0301s", "café"),  # composed and decomposed are one
        ("CAFÉS", "cafe\u0301"),
        ("\ue000private", "privat"),
        ("Straße", "STRASSE".replace("SS", "ß")),
        ("हिन्दी", "हिन्दी"),
        ("日本語のメール", "本語"),
        ("ⅷ ½ ²", "½"),
        ("İstanbul", "stan"),
        ("İstanbul", "İstanbul"),
        ("\ud800lone", "lone"),
        ("a\x00b", "b"),
        ("under_score", "score"),
        ("𐐀𐐁", "𐐨"),  # Deseret has cases
        ("\U0001e922word", "word"),  # Adlam, younger than the tables of SQLite
    ],
)
def test_words_of_the_world(cell: Cell, account: AccountId, text: str, piece: str) -> None:
    cell.write_now(index, account, 1, text)
    assert containing(cell, account, piece) == {1}


WORD = re.compile(r"[^\W_]+")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(title=st.text(max_size=40), body=st.text(max_size=40), data=st.data())
@example(title="\u1e9b\u0323", body="", data=None)
def test_every_piece_of_every_word_is_found(
    cell: Cell, account: AccountId, title: str, body: str, data: st.DataObject | None
) -> None:
    id_ = test_every_piece_of_every_word_is_found.__dict__.setdefault("ids", iter(range(1, 10**6))).__next__()
    cell.write_now(index, account, id_, title, body)
    words = WORD.findall(unicodedata.normalize("NFC", f"{title} {body}".lower()))
    for word in words[:5]:
        start, end = 0, len(word)
        if data is not None:
            start = data.draw(st.integers(0, len(word) - 1))
            end = data.draw(st.integers(start + 1, len(word)))
        if WORD.fullmatch(unicodedata.normalize("NFC", word[start:end].lower())):
            assert id_ in containing(cell, account, word[start:end])
        assert id_ in starting(cell, account, word)

"""LIST patterns against a matcher that is slow and plainly right."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from holdfast.wire.imap.patterns import Pattern


def plainly(pattern: str, name: str) -> bool:
    expression = "".join(".*" if c == "*" else "[^/]*" if c == "%" else re.escape(c) for c in pattern)
    return re.fullmatch(expression, name, re.DOTALL) is not None


@given(st.text("ab/*%", max_size=8), st.text("ab/", max_size=8))
def test_patterns_match_as_they_should(pattern: str, name: str) -> None:
    assert Pattern("", pattern).matches(name) == plainly(pattern, name)


def test_the_reference_comes_first() -> None:
    assert Pattern("a/", "%").matches("a/b")
    assert not Pattern("a/", "%").matches("b")


def test_inbox_is_found_in_any_case_and_nothing_else_is() -> None:
    for pattern in ("inbox", "InB%", "*", "%", "*x", "INBOX"):
        assert Pattern("", pattern).matches("INBOX")
    assert Pattern("", "inbox/%").matches("INBOX/sub")
    assert not Pattern("", "sent").matches("Sent")


def test_a_hostile_pattern_takes_no_time() -> None:
    pattern = Pattern("", "a*" * 5000 + "b")
    assert not pattern.matches("a" * 1000)

"""Real mail for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def corpus_dir() -> Path:
    corpus = Path(__file__).parents[4] / "shared" / "corpus"
    if not corpus.is_dir():
        pytest.skip("the corpus of real mail is not here")
    return corpus

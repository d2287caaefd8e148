"""The comments written for training against what measures a model: what the one asks, the other must not teach."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from eval.behaviour.suite import load_suite
from training.data import OWN_LABELS

WRITTEN = Path(__file__).parents[2] / "eval" / "written.jsonl"

RUN = 6  # words in a row that two people hardly write alike by chance; shorter runs are stock phrases


def words_of(text: str) -> tuple[str, ...]:
    """Case and punctuation aside."""
    return tuple(re.findall(r"\w+", text.casefold()))


def runs_of(words: tuple[str, ...]) -> set[tuple[str, ...]]:
    return {words[start : start + RUN] for start in range(len(words) - RUN + 1)}


@pytest.fixture(scope="module")
def asked():
    """The words of every version of every case, as the rules of the suite make them."""
    cases = [case for capability in load_suite() for case in capability.cases]
    return {words_of(text) for case in cases for text in case.versions}


@pytest.fixture(scope="module")
def taught():
    return words_by_id(OWN_LABELS / "authored.jsonl")


def words_by_id(path: Path) -> dict[str, tuple[str, ...]]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return {row["id"]: words_of(row["text"]) for row in map(json.loads, lines)}


def test_no_written_comment_of_two_words_or_more_is_a_case_of_the_suite(asked, taught):
    assert [id_ for id_, words in taught.items() if len(words) > 1 and words in asked] == []


def test_no_written_comment_has_six_words_in_a_row_in_common_with_a_case(asked, taught):
    cases = set().union(*map(runs_of, asked))
    assert [id_ for id_, words in taught.items() if not cases.isdisjoint(runs_of(words))] == []


def test_no_written_comment_has_six_words_in_a_row_in_common_with_one_that_measures(taught):
    measured = set().union(*map(runs_of, words_by_id(WRITTEN).values()))
    assert [id_ for id_, words in taught.items() if not measured.isdisjoint(runs_of(words))] == []

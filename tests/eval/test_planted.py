"""The generator of planted incidents keeps its promises, and the measure notices what is lost."""

from __future__ import annotations

import tomllib
from collections import Counter
from datetime import timedelta

import numpy as np
import pytest

pytest.importorskip("ruptures")

from eval.planted import FIRST, LANGUAGES, WORDINGS, plant
from eval.planted_causes import blurred, measure


@pytest.fixture(scope="module")
def archive():
    return plant(3_000, n_incidents=3, seed=5)


def test_every_incident_is_worded_six_ways_in_four_languages() -> None:
    kinds = tomllib.loads(WORDINGS.read_text(encoding="utf-8"))["incidents"]
    assert len(kinds) >= 12
    for kind in kinds:
        for language in LANGUAGES:
            assert len(set(kind[language])) == len(kind[language]) >= 6, (kind["id"], language)
    every = Counter(text for kind in kinds for language in LANGUAGES for text in kind[language])
    assert [text for text, count in every.items() if count > 1] == []


def test_incidents_begin_on_their_day_and_take_their_share(archive) -> None:
    for incident in archive.incidents:
        of_it = [comment for comment in archive.comments if comment.incident == incident.id]
        assert len(of_it) == round(incident.share * 3_000)
        assert min(comment.day for comment in of_it) >= incident.since
        assert 0.7 < np.mean([comment.department == incident.department for comment in of_it]) < 1
        assert {comment.language for comment in of_it} <= set(LANGUAGES)
    assert [incident.share for incident in archive.incidents] != sorted(i.share for i in archive.incidents)
    assert 0.005 <= min(i.share for i in archive.incidents) <= max(i.share for i in archive.incidents) <= 0.03


def test_an_archive_can_be_made_again(archive) -> None:
    assert plant(3_000, n_incidents=3, seed=5) == archive
    assert plant(3_000, n_incidents=3, seed=6) != archive


def test_comments_are_filled_in_and_ordered(archive) -> None:
    assert [comment.day for comment in archive.comments] == sorted(comment.day for comment in archive.comments)
    composed = [comment for comment in archive.comments if comment.language]
    assert not any("{" in comment.text or "}" in comment.text or not comment.text.strip() for comment in composed)
    assert max(comment.day for comment in archive.comments) < FIRST + timedelta(days=365)
    assert 0.6 < np.mean([comment.nps is not None for comment in archive.comments]) < 0.8


def test_more_incidents_than_are_worded_are_refused() -> None:
    with pytest.raises(ValueError, match="13 incidents were asked for; 12 are worded"):
        plant(100, n_incidents=13)


@pytest.mark.slow
def test_the_measure_finds_what_is_there_and_misses_what_is_taken_away(archive) -> None:
    membership = archive.membership()
    whole = measure([archive], [(membership, archive.causes)])
    assert [(f.precision, f.recall) for f in whole.findings] == [(1.0, 1.0)] * 3
    largest = max(whole.findings, key=lambda f: f.share)
    assert (largest.rank_rising, largest.department) == (1, True)
    gone = membership.toarray()
    gone[:, 0] = 0
    first = min(comment.day for comment in archive.comments if comment.incident == archive.incidents[0].id)
    assert whole.findings[0].first_after == (first - archive.incidents[0].since).days
    assert whole.spoken_of() == sum(it.first_after <= 3 for it in whole.findings) / len(whole.findings)
    lost = measure([archive], [(type(membership)(gone), archive.causes)])
    assert (lost.findings[0].rank, lost.findings[0].days_off, lost.findings[0].department) == (None, None, False)
    assert lost.found() < 1.0


def test_a_blurred_membership_misses_and_strays(archive) -> None:
    membership = archive.membership()
    found = blurred(membership, missed=0.4, stray=0.2, seed=1)
    kept = membership.multiply(found).sum() / membership.sum()
    assert 0.55 < kept < 0.68
    assert 0.15 < (found.sum() - membership.multiply(found).sum()) / membership.sum() < 0.25
    assert set(found.data.tolist()) == {1}

from __future__ import annotations

import sys
import time
from itertools import islice

import pytest

from eval import benchmarks
from eval.benchmarks import BenchmarkFailed, file_run, n_tokens, repeated, sample_texts, speed, typical
from tests.stubs import StubTagger

# What `stemme tag IN -o OUT` does with ids, and nothing else; the last line is lost, moved or kept.
TAG = """
import json, sys
_, _tag, source, _o, target = sys.argv
records = [{"id": json.loads(line)["id"]} for line in open(source, encoding="utf-8")]
MOVE
open(target, "w", encoding="utf-8").writelines(json.dumps(record) + "\\n" for record in records)
"""


def stand_in(move: str) -> tuple[str, ...]:
    return sys.executable, "-c", TAG.replace("MOVE", move)


def test_typical_comments_have_about_40_tokens():
    texts = typical(sample_texts())
    assert len(texts) >= 50
    assert all(30 <= n_tokens(text) <= 50 for text in texts)


def test_repeated_comments_have_new_ids_and_the_same_texts():
    comments = list(islice(repeated(["a", "b"], 5), 10))
    assert [comment.text for comment in comments] == ["a", "b", "a", "b", "a"]
    assert len({comment.id for comment in comments}) == 5


class Waiting(StubTagger):
    """Takes its time and leaves the processor to others."""

    def tag(self, comments, *, batch_size=64):
        time.sleep(0.5)
        yield from super().tag(comments, batch_size=batch_size)


def test_the_speed_counts_what_was_tagged_and_what_it_cost(monkeypatch):
    monkeypatch.setattr(benchmarks, "_load", lambda _: Waiting())
    run = speed(None, 128)
    assert run.comments == 128
    assert 30 <= run.tokens <= 50
    assert run.seconds >= 0.5
    assert run.comments_per_second <= 256
    assert 0 < run.processor_seconds < 0.5  # waiting costs none
    assert run.milliseconds_each == pytest.approx(1_000 * run.processor_seconds / 128)
    assert run.resident_mib == pytest.approx(own_mib(), rel=0.2)


@pytest.mark.parametrize(
    ("move", "order_kept", "n_failed"),
    [
        ("pass", True, 0),
        ("records.append(records.pop(0))", False, 0),
        ("records.pop()", False, 0),
        ("records[3]['error'] = {}", True, 1),
    ],
)
def test_a_run_says_whether_the_order_was_kept(tmp_path, monkeypatch, move, order_kept, n_failed):
    monkeypatch.setattr(benchmarks, "STEMME", stand_in(move))
    run = file_run(tmp_path, None, 20)
    assert (run.lines, run.order_kept, run.failed) == (20, order_kept, n_failed)


def test_the_peak_counts_what_the_command_held(tmp_path, monkeypatch):
    monkeypatch.setattr(benchmarks, "STEMME", stand_in("held = bytearray(300 * 2**20)"))
    large = file_run(tmp_path, None, 2)
    assert 300 <= large.peak_mib <= 300 + own_mib() + 50


def test_a_command_that_fails_is_an_error_with_its_last_words(tmp_path, monkeypatch):
    monkeypatch.setattr(benchmarks, "STEMME", stand_in("raise SystemExit('no model here')"))
    with pytest.raises(BenchmarkFailed, match="ended with 1: no model here"):
        file_run(tmp_path, None, 2)


def own_mib() -> float:
    return pytest.importorskip("psutil").Process().memory_info().rss / 2**20

"""Long work lets calls pass for which somebody waits."""

from __future__ import annotations

from threading import Event, Thread
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.interactive import PATIENCE_SECONDS, QUIET_SECONDS, InteractiveCalls
from api.jobs.kinds import JobContext
from api.retag.tagging import BESIDE_CALLS, Pace, Version, tag_versions
from api.settings import Settings
from nlp.record import Comment
from tests.api.rest_stub import HeldTagger, StubTagger, comments


class Clock:
    """Goes on only when somebody pauses."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds


class NobodyWaits:
    def wait(self, pause: Any) -> None: ...


def test_work_waits_for_a_call_to_end_and_then_goes_on() -> None:
    clock = Clock()
    calls, paused = InteractiveCalls(clock), []
    call = calls.call()
    call.__enter__()

    def pause(seconds: float) -> None:
        clock.pause(seconds)
        paused.append(seconds)
        if len(paused) == 3:
            call.__exit__(None, None, None)

    calls.let_pass(pause)
    assert len(paused) == 3
    calls.let_pass(pause)
    assert len(paused) == 3  # nobody is there


def test_calls_that_never_leave_off_do_not_hold_the_work_up_for_ever() -> None:
    clock = Clock()
    calls = InteractiveCalls(clock)
    with calls.call():
        calls.let_pass(clock.pause)
    assert clock.now - 100.0 == pytest.approx(PATIENCE_SECONDS, abs=0.01)


def test_calls_are_expected_for_a_while_after_the_last() -> None:
    clock = Clock()
    calls = InteractiveCalls(clock)
    assert not calls.expected
    with calls.call(), calls.call():
        assert (calls.in_hand, calls.expected) == (2, True)
    clock.pause(QUIET_SECONDS - 0.1)
    assert calls.expected
    clock.pause(0.2)
    assert not calls.expected


def test_a_call_that_fails_is_no_longer_in_hand() -> None:
    calls = InteractiveCalls()
    with pytest.raises(KeyError), calls.call():
        raise KeyError
    assert calls.in_hand == 0


def batches_of(calls: InteractiveCalls, *, rate: float | None = None) -> list[int]:
    tagger, job = StubTagger(), JobContext(1, {}, store=None)  # type: ignore[arg-type]
    versions = [Version(number, Comment(str(number), "Bra")) for number in range(1, 21)]
    pace = Pace(batch_size=16, max_text_length=100, rate=rate)
    live: Any = NobodyWaits()
    records = tag_versions(versions, tagger=tagger, pace=pace, live=live, calls=calls, job=job)
    assert [id_ for id_, _ in records] == list(range(1, 21))
    return tagger.batches


def test_batches_are_small_only_while_calls_are_expected() -> None:
    calls = InteractiveCalls()
    assert batches_of(calls) == [16, 4]
    with calls.call():
        pass
    assert batches_of(calls) == [BESIDE_CALLS, BESIDE_CALLS, 4]


def test_the_route_is_a_call_as_long_as_it_tags() -> None:
    tagger = HeldTagger()
    app = create_app(Settings(open=True), tagger)
    answers: list[int] = []
    call = Thread(target=lambda: answers.append(TestClient(app).post("/v1/classify", json=comments("Bra")).status_code))
    call.start()
    assert tagger.begun.wait(60)
    assert app.state.calls.in_hand == 1
    waited = Event()

    def pause(_: float) -> None:
        waited.set()
        tagger.let_go.set()
        call.join(0.01)

    app.state.calls.let_pass(pause)
    call.join(60)
    assert waited.is_set()
    assert (answers, app.state.calls.in_hand) == ([200], 0)

"""Which model tags new comments: the active run's, in every service, and none takes it back by being started."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.dependencies import CommentTagger
from api.ingest.active_tagger import ActiveModelMissing, ActiveTagger
from api.ingest.ingest import NewComment, ingest
from api.ingest.worker import TagWorker
from api.retag.activate import activate
from api.settings import Settings
from api.store.database import Store
from api.store.models import RunState
from api.store.runs import active_run, list_runs, make_active, prepare_run
from nlp.errors import BadModel
from tests.api.rest_stub import StubTagger
from tests.api.retagging import OtherTagger, shown
from tests.api.serving import Served, wait_for

FORMER, OTHER = StubTagger.name, OtherTagger.name
OURS = Path("/models/ours")


def loads(*folders: Path | None) -> Callable[[Path | None], CommentTagger]:
    """Loads the stub where no folder is named and the other model from these folders; the rest are empty."""

    def load(folder: Path | None) -> CommentTagger:
        if folder is None and folder not in folders:
            return StubTagger()
        if folder not in folders:
            raise BadModel(f"{folder} is not a model folder.")
        return OtherTagger()

    return load


def switch(store: Store, folder: Path | None = OURS) -> int:
    """Make a run of the other model active, as a retag does in the end."""
    with store.write() as session:
        run = prepare_run(
            session, model=OTHER, taxonomy="journey@1.0.0", folder=None if folder is None else str(folder)
        )
        make_active(session, run)
        return run.id


def runs(store: Store) -> list[tuple[str, str]]:
    with store.read() as session:
        return [(each.run.model, each.run.state) for each in list_runs(session)]


def test_the_first_service_s_model_makes_the_first_run(store: Store) -> None:
    assert ActiveTagger(store, loads(OURS), OURS).start().name == OTHER
    with store.read() as session:
        run = active_run(session)
        assert run is not None
        assert (run.model, run.model_folder) == (OTHER, str(OURS))


def test_a_service_loads_the_active_run_s_model_when_it_starts(store: Store) -> None:
    ActiveTagger(store, loads(OURS), OURS).start()
    assert ActiveTagger(store, loads(OURS), None).start().name == OTHER  # and not the shipped one
    assert runs(store) == [(OTHER, RunState.ACTIVE)]


def test_a_model_that_the_store_has_not_had_takes_over(store: Store) -> None:
    ActiveTagger(store, loads(), None).start()
    assert ActiveTagger(store, loads(OURS), OURS).start().name == OTHER
    assert runs(store) == [(OTHER, RunState.ACTIVE), (FORMER, RunState.FORMER)]


def test_a_model_that_another_has_taken_the_place_of_does_not_take_it_back(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    ActiveTagger(store, loads(), None).start()
    switch(store, folder=None)
    with pytest.raises(ActiveModelMissing, match=r"the shipped model is stub@1\.0\.0"):
        ActiveTagger(store, loads(), None).start()  # an older version of the package
    ActiveTagger(store, loads(OURS), OURS).start()  # it is found where the operator says
    switch(store)
    old = Path("/models/old")
    tagger = ActiveTagger(store, lambda folder: OtherTagger() if folder == OURS else StubTagger(), old).start()
    assert tagger.name == OTHER
    assert "has taken the place of stub@1.0.0" in caplog.text
    assert [state for _, state in runs(store)].count(RunState.ACTIVE) == 1
    assert runs(store)[0] == (OTHER, RunState.ACTIVE)


def test_a_running_worker_loads_another_run_s_model_and_says_so(store: Store) -> None:
    active = ActiveTagger(store, loads(OURS), None)
    active.start()
    told: list[str] = []
    worker = TagWorker(
        store, active, batch_size=2, max_text_length=100, changed=lambda new: told.append(getattr(new, "name", "none"))
    )
    ingest([NewComment("survey", "0", "a")], store=store)
    worker.tag_batch()
    switch(store)
    ingest([NewComment("survey", "1", "b")], store=store)
    worker.tag_batch()
    activate(store, None, by="test", force=True)
    ingest([NewComment("survey", "2", "c")], store=store)
    worker.tag_batch()
    assert shown(store) == {"0": FORMER, "1": OTHER, "2": FORMER}
    assert told == [OTHER, FORMER]


def test_without_the_active_run_s_model_comments_wait(store: Store) -> None:
    active = ActiveTagger(store, loads(), None)
    active.start()
    switch(store)
    ingest([NewComment("survey", "0", "a")], store=store)
    with pytest.raises(ActiveModelMissing) as caught:
        TagWorker(store, active, batch_size=2, max_text_length=100).tag_batch()
    assert "other@2.0.0, which lay in /models/ours; /models/ours is not a model folder" in str(caught.value)
    assert shown(store) == {}


def test_readyz_says_that_the_model_is_missing(store: Store) -> None:
    app = create_app(Settings(open=True), StubTagger(), store=store)
    client = TestClient(app)
    assert client.get("/readyz").status_code == 200
    with store.read() as session:
        run_id = switch(store)
        run = session.get_one(type(active_run(session)), run_id)  # type: ignore[arg-type]
    app.state.model_missing = ActiveModelMissing(run, "it is gone")
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "active_model_missing")
    assert answer.headers["retry-after"] == "2"
    assert client.get("/healthz").status_code == 200


@pytest.mark.slow
def test_a_service_follows_the_active_run(start: Callable[..., Served], store: Store, database: str) -> None:
    """The process itself: its answers come from the model that another process has made active."""
    load = "lambda folder: OtherTagger() if folder is not None and folder.name == 'ours' else StubTagger()"
    served = start(
        load,
        settings=f"port=0, open=True, database={database!r}",
        before="from tests.api.retagging import OtherTagger",
    )
    served.wait_until_ready()
    with served.client() as client:
        assert client.get("/readyz").json()["model"] == FORMER
        switch(store)
        wait_for(lambda: client.get("/readyz").json().get("model") == OTHER)
        body = {"comments": [{"id": "1", "text": "Hei"}]}
        assert client.post("/v1/classify", json=body).json()["results"][0]["model"] == OTHER
        with store.write() as session:
            lost = prepare_run(session, model="lost@1", taxonomy="journey@1.0.0", folder="/models/lost")
            make_active(session, lost)
        wait_for(lambda: client.get("/readyz").status_code == 503)
        assert "lost@1, which lay in /models/lost" in client.get("/readyz").json()["detail"]
    wait_for(lambda: "active run's model, lost@1" in served.log)

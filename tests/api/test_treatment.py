"""Personal data is masked before anything is stored: over REST, in every field that customers write into."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from api.app import create_app
from api.files.errors import BadSettings
from api.ingest.comment import NewComment
from api.ingest.ingest import ingest
from api.ingest.treatment import as_it_came, masking
from api.ingest.worker import TagWorker
from api.personal_data import Kind
from api.settings import Settings, read_settings
from api.store.database import Store
from api.store.models import CommentVersion
from tests.api.rest_stub import StubTagger
from tests.api.serving import Served

RAW = "Ring meg på 987 65 432 eller kari@eksempel.no 😡 fnr 15108695088, kort 4111 1111 1111 1111, NO93 8601 1117 947!"
MASKED = "Ring meg på [phone] eller [email] 😡 fnr [national_id], kort [card], [iban]!"
EACH_ONCE = {"phone": 1, "email": 1, "national_id": 1, "card": 1, "iban": 1}


def service(store: Store, **settings: Any) -> TestClient:
    return TestClient(create_app(Settings(open=True, **settings), StubTagger(), store=store))


def post(client: TestClient, **fields: Any) -> dict[str, Any]:
    sent = {"source": "survey", "external_id": "1", "text": "Bra", **fields}
    answer = client.post("/v1/comments", json={"comments": [sent]})
    assert answer.status_code == 202, answer.text
    stored: dict[str, Any] = answer.json()["comments"][0]
    return stored


def read(client: TestClient, stored: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = client.get(f"/v1/comments/{stored['id']}").json()
    return answer


def test_answers_show_the_masked_text_and_the_masked_items_are_counted(store: Store) -> None:
    client = service(store)
    stored = post(client, text=RAW)
    assert stored["masked"] == EACH_ONCE
    assert read(client, stored)["text"] == MASKED


def test_nothing_of_what_was_masked_is_anywhere_in_the_database(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/store.db")
    post(service(store), text=RAW, question="Ring 48 12 34 56?", metadata={"kontakt": [{"e": "ola@eksempel.no"}]})
    store.close()
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert MASKED.encode() in written
    secrets = ("65 432", "kari@", "15108695088", "4111 1111", "8601 1117", "12 34 56", "ola@", "987", "95088")
    assert [secret for secret in secrets if secret.encode() in written] == []


def test_the_same_raw_comment_again_changes_nothing(store: Store) -> None:
    client = service(store)
    first = post(client, text=RAW, question="Nås du på 48 12 34 56?", metadata={"e": "kari@eksempel.no"})
    assert post(client, text=RAW, question="Nås du på 48 12 34 56?", metadata={"e": "kari@eksempel.no"}) == first
    with store.read() as session:
        assert session.scalars(select(CommentVersion.text)).all() == [MASKED]


def test_offsets_of_the_tags_are_those_of_the_stored_text(store: Store) -> None:
    client = service(store)
    stored = post(client, text="kari@eksempel.no: Nei! 😡")
    TagWorker(store, StubTagger(), batch_size=8, max_text_length=20_000).tag_batch()
    comment = read(client, stored)
    (span,) = comment["record"]["themes"][0]["spans"]  # the stub's theme stands on the first word
    assert comment["text"][span["start"] : span["end"]] == "[email]:"


def test_the_question_is_masked_and_the_tagger_sees_it_so(store: Store) -> None:
    client, tagger = service(store), StubTagger()
    stored = post(client, question="Kan vi nå deg på kari@eksempel.no?")
    TagWorker(store, tagger, batch_size=8, max_text_length=20_000).tag_batch()
    assert (stored["masked"], read(client, stored)["question"]) == ({"email": 1}, "Kan vi nå deg på [email]?")
    assert tagger.questions == ["Kan vi nå deg på [email]?"]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"notat": "Kunden ringte fra 987 65 432"}, {"notat": "Kunden ringte fra [phone]"}),
        ({"kontakt": "+47 987 65 432"}, {"kontakt": "[phone]"}),
        ({"e-post": "kari@eksempel.no"}, {"e-post": "[email]"}),
        ({"fnr": "15108695088"}, {"fnr": "[national_id]"}),
        ({"a": {"b": ["Skriv til kari@eksempel.no", 7, None]}}, {"a": {"b": ["Skriv til [email]", 7, None]}}),
        # Numbers by which the comment is joined to other systems stay.
        ({"ordre": "98765432"}, {"ordre": "98765432"}),
        ({"butikk": "98765432"}, {"butikk": "98765432"}),
        ({"kundenr": 98765432}, {"kundenr": 98765432}),
        ({"ordre": "0101901234"}, {"ordre": "0101901234"}),
        # A key is the name of a field.
        ({"kari@eksempel.no": "98765432"}, {"kari@eksempel.no": "98765432"}),
        ({"kari@eksempel.no": "ola@eksempel.no"}, {"kari@eksempel.no": "[email]"}),
    ],
)
def test_strings_of_the_metadata(sent: dict[str, Any], kept: dict[str, Any]) -> None:
    treated = masking(frozenset(Kind))(NewComment("survey", "1", "Bra", metadata=sent))
    assert treated.comment.metadata == kept
    assert sum(treated.masked.values()) == (sent != kept)


def test_metadata_may_be_nested_as_deep_as_json_goes() -> None:
    deep: Any = "kari@eksempel.no"
    for _ in range(900):
        deep = [deep]
    found: Any = masking(frozenset(Kind))(NewComment("s", "1", "Bra", metadata={"x": deep})).comment.metadata["x"]
    while isinstance(found, list):
        (found,) = found
    assert found == "[email]"


def test_what_names_the_comment_and_who_wrote_it_stay(store: Store) -> None:
    client = service(store)
    comment = read(client, post(client, external_id="98765432", respondent="kari@eksempel.no"))
    assert (comment["external_id"], comment["respondent"]) == ("98765432", "kari@eksempel.no")


def test_it_can_be_turned_off_and_narrowed(store: Store) -> None:
    client = service(store, mask="none")
    stored = post(client, external_id="off", text=RAW)
    assert (stored["masked"], read(client, stored)["text"]) == ({}, RAW)
    client = service(store, mask="email, iban")
    stored = post(client, external_id="some", text="987 65 432, kari@eksempel.no")
    assert read(client, stored)["text"] == "987 65 432, [email]"


def test_ingest_masks_unless_it_is_told_not_to(store: Store) -> None:
    ingest([NewComment("survey", "1", "kari@eksempel.no")], store=store)
    ingest([NewComment("survey", "2", "kari@eksempel.no")], store=store, treat=as_it_came)
    with store.read() as session:
        assert session.scalars(select(CommentVersion.text).order_by(CommentVersion.id)).all() == [
            "[email]",
            "kari@eksempel.no",
        ]


def test_the_setting_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_settings().mask == frozenset(Kind)
    for value, kinds in {"none": set(), "all": set(Kind), "Phone,email": {Kind.PHONE, Kind.EMAIL}}.items():
        monkeypatch.setenv("STEMME_MASK", value)
        assert read_settings().mask == kinds
    for value in ("off", "", "phone,fax", "all,none"):
        monkeypatch.setenv("STEMME_MASK", value)
        with pytest.raises(BadSettings, match="allowed are all, none, or some of email, iban"):
            read_settings()


@pytest.mark.slow
def test_the_service_warns_of_what_it_does_not_mask(start: Callable[..., Served]) -> None:
    served = start(settings="port=0, open=True, mask='email,iban,card,national_id'")
    served.wait_until_ready()
    with httpx.Client(base_url=served.address, trust_env=False) as client:
        sent = {"source": "survey", "external_id": "1", "text": "987 65 432, kari@eksempel.no"}
        (stored,) = client.post("/v1/comments", json={"comments": [sent]}).json()["comments"]
        assert client.get(f"/v1/comments/{stored['id']}").json()["text"] == "987 65 432, [email]"
    assert "Not masked (STEMME_MASK): account, phone." in served.log


@pytest.mark.slow
def test_the_service_says_nothing_of_masking_that_is_on(start: Callable[..., Served]) -> None:
    served = start()
    served.wait_until_ready()
    assert "Not masked" not in served.log


def test_words_that_were_masked_are_not_found(store: Store) -> None:
    client = service(store)
    post(client, text="Skriv til kari@eksempel.no")
    assert client.get("/v1/comments", params={"q": "kari"}).json()["comments"] == []
    assert len(client.get("/v1/comments", params={"q": "skriv"}).json()["comments"]) == 1

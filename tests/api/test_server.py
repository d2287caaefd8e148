"""The service as a process of its own, on a real port, with a real client."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from api.access.keys import create_key
from api.access.scopes import Scope
from api.settings import Settings, is_loopback
from api.store.database import Store
from tests.api.rest_stub import comments
from tests.api.serving import PATIENCE_SECONDS, QUICK, ROOT, SLOW, Served, wait_for

NO_TORCH = """
import sys
class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError("torch is blocked", name="torch")
sys.meta_path.insert(0, NoTorch())
"""


@contextmanager
def posted(served: Served, texts: list[str]) -> Iterator[Future[httpx.Response]]:
    """A request that is under way."""
    with ThreadPoolExecutor(1) as pool, served.client() as client:
        under_way = pool.submit(client.post, "/v1/classify", json=comments(*texts))
        time.sleep(0.3)
        assert not under_way.done()
        yield under_way


@pytest.mark.slow
def test_requests_at_once_each_get_their_own_answer(start: Callable[..., Served]) -> None:
    served = start(SLOW)
    served.wait_until_ready()

    def ask(number: int) -> list[str]:
        shouts = [index % (number + 2) == 0 for index in range(20)]
        with served.client() as client:
            answer = client.post("/v1/classify", json=comments(*["Nei!" if shout else "Ja" for shout in shouts]))
        labels = [result["sentiment"]["label"] for result in answer.json()["results"]]
        assert labels == ["negative" if shout else "positive" for shout in shouts]
        return labels

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(8)))
    assert [labels.count("negative") for labels in answers] == [10, 7, 5, 4, 4, 3, 3, 3]


@pytest.mark.slow
def test_health_answers_at_once_during_a_request_of_a_thousand_comments(start: Callable[..., Served]) -> None:
    served = start(SLOW)
    served.wait_until_ready()
    with posted(served, ["Leveringen gikk greit"] * 1_000) as under_way, served.client() as client:
        assert client.get("/healthz").status_code == 200
        assert not under_way.done()
        assert len(under_way.result().json()["results"]) == 1_000


@pytest.mark.slow
def test_a_request_in_hand_is_finished_after_sigterm(start: Callable[..., Served]) -> None:
    served = start(SLOW)
    served.wait_until_ready()
    with posted(served, ["Fin butikk"] * 1_000) as under_way:
        served.process.send_signal(signal.SIGTERM)
        wait_for(lambda: "Shutting down" in served.log)
        with pytest.raises(httpx.ConnectError), served.client() as client:
            client.get("/healthz")
        assert not under_way.done()
        assert len(under_way.result().json()["results"]) == 1_000
    assert served.process.wait(PATIENCE_SECONDS) == -signal.SIGTERM


@pytest.mark.slow
def test_what_is_left_of_the_request_of_a_caller_who_hung_up_is_not_tagged(
    start: Callable[..., Served], tmp_path: Path
) -> None:
    batches = tmp_path / "batches"
    counting = (
        "\nclass Counting(StubTagger):\n    def tag_one(self, comment):\n"
        f"        Path({str(batches)!r}).open('a').write('x')\n        return super().tag_one(comment)\n"
    )
    served = start(
        "lambda model: Counting(seconds_per_batch=0.2)",
        settings="port=0, batch_size=10, open=True",
        before=f"from pathlib import Path\nfrom tests.api.rest_stub import StubTagger\n{counting}",
    )
    served.wait_until_ready()
    with served.client() as client, pytest.raises(httpx.ReadTimeout):
        client.post("/v1/classify", json=comments(*["Fin butikk"] * 1_000), timeout=0.5)
    wait_for(batches.exists)
    time.sleep(2)
    tagged = batches.stat().st_size
    assert tagged < 200
    time.sleep(1)
    assert batches.stat().st_size == tagged
    assert "Traceback" not in served.log


@pytest.mark.slow
def test_ctrl_c_ends_it_without_a_traceback(start: Callable[..., Served]) -> None:
    served = start()
    served.wait_until_ready()
    served.process.send_signal(signal.SIGINT)
    assert served.process.wait(PATIENCE_SECONDS) == 0
    assert "Traceback" not in served.log


@pytest.mark.slow
def test_it_is_alive_while_the_model_loads_and_then_ready(start: Callable[..., Served], tmp_path: Path) -> None:
    loaded = tmp_path / "loaded"
    wait = f"list(iter(lambda: time.sleep(0.02) or Path({str(loaded)!r}).exists(), True))"
    served = start(f"lambda model: ({wait}, StubTagger())[1]")
    with served.client() as client:
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 503
        assert client.post("/v1/classify", json=comments("Bra")).json()["code"] == "not_ready"
        loaded.touch()
        wait_for(lambda: client.get("/readyz").status_code == 200)
    assert "Ready with stub@1.0.0 and journey@1.0.0" in served.log


@pytest.mark.slow
def test_a_model_that_cannot_be_loaded_ends_the_service_and_is_named(start: Callable[..., Served]) -> None:
    served = start("load_tagger", settings="port=0, open=True, model=Path('nowhere-at-all')")
    assert served.process.wait(PATIENCE_SECONDS) == 1
    assert "BadModel" in served.log
    assert "nowhere-at-all" in served.log


def test_it_listens_on_the_port_that_is_set_and_on_loopback(start: Callable[..., Served]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    served = start(settings=f"port={port}, open=True")
    served.wait_until_ready()
    assert served.address == f"http://127.0.0.1:{port}"
    assert "Open: every program on this machine may use it without a key. It listens on loopback only." in served.log


@pytest.mark.slow
def test_a_port_in_use_ends_the_service_with_the_reason(start: Callable[..., Served]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        served = start(settings=f"port={taken.getsockname()[1]}, open=True")
        assert served.process.wait(PATIENCE_SECONDS) != 0
    assert "address already in use" in served.log


@pytest.mark.slow
def test_it_warns_when_others_in_the_network_can_reach_it(start: Callable[..., Served]) -> None:
    served = start(settings="port=0, host='0.0.0.0'")
    assert served.address.startswith("http://0.0.0.0:")
    assert "WARNING" in served.log
    assert "keys and texts cross it unencrypted" in served.log


@pytest.mark.slow
def test_without_a_key_in_the_store_it_says_how_to_make_one(start: Callable[..., Served], tmp_path: Path) -> None:
    served = start(settings=f"port=0, database='sqlite:///{tmp_path}/keys.db'")
    served.wait_until_ready()
    assert "There is no key yet, so nobody can use it. Make one: stemme keys create --scope classify." in served.log
    store = Store.open(f"sqlite:///{tmp_path}/keys.db")
    key = create_key(store, scopes=[Scope.CLASSIFY], name="", expires_at=None, by="test")
    store.close()
    with served.client() as client:  # no restart is needed
        assert client.post("/v1/classify", json=comments("Bra")).status_code == 401
        answer = client.post("/v1/classify", json=comments("Bra"), headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == 200
    assert key not in served.log
    again = start(settings=f"port=0, database='sqlite:///{tmp_path}/keys.db'")
    again.wait_until_ready()
    assert "WARNING" not in again.log


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.7", False),
        ("stemme.example", False),
    ],
)
def test_loopback_is_what_only_this_machine_reaches(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


@pytest.mark.slow
def test_the_log_has_neither_queries_nor_texts(start: Callable[..., Served]) -> None:
    served = start()
    served.wait_until_ready()
    with served.client() as client:
        client.get("/healthz", params={"q": "hemmelegheit"})
        client.post("/v1/classify", json=comments("hemmelegheit"))
        client.post("/v1/classify", content=b'{"comments": [{"id": "hemmelegheit", "text": 1')
    wait_for(lambda: served.log.count("/v1/classify") == 2)
    assert '"GET /healthz HTTP/1.1" 200' in served.log
    assert "hemmelegheit" not in served.log


@pytest.mark.slow
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_too_large_gets_its_answer_over_a_real_connection(start: Callable[..., Served], chunked: bool) -> None:
    served = start(settings="port=0, open=True, max_body_bytes=2**20")
    served.wait_until_ready()
    body = b" " * (2**20 + 1)
    content = (body[at : at + 65_536] for at in range(0, len(body), 65_536)) if chunked else body
    with served.client() as client:
        answer = client.post("/v1/classify", content=content, headers={"content-type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
        assert client.get("/healthz").status_code == 200


@pytest.mark.slow
def test_a_body_shorter_than_it_says_is_answered_when_its_time_is_up(start: Callable[..., Served]) -> None:
    served = start(settings="port=0, open=True, body_timeout_seconds=0.3")
    served.wait_until_ready()
    head = b"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n"
    address = httpx.URL(served.address)
    with socket.create_connection((address.host, address.port), timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(head + b'{"comments": [')
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"body_timeout"' in answer


@pytest.mark.slow
def test_tagging_with_the_shipped_model_does_not_import_torch() -> None:
    probe = """
import sys
from fastapi.testclient import TestClient
from api.app import create_app
from api.server import load_tagger
from api.settings import Settings
body = {"comments": [{"id": "1", "text": "Elendig service, men fin butikk."}]}
answer = TestClient(create_app(Settings(open=True), load_tagger(None))).post("/v1/classify", json=body)
assert answer.status_code == 200, answer.text
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", probe], check=True, cwd=ROOT)


@pytest.mark.slow
@pytest.mark.parametrize("load", [QUICK, "load_tagger"])
def test_it_serves_where_torch_cannot_be_imported(start: Callable[..., Served], load: str) -> None:
    served = start(load, before=NO_TORCH)
    served.wait_until_ready()
    with served.client() as client:
        (result,) = client.post("/v1/classify", json=comments("Elendig service! Aldri mer!")).json()["results"]
    assert result["sentiment"]["label"] == "negative"


@pytest.mark.slow
def test_settings_come_from_the_environment_of_the_process() -> None:
    probe = "from api.settings import Settings; print(Settings().port, Settings(port=9).port)"
    environment = {**os.environ, "STEMME_PORT": "8123"}
    printed = subprocess.run([sys.executable, "-c", probe], check=True, cwd=ROOT, env=environment, capture_output=True)
    assert printed.stdout.split() == [b"8123", b"9"]


@pytest.mark.parametrize("wrong", ["port=-1", "max_comments=0", "max_text_length=20001", "max_body_bytes=1", "prot=1"])
def test_a_setting_out_of_its_limits_is_refused(wrong: str) -> None:
    name, _, value = wrong.partition("=")
    with pytest.raises(ValueError, match=name):
        Settings(**{name: int(value)})

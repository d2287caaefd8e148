"""Kill the service while comments arrive, and count what was lost: `python -m eval.ingest_kills --kills 20`.

`stemme serve` runs as a process of its own on the shipped model. Clients send batches over HTTP, each until it is
acknowledged, while the process is killed (SIGKILL) at random moments, also while it starts, and started again.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Annotated, Any, Final

import httpx
import typer
from rich.console import Console
from sqlalchemy import func, select

from api.ingest.waiting import count_waiting
from api.store.database import Store
from api.store.models import CommentVersion, StoredComment, Tagging
from eval.program import run_program
from nlp.errors import StemmeError

SERVE: Final = (sys.executable, "-c", "from api.cli import main; main()", "serve", "--open", "--port")
LONGEST_LIFE_SECONDS: Final = 4.0
"""From the moment that is drawn: when it is started, when it answers, or when its model is loaded and it tags."""
FROM: Final = {"start": 0.2, "answer": 0.3, "ready": 0.5}
"""How often a life is counted from which moment."""
LONGEST_START_SECONDS: Final = 120.0
LONGEST_UNACKNOWLEDGED_SECONDS: Final = 600.0
"""Of one batch, over several lives of the service."""
LONGEST_TAGGING_SECONDS: Final = 1_800.0
PAUSE_SECONDS: Final = 0.05
TEXTS: Final = (
    "Pakka kom tre veker for seint, og ingen svarte.",
    "Hyggelig betjening og rask levering!",
    "Dyrt, og maden var kold. Jeg kommer ikke igen.",
    "Snabb leverans men fel vara, ring mig genast.",
    "Greit nok.",
)


class ServiceFailed(StemmeError):
    code, title = "service_failed", "The service did not do what the run needs"


@dataclass(frozen=True, slots=True)
class Findings:
    """What was acknowledged, and what lies in the store once everything is tagged.

    Parameters
    ----------
    found : acknowledged comments that lie where the answer said, with their text
    lost : acknowledged comments that do not
    duplicates : comments beyond one for each external id, and versions beyond one for each comment
    twice : versions that one run has tagged more than once
    untagged : versions without tags
    unknown : comments that no client sent
    """

    acknowledged: int
    found: int
    lost: int
    duplicates: int
    twice: int
    untagged: int
    unknown: int

    @property
    def are_good(self) -> bool:
        """Whether nothing is wrong; where nothing was acknowledged, nothing was shown."""
        wrong = self.lost or self.duplicates or self.twice or self.untagged or self.unknown
        return bool(self.acknowledged) and not wrong

    def __str__(self) -> str:
        """For people.

        >>> print(Findings(acknowledged=40, found=40, lost=0, duplicates=0, twice=0, untagged=0, unknown=0))
        acknowledged 40, found 40, lost 0, tagged twice 0, duplicates 0, not tagged 0, not sent 0
        """
        return (
            f"acknowledged {self.acknowledged:,}, found {self.found:,}, lost {self.lost:,}, tagged twice "
            f"{self.twice:,}, duplicates {self.duplicates:,}, not tagged {self.untagged:,}, not sent {self.unknown:,}"
        )


@dataclass(slots=True)
class Client:
    """Sends batches, each until it is acknowledged, whatever becomes of the service meanwhile."""

    name: str
    address: str
    batch: int
    sent: dict[str, str] = field(default_factory=dict)
    acknowledged: dict[str, int] = field(default_factory=dict)
    in_hand: bool = False
    enough: Event = field(default_factory=Event)
    given_up: Event = field(default_factory=Event)

    def send(self) -> None:
        """Until it is enough; the last batch is acknowledged too, unless the run is given up."""
        with httpx.Client(base_url=self.address, timeout=60, trust_env=False) as http:
            number = 0
            while not self.enough.is_set():
                number += 1
                self._send_until_acknowledged(http, number)
                time.sleep(PAUSE_SECONDS)

    def _send_until_acknowledged(self, http: httpx.Client, number: int) -> None:
        names = [f"{self.name}-{number}-{place}" for place in range(self.batch)]
        texts = {name: f"{TEXTS[place % len(TEXTS)]} {name}" for place, name in enumerate(names)}
        comments = [{"source": self.name, "external_id": name, "text": text} for name, text in texts.items()]
        self.sent |= texts
        until = time.monotonic() + LONGEST_UNACKNOWLEDGED_SECONDS
        while time.monotonic() < until and not self.given_up.is_set():
            answer = self._post(http, comments)
            if answer is not None and answer.status_code == httpx.codes.ACCEPTED:
                self.acknowledged |= {each["external_id"]: each["id"] for each in answer.json()["comments"]}
                return
            if answer is not None and answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                raise ServiceFailed(f"POST /v1/comments answered {answer.status_code}: {answer.text[:500]}")
            time.sleep(PAUSE_SECONDS)
        if not self.given_up.is_set():
            raise ServiceFailed(f"A batch was not acknowledged within {LONGEST_UNACKNOWLEDGED_SECONDS:.0f} seconds.")

    def _post(self, http: httpx.Client, comments: list[dict[str, str]]) -> httpx.Response | None:
        """The answer; None where the service went away before it came."""
        self.in_hand = True
        try:
            return http.post("/v1/comments", json={"comments": comments})
        except httpx.TransportError:
            return None
        finally:
            self.in_hand = False


class Service:
    """`stemme serve` on one port, which can be killed and started again."""

    def __init__(self, database: str, log: Path) -> None:
        self.port = _free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._environment = {**os.environ, "STEMME_DATABASE": database}
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*SERVE, str(self.port)], env=self._environment, stdout=log, stderr=subprocess.STDOUT
            )

    def kill(self) -> None:
        """At once: nothing of it runs on."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def wait_for(self, route: str) -> None:
        """Until this route answers 200: `/healthz` once comments are taken, `/readyz` once they are tagged too.

        Raises
        ------
        ServiceFailed : if the service ends by itself, or does not get so far
        """
        assert self._process is not None
        until = time.monotonic() + LONGEST_START_SECONDS
        while time.monotonic() < until:
            if (ended := self._process.poll()) is not None:
                said = self._log.read_text(errors="replace")[-2_000:]
                raise ServiceFailed(f"The service ended with {ended}:\n{said}")
            with suppress(httpx.TransportError):
                if httpx.get(f"{self.address}{route}", timeout=5, trust_env=False).is_success:
                    return
            time.sleep(PAUSE_SECONDS)
        raise ServiceFailed(f"{route} did not answer within {LONGEST_START_SECONDS:.0f} seconds.")


def ingest_kills(
    *,
    kills: Annotated[int, typer.Option(min=1, help="How often the service is killed.")] = 20,
    database: Annotated[
        str | None, typer.Option(help="URL of an empty database. Default: an SQLite file, removed at the end.")
    ] = None,
    clients: Annotated[int, typer.Option(min=1, help="Clients that send at once.")] = 2,
    batch: Annotated[int, typer.Option(min=1, max=1_000, help="Comments of a request.")] = 5,
    seed: Annotated[int, typer.Option(help="Another seed kills at other moments.")] = 1,
) -> None:
    """Kill the service at random moments of ingest; exit with 1 if anything was lost, doubled or left untagged."""
    console = Console(highlight=False)
    with TemporaryDirectory(prefix="stemme-kills-") as folder:
        url = database or f"sqlite:///{folder}/store.db"
        with _empty_store(url) as store:
            service = Service(url, Path(folder) / "log")
            senders = [Client(f"client-{number}", service.address, batch) for number in range(clients)]
            try:
                _kill_while_they_send(service, senders, store, kills=kills, seed=seed, console=console)
                _let_it_tag(store)
            finally:
                service.kill()
            findings = find(store, senders)
    console.print(str(findings), soft_wrap=True)
    if not findings.are_good:
        raise typer.Exit(1)


def find(store: Store, clients: Sequence[Client]) -> Findings:
    """Compare what clients sent and were told with what lies in the store, in which nothing else lies."""
    acknowledged = {name: id_ for client in clients for name, id_ in client.acknowledged.items()}
    sent = {name: text for client in clients for name, text in client.sent.items()}
    versions = select(StoredComment.id, StoredComment.external_id, CommentVersion.text, CommentVersion.id)
    taggings = select(Tagging.version_id, func.count()).group_by(Tagging.version_id)
    with store.read() as session:
        rows: Any = session.execute(versions.join(CommentVersion.comment)).all()
        counted: Any = session.execute(taggings).all()
    tagged: dict[int, int] = dict(map(tuple, counted))
    lying = {(id_, name, text) for id_, name, text, _ in rows}
    names = {name for _, name, _ in lying}
    found = sum((id_, name, sent[name]) in lying for name, id_ in acknowledged.items())
    return Findings(
        acknowledged=len(acknowledged),
        found=found,
        lost=len(acknowledged) - found,
        duplicates=len(rows) - len(names),
        twice=sum(number > 1 for number in tagged.values()),
        untagged=sum(version_id not in tagged for *_, version_id in rows),
        unknown=len(names - sent.keys()),
    )


def _kill_while_they_send(
    service: Service, clients: Sequence[Client], store: Store, *, kills: int, seed: int, console: Console
) -> None:
    moments = random.Random(seed)
    with ThreadPoolExecutor(len(clients)) as pool:
        sending = [pool.submit(client.send) for client in clients]
        try:
            for number in range(1, kills + 1):
                service.start()
                _live(service, moments)
                in_hand = sum(client.in_hand for client in clients)
                service.kill()
                acknowledged = sum(len(client.acknowledged) for client in clients)
                console.print(
                    f"kill {number} of {kills}: {in_hand} requests in hand; by now {acknowledged:,} comments "
                    f"acknowledged, {_count_tagged(store):,} tagged, {count_waiting(store):,} waiting",
                    soft_wrap=True,
                )
                for each in sending:
                    if each.done():  # no client ends by itself unless something is wrong
                        each.result()
            service.start()
            service.wait_for("/healthz")
            for client in clients:
                client.enough.set()
            for each in sending:
                each.result()
        except BaseException:
            for client in clients:
                client.enough.set()
                client.given_up.set()
            raise


def _live(service: Service, moments: random.Random) -> None:
    """Let a service that was started live for a while."""
    (since,) = moments.choices(list(FROM), list(FROM.values()))
    if since != "start":
        service.wait_for("/healthz" if since == "answer" else "/readyz")
    time.sleep(moments.uniform(0.0, LONGEST_LIFE_SECONDS))


def _count_tagged(store: Store) -> int:
    with store.read() as session:
        return session.scalar(select(func.count()).select_from(Tagging)) or 0


def _let_it_tag(store: Store) -> None:
    until = time.monotonic() + LONGEST_TAGGING_SECONDS
    while waiting := count_waiting(store):
        if time.monotonic() > until:
            raise ServiceFailed(f"{waiting:,} comments still wait after {LONGEST_TAGGING_SECONDS / 60:.0f} minutes.")
        time.sleep(1)


@contextmanager
def _empty_store(url: str) -> Iterator[Store]:
    with closing(Store.connect(url)) as store:
        store.upgrade()
        with store.read() as session:
            if session.scalar(select(func.count()).select_from(StoredComment)):
                raise ServiceFailed(f"{store.name} holds comments already. Name an empty database.")
        yield store


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    run_program(ingest_kills)

"""The engine for many cores or machines: Ray Data hands the files to a pool of processes that each hold the model."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import warnings
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from api.files.errors import BadUsage, RunFailed
from api.folders.find import SourceFile
from api.folders.one_file import FolderRun, NamedTagger, Outcome, tag_one
from api.folders.progress import FolderProgress
from api.folders.state import STATE_FILE
from nlp.errors import StemmeError, require
from nlp.tagger import Tagger

# What the bytes of an output depend on: Parquet files name the library that wrote them.
_SAME_EVERYWHERE: Final = ("stemme", "numpy", "onnxruntime", "pyarrow", "spacy", "tokenizers")

_PATIENCE_SECONDS: Final = 10
RETRIES: Final = 2  # of a file whose worker died, or whose node is gone; Ray's own number has no end
_WORKER_DIED: Final = (
    f"Its worker died, {RETRIES + 1} times over. Was there too little memory? Ray's logs say more, on each node "
    "under /tmp/ray."
)


@dataclass(frozen=True, slots=True)
class RayEngine:
    """Settings of the pool; called, it tags.

    Attributes
    ----------
    address : of a cluster, or None to start Ray on this machine and stop it at the end
    workers : processes of the pool; None for as many as there are cores, or files if those are fewer
    threads : of each worker; None for its share of the cores if `workers` is said, else 1
    model : folder of the model, the same path on every node; None for the shipped one
    """

    address: str | None = None
    workers: int | None = None
    threads: int | None = None
    model: Path | None = None

    def __call__(
        self, run: FolderRun, files: Sequence[SourceFile], *, tagger: NamedTagger, progress: FolderProgress
    ) -> Generator[Outcome, None, None]:
        """What became of each file, in the order in which they end.

        Raises
        ------
        MissingExtra : if Ray is not installed
        BadUsage : if the cluster has fewer cores than workers and threads need
        RunFailed : if the cluster cannot be reached, or breaks off
        """
        data = require("ray.data", extra="ray")
        with _cluster(self.address) as cores:
            workers, threads = shared_out(cores, files=len(files), workers=self.workers, threads=self.threads)
            progress.notice(f"Ray: {workers} workers with {threads} threads each, of {cores} cores.")
            context = data.DataContext.get_current()
            context.enable_progress_bars = False  # we have our own
            context.max_consecutive_actor_init_deaths = RETRIES
            context.max_errored_blocks = -1  # a file that is given up costs that file
            logging.getLogger("ray.data").setLevel(logging.ERROR)
            largest_first = sorted(files, key=lambda file: -file.size)  # so that no worker is left with one at the end
            # As JSON: a file's name may hold what Arrow keeps out of a string.
            names = [{"name": json.dumps(file.name)} for file in largest_first]
            with warnings.catch_warnings():
                warnings.filterwarnings(
                    "ignore", message=".*ray_remote_args.*"
                )  # `max_task_retries` has no other way in
                outcomes = data.from_items(names, override_num_blocks=len(names)).map_batches(
                    TagFiles,
                    batch_size=1,
                    batch_format="numpy",
                    compute=data.ActorPoolStrategy(size=workers, max_tasks_in_flight_per_actor=1),
                    num_cpus=threads,
                    max_task_retries=RETRIES,
                    fn_constructor_kwargs={
                        "run": run,
                        "model": self.model,
                        "threads": threads,
                        "expected": Node.here(tagger.name),
                    },
                )
            given_up = {file.name for file in files}
            for batch in _unbroken(outcomes.iter_batches(batch_size=None, prefetch_batches=0)):
                for line in batch["outcome"]:
                    outcome = Outcome(**json.loads(line))
                    given_up.remove(outcome.name)
                    yield outcome
            yield from (Outcome(name, code="worker_died", reason=_WORKER_DIED) for name in sorted(given_up))


def shared_out(cores: int, *, files: int, workers: int | None, threads: int | None) -> tuple[int, int]:
    """How many workers, and threads for each, so that together they are no more than the cores.

    Raises
    ------
    BadUsage : if that cannot be

    >>> shared_out(8, files=100, workers=None, threads=None)
    (8, 1)
    >>> shared_out(8, files=100, workers=3, threads=None)
    (3, 2)
    >>> shared_out(8, files=2, workers=None, threads=3)
    (2, 3)
    """
    wanted = workers or 1
    needed = wanted * (threads or 1)
    if needed > cores:
        raise BadUsage(
            f"--workers {wanted} with {threads or 1} threads each need {needed} cores; Ray has {cores}. Ask for fewer, "
            "or add nodes."
        )
    if workers is None:
        return min(cores // (threads or 1), files), threads or 1
    return workers, threads or cores // workers


@dataclass(frozen=True, slots=True)
class Node:
    """What must be the same on each node for its files to have the same bytes."""

    model: str
    versions: tuple[tuple[str, str], ...]

    @classmethod
    def here(cls, model: str) -> Node:
        return cls(model, tuple((package, _version(package)) for package in _SAME_EVERYWHERE))

    def difference(self, expected: Node) -> str | None:
        """In words, or None."""
        here = (("model", self.model), *self.versions)
        there = (("model", expected.model), *expected.versions)
        differing = [
            f"{name} is {found}, expected {wanted}"
            for (name, found), (_, wanted) in zip(here, there, strict=True)
            if found != wanted
        ]
        return "; ".join(differing) or None


class TagFiles:
    """A worker of the pool. It loads the model once; what is wrong with its node it says with the first file."""

    def __init__(self, *, run: FolderRun, model: Path | None, threads: int, expected: Node) -> None:
        self._run = run
        self._tagger: Tagger | None = None
        self._problem = _missing(run)
        if self._problem is not None:
            return
        import pyarrow as pa  # noqa: PLC0415, in the worker only: the size of its pool is this process's

        pa.set_cpu_count(threads)
        try:
            self._tagger = Tagger.load(model, threads=threads)
            self._problem = Node.here(self._tagger.name).difference(expected)
        except StemmeError as error:
            self._problem = str(error)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[str]]:
        outcomes = [self._tag(json.loads(name)) for name in batch["name"]]
        return {"outcome": [json.dumps(asdict(outcome)) for outcome in outcomes]}

    def _tag(self, name: str) -> Outcome:
        if self._problem is not None or self._tagger is None:
            reason = f"Node {os.uname().nodename} cannot take part: {self._problem}."
            return Outcome(name, code="run_failed", reason=reason, stop=True)
        return tag_one(self._run, name, tagger=self._tagger, report=_Unwatched())


class _Unwatched:
    """The report of a file that is tagged elsewhere: the run hears of it when it is done."""

    def notice(self, sentence: str) -> None: ...

    def step(self, name: str, *, total: int | None) -> None: ...

    def advance(self, position: int, *, rows: int) -> None: ...


def _missing(run: FolderRun) -> str | None:
    """What this node does not see of the folders; the state file was written by the command that started the run."""
    if not run.input.is_dir():
        return f"it has no folder {run.input}, which must be shared under the same path"
    if not (run.output / STATE_FILE).is_file():
        return f"it does not see the files of {run.output}, which must be shared under the same path"
    return None


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def check_reachable(address: str) -> None:
    """Knock at `host:port`, as Ray itself tries for minutes; it alone knows what other addresses, as `auto`, stand for.

    Raises
    ------
    RunFailed : if nobody listens there
    """
    host, _, port = address.rpartition(":")
    if "/" in address or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=_PATIENCE_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise RunFailed(
            f"No Ray cluster answers at {address} ({error}). Nothing was tagged. `ray start --head` prints the address."
        ) from error


@contextmanager
def _cluster(address: str | None) -> Iterator[int]:
    """Connect to a cluster, or start one for this run alone; how many cores it has.

    Raises
    ------
    RunFailed : if there is none at the address
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing of a run is told to anybody outside
    ray = require("ray", extra="ray")
    if address:
        check_reachable(address)
    on_sigterm = signal.getsignal(signal.SIGTERM)
    start: dict[str, Any] = {"address": address} if address else {"address": "local", "include_dashboard": False}
    try:
        ray.init(**start, log_to_driver=False, logging_level="ERROR")
    except Exception as error:  # a node that does not come up raises no class of its own
        ray.shutdown()
        what = f"There is no Ray cluster to use at {address}" if address else "Ray did not start on this machine"
        raise RunFailed(
            f"{what} ({' '.join(str(error).split())}). Nothing was tagged; its logs are in /tmp/ray."
        ) from error
    try:
        signal.signal(signal.SIGTERM, on_sigterm)  # Ray put its own there, which says nothing of what is done
        yield int(ray.cluster_resources().get("CPU", 0))
    finally:
        ray.shutdown()


def _unbroken(batches: Iterable[Any]) -> Iterator[Any]:
    """Ray's own exceptions as ours: a node that is gone for good, a worker that dies again and again."""
    exceptions = require("ray.exceptions", extra="ray")
    try:
        yield from batches
    except exceptions.RayError as error:
        raise RunFailed(
            f"Ray broke off ({type(error).__name__}). Its logs say why (on each node under /tmp/ray). Files that are "
            "done stay; the same command goes on with the rest."
        ) from error

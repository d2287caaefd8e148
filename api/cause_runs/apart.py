"""Finding causes in a process of its own, beside a service whose callers wait for answers.

Clustering is minutes of NumPy and Python objects by the million: in the service it would hold Python's lock, stop every
thread while garbage is collected, and leave the service large. A process has a lock and memory of its own, the system
gives the processor to others first (`NICENESS`), and if memory runs out it dies and not the service.

The process is told what to do in a line on its standard input, and tells in lines on its standard output how far it is,
each as JSON. It ends when its standard input is closed, so it does not outlive the service however that ends.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import IO, TYPE_CHECKING, Any, Final

import api
from api.cause_runs.errors import TopicsProcessDied
from api.jobs.errors import JobBroke, RecordedError
from api.problems import describe_bug
from api.store.database import Store
from nlp.errors import StemmeError

if TYPE_CHECKING:
    from api.cause_runs.discovery import Progress, Reading  # need the extra `topics`

NICENESS: Final = 10
"""Of the process: beside a busy one of usual priority it gets a tenth of a core."""
ONE_THREAD: Final = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""More threads would take the cores of callers and save little: products of matrices are a small part."""
LOOK_SECONDS: Final = 1.0
"""How often it is asked whether the work is to go on, while the process has nothing to say."""
END_SECONDS: Final = 10.0


def discover_apart(store: Store, read: Reading, *, progress: Progress) -> int | None:
    """`api.cause_runs.discovery.discover`, in a process of its own.

    Parameters
    ----------
    progress : as there; what it raises ends the process

    Raises
    ------
    RecordedError : an error of ours that the process met, with its code
    TopicsProcessDied : if it has ended without a word
    """
    with _process() as process:
        assert process.stdin is not None
        assert process.stdout is not None
        url = store.url.set(drivername=store.url.get_backend_name()).render_as_string(hide_password=False)
        with suppress(BrokenPipeError):  # it has died, which is told below
            process.stdin.write(json.dumps({"database": url, "read": asdict(read)}) + "\n")
            process.stdin.flush()
        lines: SimpleQueue[str | None] = SimpleQueue()
        Thread(target=_put_lines, args=(process.stdout, lines), name="stemme-topics-lines", daemon=True).start()
        step, share = "starting", 0.0
        while True:
            try:
                line = lines.get(timeout=LOOK_SECONDS)
            except Empty:
                progress(step, share)
                continue
            if line is None:
                raise TopicsProcessDied(process.wait())
            told: dict[str, Any] = json.loads(line)
            if "error" in told:
                raise RecordedError(**told["error"])
            if "bug" in told:
                raise JobBroke(read.job_id)
            if "run" in told:
                run: int | None = told["run"]
                return run
            step, share = told["step"], told["share"]
            progress(step, share)


@contextmanager
def _process() -> Iterator[subprocess.Popen[str]]:
    here = str(Path(api.__file__).parents[1])
    path = os.pathsep.join(each for each in (here, os.environ.get("PYTHONPATH", "")) if each)
    process = subprocess.Popen(
        [sys.executable, "-m", "api.cause_runs.apart"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={**os.environ, **ONE_THREAD, "PYTHONPATH": path},
        creationflags=getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0),  # of Windows
    )
    try:
        yield process
    finally:
        process.kill()  # it has nothing to tidy up: what it has stored in part is discarded by whoever goes on
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()


def _put_lines(stream: IO[str], lines: SimpleQueue[str | None]) -> None:
    with suppress(ValueError, OSError):  # it is closed as the process is ended
        for line in stream:
            lines.put(line)
    lines.put(None)


def main() -> None:
    """The process."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    out, sys.stdout = sys.stdout, sys.stderr  # nothing else may come between the lines
    asked = json.loads(sys.stdin.readline())
    Thread(target=_end_with_the_service, name="stemme-topics-parent", daemon=True).start()

    def tell(**what: Any) -> None:
        out.write(json.dumps(what) + "\n")
        out.flush()

    try:
        from api.cause_runs.discovery import Reading, discover  # noqa: PLC0415, they need the extra `topics`

        store = Store.connect(asked["database"])
        run = discover(store, Reading(**asked["read"]), progress=lambda step, share: tell(step=step, share=share))
        tell(run=run)
    except StemmeError as error:
        tell(error={"code": error.code, "message": str(error)})
    except Exception as bug:
        print(f"Finding causes failed. {describe_bug(bug)}", file=sys.stderr, flush=True)
        tell(bug=type(bug).__name__)


def _end_with_the_service() -> None:
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    main()

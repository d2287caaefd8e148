"""What routes are handed: the tagger, once it is loaded, and the certainty that a body calls itself JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from email.message import Message
from typing import Annotated, Protocol, cast

from fastapi import Depends, Request

from api.interactive import InteractiveCalls
from api.store.database import Store
from nlp.errors import StemmeError
from nlp.record import Comment, Record


class CommentTagger(Protocol):
    """What the service needs of a tagger; `nlp.tagger.Tagger` is one."""

    @property
    def name(self) -> str: ...

    @property
    def taxonomy(self) -> str: ...

    def tag(self, comments: Iterable[Comment], *, batch_size: int = 64) -> Iterator[Record]: ...


class NotReady(StemmeError):
    code, title = "not_ready", "The model is not loaded yet"

    def __init__(self) -> None:
        super().__init__("The model is not loaded yet. Ask again after Retry-After; /readyz tells when it is.")


class UnsupportedMediaType(StemmeError):
    code, title = "unsupported_media_type", "The body is not declared as JSON"

    def __init__(self, found: str | None) -> None:
        what = "There is no Content-Type" if not found else f"Content-Type is {found[:100]!r}"
        super().__init__(f"{what}; allowed is application/json. Set the header and send the body as JSON.")


def loaded_tagger(request: Request) -> CommentTagger:
    """The service's tagger.

    Raises
    ------
    NotReady : while it is being loaded
    """
    tagger = cast("CommentTagger | None", request.app.state.tagger)
    if tagger is None:
        raise NotReady
    return tagger


def require_json(request: Request) -> None:
    """Refuse a body that does not call itself JSON.

    This is also what keeps other web sites out: a browser sends JSON to a foreign address only after asking for leave,
    which this service never gives.

    Raises
    ------
    UnsupportedMediaType : if Content-Type is missing or something else
    """
    found = request.headers.get("content-type")
    header = Message()
    header["content-type"] = found or ""
    kind = header.get_content_type()
    if not found or not (kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))):
        raise UnsupportedMediaType(found)


def service_store(request: Request) -> Store:
    """The service's store."""
    return cast("Store", request.app.state.store)


def worker_waker(request: Request) -> Callable[[], None]:
    """What tells the worker, if there is one in this process, that something was stored."""
    return cast("Callable[[], None]", request.app.state.wake_worker)


def deliverer_waker(request: Request) -> Callable[[], None]:
    """What tells the deliverer of webhooks, if there is one in this process, that there are messages."""
    return cast("Callable[[], None]", request.app.state.wake_deliverer)


def jobs_waker(request: Request) -> Callable[[], None]:
    """What tells the runner, if there is one in this process, that there is a job."""
    return cast("Callable[[], None]", request.app.state.wake_jobs)


def interactive_calls(request: Request) -> InteractiveCalls:
    """The calls in hand, before which long work in this process gives way."""
    return cast("InteractiveCalls", request.app.state.calls)


StoreDep = Annotated[Store, Depends(service_store)]
WakeDep = Annotated[Callable[[], None], Depends(worker_waker)]
WakeDelivererDep = Annotated[Callable[[], None], Depends(deliverer_waker)]
WakeJobsDep = Annotated[Callable[[], None], Depends(jobs_waker)]
TaggerDep = Annotated[CommentTagger, Depends(loaded_tagger)]
CallsDep = Annotated[InteractiveCalls, Depends(interactive_calls)]

"""`stemme ingest` without `-o`: an export goes into the store, and is tagged there by the service or at once."""

from __future__ import annotations

from typing import Final

from rich.console import Console

from api.exports.run import Import, import_into
from api.exports.sink_store import StoreSink
from api.exports.storable import not_storable
from api.files.errors import RunFailed
from api.files.progress import ProgressBar
from api.ingest.treatment import masking
from api.ingest.waiting import count_waiting, tag_waiting
from api.ingest.worker import TagWorker
from api.live_causes.assigner import CauseAssigner, assign_waiting
from api.settings import Settings
from api.store.command import open_with_settings
from api.store.database import Store
from api.store.errors import StoreUnavailable
from api.terminal import interrupted, say
from nlp.tagger import Tagger

GOES_ON: Final = "the same command goes on"


def store_export(order: Import, *, database: str | None, rejected: str, tag: bool, quiet: bool) -> None:
    """Read an export into the store, a batch at a time, and say what it changed.

    Parameters
    ----------
    database : a URL; without it, as the settings say
    rejected : a .csv file for the rows that could not be understood or stored
    tag : whether what waits in the store is tagged here, or left to the service

    Raises
    ------
    StemmeError : before anything was stored; what is wrong with the export, the file or the database
    RunFailed : if the store stopped answering; what was stored by then stays, and the same command goes on
    """
    with (
        open_with_settings(database) as (store, settings),
        ProgressBar(Console(stderr=True), quiet=quiet) as bar,
    ):
        if settings.not_masked:
            bar.notice(f"Not masked (STEMME_MASK): {', '.join(settings.not_masked)}.")
        _import(order, StoreSink(store, treat=masking(settings.mask), notice=bar.notice), rejected, bar, quiet=quiet)
        if tag:
            _tag(store, settings, bar, quiet=quiet)
        elif not quiet and (waiting := count_waiting(store)):
            say(
                f"{waiting:,} wait to be tagged. `stemme serve` tags what waits while it runs; to tag it now, say the "
                "same with --tag."
            )


def _import(order: Import, sink: StoreSink, rejected: str, bar: ProgressBar, *, quiet: bool) -> None:
    try:
        counts = import_into(order, sink, check=not_storable, rejected=rejected, report=bar)
    except KeyboardInterrupt:
        raise interrupted(f"{sink.counts.comments:,} comments were stored; {GOES_ON}.") from None
    except StoreUnavailable as error:
        stored = f"{sink.counts.comments:,} comments were stored"
        raise RunFailed(f"{sink.store.name} does not answer. {stored}; {GOES_ON}.") from error
    if quiet:
        return
    say(f"{counts}\nIn {sink.store.name}: {sink.counts}")
    if counts.rejected:
        say(f"  The rejected rows and why: {rejected}")


def _tag(store: Store, settings: Settings, bar: ProgressBar, *, quiet: bool) -> None:
    tagger = Tagger.load(settings.model)
    worker = TagWorker(store, tagger, batch_size=settings.batch_size, max_text_length=settings.max_text_length)
    try:
        done = tag_waiting(worker, store, report=bar)
        bar.step("Causes", total=None)
        assigned = assign_waiting(CauseAssigner(store, lambda: tagger, batch_size=settings.batch_size))
    except KeyboardInterrupt:
        left = f"{count_waiting(store):,} wait to be tagged"
        raise interrupted(f"{left}; {GOES_ON}, and so does `stemme serve`.") from None
    except StoreUnavailable as error:
        raise RunFailed(f"{store.name} does not answer. What is not tagged still waits; {GOES_ON}.") from error
    if quiet:
        return
    say(f"Tagged {done:,} with {tagger.name}.")
    if assigned:
        say(f"Of {assigned:,} the clauses were given the causes that they are about.")
    if left_over := count_waiting(store):
        say(f"{left_over:,} could not be tagged yet; `stemme serve` tries them again.")

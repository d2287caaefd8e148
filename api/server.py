"""Serving: load the model and answer HTTP until told to stop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import uvicorn
from uvicorn.config import LOGGING_CONFIG

from api.access.keys import has_usable_key
from api.alerts.raising import AlertRaiser
from api.app import create_app
from api.cause_actions.verdicts import ask_for_stale_verdicts
from api.dependencies import CommentTagger
from api.ingest.active_tagger import ActiveModelMissing, ActiveTagger
from api.ingest.worker import TagWorker
from api.job_kinds import job_kinds
from api.jobs.runner import JobRunner
from api.live_causes.assigner import CauseAssigner
from api.live_causes.drift import DriftLog
from api.live_causes.refit import NightlyRefit
from api.removal.upkeep import Upkeep
from api.settings import Settings, is_loopback
from api.store.database import Store
from api.webhooks.address import AddressPolicy
from api.webhooks.deliverer import WebhookDeliverer
from nlp.tagger import Tagger

logger = logging.getLogger(__name__)

RESPONDENTS: Final = "/respondents/"
LoadTagger = Callable[[Path | None], CommentTagger]


def load_tagger(model: Path | None) -> CommentTagger:
    """The tagger of a model folder; the shipped one if none is named."""
    return Tagger.load(model)


def serve(settings: Settings, *, load: LoadTagger = load_tagger) -> None:
    """Answer requests until SIGTERM or Ctrl-C; requests in hand are finished first.

    Parameters
    ----------
    settings : where to listen, which model, which limits
    load : makes the tagger. /readyz is 503 until it returns

    Raises
    ------
    StemmeError : if the store cannot be opened, or the model cannot be loaded; the service has then stopped
    SystemExit : if the address cannot be listened on; the log says why
    """
    store = Store.open(settings.database)
    try:
        with suppress(KeyboardInterrupt):
            asyncio.run(_serve(settings, load, store))
    finally:
        store.close()


async def _serve(settings: Settings, load: LoadTagger, store: Store) -> None:
    app = create_app(settings, store=store)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            log_config=log_config(),
            http="h11",
            ws="none",
            lifespan="off",
            server_header=False,
        )
    )
    _say_who_may_enter(settings, store)
    _say_what_is_not_masked(settings)

    deliverer = WebhookDeliverer(
        store,
        policy=AddressPolicy(networks=settings.webhook_networks, allow_http=settings.webhook_allow_http),
        timeout_seconds=settings.webhook_timeout_seconds,
        most_attempts=settings.webhook_attempts,
    )
    deliverer.start()
    app.state.wake_deliverer = deliverer.wake
    alerts = AlertRaiser(
        max_age=timedelta(days=settings.alert_max_age_days), public_url=settings.public_url, announce=deliverer.wake
    )
    workers: list[TagWorker | JobRunner | CauseAssigner | NightlyRefit] = []

    def use(changed: CommentTagger | ActiveModelMissing) -> None:
        if isinstance(changed, ActiveModelMissing):
            app.state.model_missing = changed
        else:
            app.state.tagger, app.state.model_missing = changed, None

    async def make_ready() -> None:
        active = ActiveTagger(store, load, settings.model)
        try:
            tagger = await asyncio.to_thread(active.start)
        except BaseException:
            server.should_exit = True
            raise
        limits = {"batch_size": settings.batch_size, "max_text_length": settings.max_text_length}
        worker = TagWorker(store, active, **limits, alerts=alerts, changed=use)
        runner = JobRunner(store, job_kinds(load, **limits, calls=app.state.calls))
        drift = DriftLog(store)

        def assigned() -> None:
            drift.tell()
            if ask_for_stale_verdicts(store):
                runner.wake()

        assigner = CauseAssigner(store, lambda: active.tagger, batch_size=settings.batch_size, idle=assigned)
        workers.extend((worker, runner, assigner, *_nightly(settings, store, runner)))
        for each in workers:
            each.start()
        app.state.wake_worker, app.state.wake_jobs = worker.wake, runner.wake
        use(tagger)
        logger.info("Ready with %s and %s.", tagger.name, tagger.taxonomy)

    upkeep = Upkeep(store, settings.retention, keep_delivered=timedelta(days=settings.webhook_keep_days))
    upkeep.start()
    loading = asyncio.create_task(make_ready())
    try:
        await server.serve()
    finally:
        await asyncio.to_thread(upkeep.stop)
        for worker in workers:
            await asyncio.to_thread(worker.stop)
        await asyncio.to_thread(deliverer.stop)
    if loading.done():
        loading.result()
    else:
        loading.cancel()


def _nightly(settings: Settings, store: Store, runner: JobRunner) -> list[NightlyRefit]:
    """What asks for causes every night, if it was set."""
    if settings.nightly is None:
        return []
    at, zone = settings.nightly
    return [NightlyRefit(store, at=at, zone=zone, wake_jobs=runner.wake)]


def _say_who_may_enter(settings: Settings, store: Store) -> None:
    if settings.open:
        logger.warning("Open: every program on this machine may use it without a key. It listens on loopback only.")
        return
    if not has_usable_key(store):
        logger.warning(
            "There is no key yet, so nobody can use it. Make one: stemme keys create --scope classify. To try it "
            "without keys on this machine: stemme serve --open."
        )
    if not is_loopback(settings.host):
        logger.warning(
            "Listening on %s, which others in the network can reach: keys and texts cross it unencrypted. Put a proxy "
            "with TLS in front, or listen on 127.0.0.1.",
            settings.host,
        )


def _say_what_is_not_masked(settings: Settings) -> None:
    if settings.not_masked:
        logger.warning(
            "Not masked (STEMME_MASK): %s. Whatever of it customers write is stored as it came. To mask it, leave "
            "STEMME_MASK out.",
            ", ".join(settings.not_masked),
        )


def log_config() -> dict[str, Any]:
    """The server's logging: its own lines and ours, requests without their query and without a respondent."""
    config = deepcopy(LOGGING_CONFIG)
    config["filters"] = {"without_query": {"()": WithoutQuery}}
    config["handlers"]["access"]["filters"] = ["without_query"]
    config["loggers"]["api"] = {"handlers": ["default"], "level": "INFO", "propagate": False}
    return config


class WithoutQuery(logging.Filter):
    """Cuts the query off a line of the access log, which may hold a customer's words, and the id of a respondent."""

    def filter(self, record: logging.LogRecord) -> bool:
        client, method, path, *rest = record.args  # type: ignore[misc]  # as uvicorn calls it
        shown = str(path).partition("?")[0]
        if RESPONDENTS in shown:
            shown = shown.partition(RESPONDENTS)[0] + RESPONDENTS + "…"
        record.args = (client, method, shown, *rest)
        return True

"""Serving: load the model and answer HTTP until told to stop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.config import LOGGING_CONFIG

from api.app import create_app
from api.dependencies import CommentTagger
from api.settings import Settings
from nlp.tagger import Tagger

logger = logging.getLogger(__name__)

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
    StemmeError : if the model cannot be loaded; the service has then stopped
    SystemExit : if the address cannot be listened on; the log says why
    """
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(settings, load))


async def _serve(settings: Settings, load: LoadTagger) -> None:
    app = create_app(settings)
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
    if not is_loopback(settings.host):
        logger.warning(
            "Listening on %s, which others in the network can reach, and there are no access keys: anyone who reaches "
            "it may use it. Put a proxy with access control in front, or listen on 127.0.0.1.",
            settings.host,
        )

    async def make_ready() -> None:
        try:
            tagger = await asyncio.to_thread(load, settings.model)
        except BaseException:
            server.should_exit = True
            raise
        app.state.tagger = tagger
        logger.info("Ready with %s and %s.", tagger.name, tagger.taxonomy)

    loading = asyncio.create_task(make_ready())
    await server.serve()
    if loading.done():
        loading.result()
    else:
        loading.cancel()


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address; a name other than localhost counts as reachable.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def log_config() -> dict[str, Any]:
    """The server's logging: its own lines and ours, requests without their query."""
    config = deepcopy(LOGGING_CONFIG)
    config["filters"] = {"without_query": {"()": WithoutQuery}}
    config["handlers"]["access"]["filters"] = ["without_query"]
    config["loggers"]["api"] = {"handlers": ["default"], "level": "INFO", "propagate": False}
    return config


class WithoutQuery(logging.Filter):
    """Cuts the query off a line of the access log: a search may hold a customer's words."""

    def filter(self, record: logging.LogRecord) -> bool:
        client, method, path, *rest = record.args  # type: ignore[misc]  # as uvicorn calls it
        record.args = (client, method, str(path).partition("?")[0], *rest)
        return True

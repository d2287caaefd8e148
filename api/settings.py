"""What an operator may set about the service. Read once, by the command line, and handed down."""

from __future__ import annotations

import re
from datetime import time
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from api.files.errors import BadSettings
from api.personal_data import Kind
from api.removal.policy import RetentionPolicy
from nlp.tagger import MAX_TEXT_LENGTH

_CLOCK: Final = re.compile(r"([01]?\d|2[0-3]):[0-5]\d")
ALL, NONE = "all", "none"
KINDS: Final = ", ".join(Kind)


def _kinds(value: object) -> object:
    """`all`, `none`, or kinds with commas between them.

    >>> sorted(_kinds("email, phone"))
    [<Kind.EMAIL: 'email'>, <Kind.PHONE: 'phone'>]
    """
    if not isinstance(value, str):
        return value
    names = [name.strip() for name in value.lower().split(",")]
    if names in ([ALL], [NONE]):
        return frozenset(Kind if names == [ALL] else ())
    try:
        return frozenset(map(Kind, names))
    except ValueError:
        raise ValueError(f"allowed are {ALL}, {NONE}, or some of {KINDS}, with commas between them") from None


def _time_of_day(value: object) -> object:
    """Hours and minutes; nothing for an empty string.

    >>> _time_of_day("03:00")
    datetime.time(3, 0)
    """
    if not isinstance(value, str):
        return value
    if not value.strip():
        return None
    if not _CLOCK.fullmatch(value.strip()):
        raise ValueError("allowed is a time from 00:00 to 23:59, or nothing")
    hours, minutes = value.strip().split(":")
    return time(int(hours), int(minutes))


def _zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("it is no time zone that is known") from None


class Settings(BaseSettings):
    """The service's settings; each is also read from the environment as `STEMME_` and its name in capitals.

    >>> Settings(port=9000).port
    9000
    """

    model_config = SettingsConfigDict(env_prefix="STEMME_", frozen=True, extra="forbid")

    model: Path | None = Field(None, description="Folder of the model; without it, the shipped one.")
    host: str = Field(
        "127.0.0.1",
        min_length=1,
        description="Address to listen on; beyond loopback keys and texts cross the network, so put TLS in front.",
    )
    open: bool = Field(False, description="Let anybody on this machine in without a key; on loopback only.")
    port: int = Field(8000, ge=0, le=65_535, description="Port to listen on; 0 lets the system choose a free one.")
    database: str | None = Field(
        None,
        description="URL of the database; without it, an SQLite file in the user's data folder.",
        repr=False,  # it may hold a password
    )
    mask: Annotated[frozenset[Kind], NoDecode, BeforeValidator(_kinds)] = Field(
        frozenset(Kind),
        description=f"Personal data that is masked before a comment is stored: {ALL}, {NONE}, or some of {KINDS}.",
    )
    batch_size: int = Field(64, ge=1, le=1_024, description="Comments per forward pass.")
    max_text_length: int = Field(
        MAX_TEXT_LENGTH, ge=1, le=MAX_TEXT_LENGTH, description="Characters of a text; a longer one gets its error."
    )
    max_comments: int = Field(1_000, ge=1, le=10_000, description="Comments of one request.")
    max_body_bytes: int = Field(8 * 2**20, ge=1_024, le=256 * 2**20, description="Bytes of one request's body.")
    body_timeout_seconds: float = Field(
        30.0, gt=0, le=3_600, description="Time in which a request's body has to arrive."
    )
    max_concurrent_requests: int = Field(
        32, ge=1, le=1_024, description="Requests under /v1 in hand at once; more are told to come again."
    )
    public_url: str | None = Field(
        None,
        pattern=r"^https?://[^\s/?#]+[^\s?#]*$",
        description="Where the service is reached, for links in messages; without it they are relative.",
    )
    alert_max_age_days: float = Field(
        7.0, gt=0, le=36_500, description="A comment that was written longer ago raises no alert when it is tagged."
    )
    webhook_networks: Literal["any", "internal", "public"] = Field(
        "any", description="Where webhooks may be: internal keeps messages inside, public keeps them out of it."
    )
    webhook_allow_http: bool = Field(False, description="Let webhooks beyond this machine do without encryption.")
    webhook_timeout_seconds: float = Field(15.0, gt=0, le=120, description="Time in which a receiver has to answer.")
    webhook_attempts: int = Field(10, ge=1, le=100, description="Attempts of a message until it is dead.")
    webhook_keep_days: float = Field(
        30.0, gt=0, le=36_500, description="Days that messages are kept after they were delivered; dead ones stay."
    )

    @property
    def nightly(self) -> tuple[time, ZoneInfo] | None:
        """When causes are found anew every night, and on whose clock; None if they are not."""
        return None if self.refit_at is None else (self.refit_at, ZoneInfo(self.refit_time_zone))

    @property
    def not_masked(self) -> tuple[Kind, ...]:
        """The kinds of personal data that are stored as they come."""
        return tuple(kind for kind in Kind if kind not in self.mask)

    retention_days: int | None = Field(
        None,
        ge=1,
        le=36_500,
        description="Days that comments are kept after they were submitted; else for ever.",
    )
    retention_days_by_source: dict[str, Annotated[int, Field(ge=1, le=36_500)] | None] = Field(
        default_factory=dict,
        description='As a JSON object, of sources for which other days count; null is for ever: {"reviews": 90}.',
    )

    @property
    def retention(self) -> RetentionPolicy:
        """How long comments are kept."""
        return RetentionPolicy(self.retention_days, self.retention_days_by_source)

    refit_at: Annotated[time | None, BeforeValidator(_time_of_day)] = Field(
        None,
        description="When causes are found anew every night, such as 03:00; left out or empty, only when asked for.",
    )
    refit_time_zone: Annotated[str, AfterValidator(_zone)] = Field(
        "Europe/Oslo", description="On whose clock it is then, such as Europe/Copenhagen."
    )

    @model_validator(mode="after")
    def _open_on_loopback_only(self) -> Self:
        if self.open and not is_loopback(self.host):
            raise ValueError(f"goes with loopback only, and the host is {self.host}; leave one of the two out")
        return self


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address; a name other than localhost counts as reachable.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def read_settings(**given: Any) -> Settings:
    """The settings from the environment, and those that the command line gives before them.

    Parameters
    ----------
    given : by name; None where the command line says nothing

    Raises
    ------
    BadSettings : if one has no valid value
    """
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except SettingsError as error:  # one that is written as JSON, and is none
        raise BadSettings(f'{error} Write a JSON object such as {{"reviews": 90}}.') from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if not first["loc"]:  # of settings that do not go together
            raise BadSettings(f"--open (or STEMME_OPEN): {first['msg'].removeprefix('Value error, ')}.") from None
        name = ".".join(map(str, first["loc"]))
        wrong = first["msg"].removeprefix("Value error, ").lower()
        found = f"--{name.replace('_', '-')} (or STEMME_{name.upper()}) is {first['input']!r}: {wrong}"
        raise BadSettings(f"{found}. Set it or leave it out.") from None

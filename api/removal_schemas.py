"""What callers of the erasure routes and of the audit log send and get."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from api.comment_schemas import Name
from api.removal.erasure import Erasure
from api.store.models import AuditEntry


class ErasureRequest(BaseModel):
    """Whose comments to remove."""

    model_config = ConfigDict(extra="forbid")

    respondent: Name = Field(description="As the comments have it, in every letter.", examples=["kunde-7"])
    source: Name | None = Field(
        None, description="Only the comments of this source: two sources may have given one id to two people."
    )
    dry_run: bool = Field(False, description="Only say what would go.", strict=True)


class ErasureResponse(BaseModel):
    """What went, or would go. It does not repeat whose it was."""

    dry_run: bool = Field(description="True if nothing was removed.")
    receipt: str | None = Field(
        description="What the audit log calls this erasure, drawn by chance. Keep it with the person's request: "
        "nothing else leads from one to the other. Null of a dry run."
    )
    comments: int = Field(description="Comments, each with all its versions and tags.", examples=[3])
    sources: dict[str, int] = Field(description="Comments by source.", examples=[{"survey": 3}])
    rows: dict[str, int] = Field(description="Rows of the store by table, those of `comments` among them.")
    wiped: bool = Field(
        description="Whether the words are out of the database's files too, and not only out of reach. If not, because "
        "somebody was reading, the service does it within a day."
    )

    @classmethod
    def of(cls, erasure: Erasure) -> Self:
        extent = erasure.extent
        return cls(
            dry_run=erasure.receipt is None,
            receipt=erasure.receipt,
            comments=extent.comments,
            sources=extent.sources,
            rows=dict(extent.rows),
            wiped=erasure.wiped,
        )


class AuditLine(BaseModel):
    """Something that was done to the store or its keys."""

    id: int = Field(description="Lines have ascending numbers.")
    at: datetime = Field(description="When, in UTC.")
    actor: str = Field(description="Who: a key's prefix, a user of the command line, or `service`.")
    action: str = Field(description="What was done, such as `comments.erasure` or `key.created`.")
    subject: str = Field(description="To what: a key's prefix, an erasure's receipt.")
    detail: dict[str, Any] = Field(description="More about it, such as counts; never a text and never a respondent.")

    @classmethod
    def of(cls, line: AuditEntry) -> Self:
        return cls(
            id=line.id, at=line.at, actor=line.actor, action=line.action, subject=line.subject, detail=line.detail
        )


class AuditPage(BaseModel):
    """A page of the audit log, the newest line first."""

    lines: list[AuditLine] = Field(description="At most `limit`.")
    next: str | None = Field(description="The `cursor` of the page that follows; null on the last.")

"""What callers of /v1/jobs and /v1/runs get."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, Field

from api.jobs.models import Job, JobState
from api.store.models import RunState
from api.store.runs import CountedRun


class JobProblem(BaseModel):
    """Why a job has failed."""

    code: str = Field(description="Stable, for programs.")
    message: str = Field(description="A sentence for people.")


class JobOut(BaseModel):
    """A job: what was asked, how far it is, what came of it."""

    id: int = Field(description="Its id.")
    kind: str = Field(description="What it does.", examples=["retag"])
    state: JobState = Field(description="`queued`, `running` and `cancelling` are followed by one of the others.")
    parameters: dict[str, Any] = Field(description="What it was asked with.")
    created_by: str = Field(description="The prefix of the key, or the user, who asked for it.")
    created_at: datetime = Field(description="When it was asked for, in UTC.")
    started_at: datetime | None = Field(description="When it was begun.")
    ended_at: datetime | None = Field(description="When it had ended.")
    run: int | None = Field(description="The tag run that a retag prepares: see `GET /v1/runs`.")
    total: int | None = Field(description="Comments that it is about; more may come meanwhile.")
    done: int = Field(description="Comments that are done.")
    per_second: float | None = Field(description="Comments a second, of late.")
    seconds_left: float | None = Field(description="At that rate.")
    doing: str | None = Field(description="What it is at, in a few words.", examples=["finding topics"])
    result: dict[str, Any] | None = Field(description="What came of it.")
    error: JobProblem | None = Field(description="Why it has failed.")

    @classmethod
    def of(cls, job: Job) -> Self:
        same = ("id", "kind", "parameters", "created_by", "created_at", "started_at", "ended_at", "total", "done")
        error = None
        if job.error_code is not None:
            error = JobProblem(code=job.error_code, message=job.error_message or "")
        return cls(
            **{name: getattr(job, name) for name in (*same, "per_second", "seconds_left", "doing", "result")},
            state=JobState(job.state),
            run=job.run_id,
            error=error,
        )


class JobList(BaseModel):
    """The newest jobs, the newest first."""

    jobs: list[JobOut] = Field(description="At most `limit`.")


class RunOut(BaseModel):
    """A tag run: a model and a taxonomy, and how many comments they have tagged."""

    id: int = Field(description="Its id.")
    model: str = Field(description="As every record names it.")
    taxonomy: str = Field(description="As every record names it.")
    state: RunState = Field(
        description="New comments are tagged in the `active` run; of the others, `former` ones can be made active."
    )
    rank: int | None = Field(
        description="Of a comment that several runs have tagged, the highest is shown; null is never."
    )
    model_folder: str | None = Field(description="Where its model lies; null for the shipped one.")
    started_at: datetime = Field(description="When it was begun, in UTC.")
    tagged: int = Field(description="Texts that it has tagged.")
    shown: int = Field(description="Of those, how many have its tags shown.")

    @classmethod
    def of(cls, counted: CountedRun) -> Self:
        run = counted.run
        same = ("id", "model", "taxonomy", "rank", "model_folder", "started_at")
        return cls(
            **{name: getattr(run, name) for name in same},
            state=RunState(run.state),
            tagged=counted.tagged,
            shown=counted.shown,
        )


class RunList(BaseModel):
    """Every run, the newest first."""

    runs: list[RunOut] = Field(description="Those that are being prepared, were cancelled or failed too.")

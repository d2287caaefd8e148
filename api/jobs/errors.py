"""What can be wrong with a job, or with asking for one."""

from __future__ import annotations

from nlp.errors import StemmeError


class JobError(StemmeError):
    """A job cannot be had, or cannot go on."""

    code, title = "job_error", "The job cannot go on"


class JobUnderWay(JobError):
    code, title = "job_under_way", "A job of this kind is under way"

    def __init__(self, kind: str, id_: int) -> None:
        super().__init__(
            f"Job {id_} ({kind}) is under way, and there is one of a kind at a time. Wait for it "
            f"(`GET /v1/jobs/{id_}`) or cancel it (`DELETE /v1/jobs/{id_}`{_CANCELS.get(kind, '')})."
        )


class UnknownJob(JobError):
    code, title = "unknown_job", "There is no such job"

    def __init__(self, id_: int) -> None:
        super().__init__(f"No job has the id {id_}. `GET /v1/jobs` lists those that there are.")


class JobFinished(JobError):
    code, title = "job_finished", "The job has ended"

    def __init__(self, id_: int, state: str, kind: str = "retag") -> None:
        hint = _HINT.get((kind, state), "")
        super().__init__(f"Job {id_} is {state} and cannot be cancelled any more. {hint}".rstrip())


class JobBroke(JobError):
    code, title = "job_broke", "The job broke off on a bug"

    def __init__(self, id_: int) -> None:
        super().__init__(f"Job {id_} broke off on a bug; the log of the process that ran it has the lines of code.")


class RecordedError(JobError):
    """An error of ours that a step raised, in this process or in one before it, with that error's code."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code  # type: ignore[misc]
        super().__init__(message)


_HINT = {("retag", "succeeded"): "To undo a retag: `POST /v1/runs/{id}/activate` or `stemme retag rollback`."}
_CANCELS = {"retag": ", `stemme retag cancel`"}

"""What can be wrong with asking for causes."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

from nlp.errors import StemmeError


class CauseRunError(StemmeError):
    """Causes cannot be had."""

    code, title = "cause_run_error", "The causes cannot be had"


class NoCauses(CauseRunError):
    code, title = "no_causes", "No causes have been looked for yet"

    def __init__(self) -> None:
        super().__init__(
            'No causes have been looked for in this store yet. Ask for them: POST /v1/jobs with {"kind": "topics"}, or '
            "`stemme topics --database URL`."
        )


class UnknownCauseRun(CauseRunError):
    code, title = "unknown_cause_run", "There is no such run of causes"

    def __init__(self, id_: int) -> None:
        super().__init__(f"No run of causes has the id {id_}. `GET /v1/cause-runs` lists those that there are.")


class UnknownCause(CauseRunError):
    code, title = "unknown_cause", "There is no such cause"

    def __init__(self, topic: str, run_id: int, known: Collection[str]) -> None:
        near = get_close_matches(topic, known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        super().__init__(
            f"Run {run_id} has no cause with this id among its {len(known)}.{hint} `GET /v1/causes` lists them; it may "
            "have faded since an earlier run."
        )


class TopicsNotKept(CauseRunError):
    code, title = "topics_not_kept", "The topics of this run are not kept"

    def __init__(self, id_: int) -> None:
        super().__init__(
            f"Of run {id_} only the report is kept: it is an old one, or its topics could not be read. Take the "
            'current run, or look for causes anew: POST /v1/jobs with {"kind": "topics"}.'
        )


class TopicsProcessDied(CauseRunError):
    code, title = "topics_process_died", "The process that finds causes has died"

    def __init__(self, status: int) -> None:
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        super().__init__(
            f"The process that finds causes {how} without a word. If memory has run out, give the machine more, or "
            "look in fewer comments (`filters`); then ask for the job again."
        )

"""What was done about the causes of a file, set beside the comments that name them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from api.causes.actions_file import ActionsFile, BadActions, unknown_cause, unknown_places
from nlp.causes.actions import Action, Watched, watch
from nlp.root_causes import Feedback, RootCauses
from nlp.topics import TopicModel


@dataclass(frozen=True, slots=True)
class WatchedCauses:
    """What came of actions.

    Parameters
    ----------
    by_cause : by cause what was done about it
    without_cause : what was done about causes that this run did not find; each under the name that it was given
    notices : what people should hear of the file of actions
    """

    by_cause: Mapping[str, Sequence[Watched]] = field(default_factory=dict)
    without_cause: Sequence[Action] = ()
    notices: Sequence[str] = ()


class ActionsOfCauses:
    """The actions of a file, or none.

    Parameters
    ----------
    former : the last run's topics; a cause of the file must be one of them, which is told before any work is done

    Raises
    ------
    BadActions : if an action names a cause that is not among the former ones, or the label of several
    """

    def __init__(self, file: ActionsFile | None, *, former: TopicModel | None = None) -> None:
        self._entries = () if file is None else file.entries
        self._former = former
        if former is not None:
            for entry in self._entries:
                if entry.cause_among(former.topics) is None:
                    raise BadActions(f"{unknown_cause(entry, former.topics)} --former holds the causes that there are.")

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The columns that say where something was done."""
        return tuple(dict.fromkeys(name for entry in self._entries for name in entry.given.places))

    def watch(self, found: RootCauses, feedback: Sequence[Feedback]) -> WatchedCauses:
        """Set the actions beside what was found in `feedback`."""
        actions, without, notices = self._resolved(found)
        columns = {name: [each.dimensions.get(name) for each in feedback] for name in self.dimensions}
        values = {name: {value for value in column if value is not None} for name, column in columns.items()}
        notices += unknown_places(actions, values)
        days = np.array([np.datetime64(each.day or "NaT", "D") for each in feedback], dtype="datetime64[D]")
        by_cause = {}
        for cause in dict.fromkeys(action.cause for action in actions):
            members = set(found.members[cause])
            named = np.array([each.comment.id in members for each in feedback], dtype=bool)
            by_cause[cause] = watch([action for action in actions if action.cause == cause], days, named, columns)
        return WatchedCauses(by_cause, without, notices)

    def _resolved(self, found: RootCauses) -> tuple[list[Action], list[Action], list[str]]:
        """The actions on causes that were found, and the others with a sentence on each."""
        topics = found.model.topics
        there = {topic.id for topic in topics}
        actions, without, notices = [], [], []
        for entry in self._entries:
            # A label may go with the comment that it was taken from: the former run says which id it stood for.
            cause = entry.cause_among(topics if self._former is None else self._former.topics)
            if cause in there:
                actions.append(entry.given.on(cause))
            else:
                gone = f"{entry.at}: the cause {entry.given.cause!r} is gone."
                notices.append(f"{unknown_cause(entry, topics) if cause is None else gone} Nothing is said of it.")
                without.append(entry.given.on(entry.given.cause))
        return actions, without, notices

"""Tag every text of the suite once and judge its cases."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from eval.behaviour.checks import complaints
from eval.behaviour.form import KINDS, WRITTEN, Kind, Written
from eval.behaviour.suite import Capability, Case
from eval.tagging import Tagging
from nlp.record import Comment, Record, TaggedComment

Watch = Callable[[Iterable[Record]], Iterable[Record]]


class Prompt(NamedTuple):
    """What is tagged: a text, and the question that it answers if there is one."""

    question: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """A case and what was wrong; it passed if nothing was."""

    case: Case
    kind: Kind
    complaints: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not self.complaints


@dataclass(frozen=True, slots=True)
class Rate:
    """How many cases passed, of how many."""

    passed: int
    cases: int

    @property
    def share(self) -> float:
        """0 to 1; nan where there is no case."""
        return self.passed / self.cases if self.cases else float("nan")


@dataclass(frozen=True, slots=True)
class Behaviour:
    """All that one run found out."""

    model: str
    capabilities: tuple[Capability, ...]
    outcomes: tuple[Outcome, ...]

    def rate(self, *, capability: str | None = None, kind: Kind | None = None, language: Written | None = None) -> Rate:
        """The cases of a capability, a kind and a language; of any where it is None."""
        chosen = [
            outcome.passed
            for outcome in self.outcomes
            if capability in (None, outcome.case.capability)
            and kind in (None, outcome.kind)
            and language in (None, outcome.case.language)
        ]
        return Rate(sum(chosen), len(chosen))

    @property
    def languages(self) -> list[Written]:
        """Those that occur."""
        found = {outcome.case.language for outcome in self.outcomes}
        return [language for language in WRITTEN if language in found]

    @property
    def kinds(self) -> list[Kind]:
        """Those that occur."""
        found = {capability.kind for capability in self.capabilities}
        return [kind for kind in KINDS if kind in found]

    @property
    def failures(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if not outcome.passed]


def examine(tagger: Tagging, suite: Sequence[Capability], *, watch: Watch = iter) -> Behaviour:
    """Tag each text of the suite once, with the question that it answers, and judge the cases.

    Parameters
    ----------
    tagger : what is examined
    watch : sees every record pass, such as a progress bar
    """
    prompts = prompts_of(suite)
    comments = [Comment(str(number), prompt.text, prompt.question) for number, prompt in enumerate(prompts, start=1)]
    records = list(watch(tagger.tag(comments)))
    record_of = dict(zip(prompts, records, strict=True))
    outcomes = tuple(
        Outcome(case, capability.kind, tuple(complaints(case, [record_of[prompt] for prompt in _prompts(case)])))
        for capability in suite
        for case in capability.cases
    )
    model = next((record.model for record in records if isinstance(record, TaggedComment)), tagger.name)
    return Behaviour(model, tuple(suite), outcomes)


def prompts_of(suite: Sequence[Capability]) -> list[Prompt]:
    """Every text of the suite once with each question that it answers."""
    return list(dict.fromkeys(prompt for capability in suite for case in capability.cases for prompt in _prompts(case)))


def _prompts(case: Case) -> list[Prompt]:
    return [Prompt(case.question, text) for text in case.versions]

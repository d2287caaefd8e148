"""What people did in a store before and during a retag, and whether it is all there afterwards, and still shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from api.access.keys import Caller
from api.access.scopes import Scope
from api.alerts.models import Alert
from api.alerts.rules import RuleChanges, change_rule, ready_rules
from api.corrections.correct import NamedLabel, Wanted, correct, withdraw
from api.corrections.decisions import LANGUAGE, SENTIMENT, Decision, Key, decisions_in
from api.corrections.models import Correction, DecisionKind, LabelDecision
from api.corrections.shown import as_decision, in_batches, shown_records, shown_tags
from api.store.database import Store
from api.store.models import CommentVersion, StoredComment, Tagging, TagKind
from api.store.records import as_record
from api.webhooks.address import AddressPolicy
from api.webhooks.endpoints import add_webhook
from api.webhooks.models import WebhookDelivery
from api.webhooks.schemas import NewWebhook
from nlp.record import Span, TaggedComment
from nlp.taxonomy import Taxonomy

PEOPLE: Final = (
    Caller("anna", frozenset({Scope.CORRECT}), "Anna"),
    Caller("bjorn", frozenset({Scope.CORRECT}), "Bjørn"),
)
RECEIVERS: Final = ("http://localhost:9/care", "http://127.0.0.1:9/everything")
"""Nobody listens there, and nothing is sent: what lies in the outbox has to lie there afterwards."""
OVERRULED_EVERY, WITHDRAWN_EVERY = 7, 11
COLUMNS: Final = (*Correction.__table__.columns, *LabelDecision.__table__.columns)


@dataclass(frozen=True, slots=True)
class Checked:
    """Corrections as they are now.

    Parameters
    ----------
    corrections : that people have made, those that were overruled or withdrawn with them
    lost : that are no longer there, or no longer as they were
    not_shown : standing decisions that readers do not see in a comment's record, or in the tags of reports and filters
    against_the_model : standing decisions on which the active run says something else; without any it shows nothing
    """

    corrections: int
    lost: int
    not_shown: int
    against_the_model: int


class People:
    """Corrects comments spread over the archive, and remembers how every correction was stored."""

    def __init__(self, store: Store, taxonomy: Taxonomy) -> None:
        self._store, self._taxonomy = store, taxonomy
        self._made: dict[int, list[tuple[Any, ...]]] = {}

    def prepare(self, corrections: int) -> None:
        """Switch every ready rule on, let webhooks want their alerts, and correct so many comments.

        What people say of unhappy comments meets the rules, so that there are alerts, and messages that wait.
        """
        policy = AddressPolicy()
        with self._store.write() as session:
            for name in ready_rules():
                change_rule(session, name, RuleChanges.model_validate({"enabled": True}), by="measurement")
            care, everything = RECEIVERS
            for wanted in (
                {"url": care, "rules": ["negative-churn-risk"]},
                {"url": everything, "include_text": True},
            ):
                add_webhook(session, NewWebhook.model_validate(wanted), policy=policy, by="measurement")
        for number, id_ in enumerate(self._spread(corrections)):
            self._correct(number, id_)
        self._made = self._stored()

    def correct_meanwhile(self, number: int) -> None:
        """Correct so many of the newest comments of which nobody has said anything."""
        with self._store.read() as session:
            query = (
                select(StoredComment.id, CommentVersion.id)
                .join(CommentVersion, CommentVersion.comment_id == StoredComment.id)
                .join(Tagging, Tagging.version_id == CommentVersion.id)
                .where(Tagging.shown, Tagging.error_code.is_(None))
                .where(CommentVersion.id.not_in(select(Correction.version_id)))
                .order_by(StoredComment.id.desc())
                .limit(number)
            )
            ids = [row[0] for row in session.execute(query)]
        before = set(self._stored())
        for id_ in ids:
            # No rule asks for the language, or for a pleasant theme: the alerts stay those that there were.
            labels = [
                NamedLabel("language", LANGUAGE, value="other"),
                NamedLabel(
                    "theme", Key(DecisionKind.THEME, "loyalty_recommendation"), value="positive", spans=(Span(0, 4),)
                ),
            ]
            correct(self._store, id_, Wanted(version=1, labels=labels), caller=PEOPLE[id_ % 2], taxonomy=self._taxonomy)
        self._made |= {id_: rows for id_, rows in self._stored().items() if id_ not in before}

    def check(self, run_id: int) -> Checked:
        """Look at every correction that was ever made.

        Parameters
        ----------
        run_id : the run whose tags are shown
        """
        stored = self._stored()
        with self._store.read() as session:
            standing = session.scalars(select(LabelDecision).where(LabelDecision.standing)).all()
            versions = sorted({row.version_id for row in standing})
            shown, in_sql, by_model = (
                shown_records(session, versions),
                _tags_in_sql(session, versions),
                _said_by(session, run_id, versions),
            )
        not_shown = against = 0
        for row in standing:
            decision, record = as_decision(row), shown.get(row.version_id)
            if not isinstance(record, TaggedComment):
                not_shown += 1
                continue
            seen = decisions_in(record, self._taxonomy)[decision.key] == decision
            not_shown += not (seen and _agrees(decision, in_sql.get(row.version_id, {})))
            said = by_model.get(row.version_id)
            model = None if said is None else decisions_in(said, self._taxonomy)[decision.key]
            against += model is not None and model.answer != decision.answer
        return Checked(
            corrections=len(self._made),
            lost=sum(stored.get(id_) != rows for id_, rows in self._made.items()),
            not_shown=not_shown,
            against_the_model=against,
        )

    def _spread(self, number: int) -> list[int]:
        with self._store.read() as session:
            ids = session.scalars(select(StoredComment.id).order_by(StoredComment.id)).all()
        return [ids[at * len(ids) // number] for at in range(min(number, len(ids)))]

    def _correct(self, number: int, id_: int) -> None:
        with self._store.read() as session:
            version = session.scalars(select(CommentVersion).where(CommentVersion.comment_id == id_)).one()
        made = self._say(number, id_, version)
        if number % OVERRULED_EVERY == 0:  # another person sees it otherwise
            label = NamedLabel("sentiment", SENTIMENT, value="mixed")
            correct(self._store, id_, Wanted(version=1, labels=[label]), caller=PEOPLE[1], taxonomy=self._taxonomy)
        if number % WITHDRAWN_EVERY == 0:
            withdraw(self._store, id_, made, caller=PEOPLE[0], by="Anna")

    def _say(self, number: int, id_: int, version: CommentVersion) -> int:
        wanted = Wanted(version=1, labels=list(_labels(number, version.text)), by="Anna", why=f"nr. {number}")
        found = correct(self._store, id_, wanted, caller=PEOPLE[0], taxonomy=self._taxonomy)
        return found.corrections.newest

    def _stored(self) -> dict[int, list[tuple[Any, ...]]]:
        """Every correction's row beside each of its decisions', by its id."""
        query = select(*COLUMNS).join(LabelDecision, LabelDecision.correction_id == Correction.id)
        found: dict[int, list[tuple[Any, ...]]] = {}
        with self._store.read() as session:
            rows: Sequence[Row[Any]] = session.execute(query.order_by(LabelDecision.id)).all()
        for row in rows:
            found.setdefault(row[0], []).append(_comparable(row))
        return found


def count_alerts(store: Store) -> tuple[int, int]:
    """How many alerts there are, and how many messages about them."""
    with store.read() as session:
        numbers = [session.scalar(select(func.count()).select_from(table)) or 0 for table in (Alert, WebhookDelivery)]
    return numbers[0], numbers[1]


def _labels(number: int, text: str) -> Iterator[NamedLabel]:
    """What the person says of the comment with this number: each kind of label, there and not, some with words."""
    words = (Span(0, text.index(" ")), Span(len(text) - 4, len(text) - 1))
    match number % 5:
        case 0:
            yield NamedLabel("sentiment", SENTIMENT, value="negative")
            yield NamedLabel("churn_risk", Key(DecisionKind.FLAG, "churn_risk"), spans=words[:1])
        case 1:
            yield NamedLabel("theme", Key(DecisionKind.THEME, "contract_terms"), value="negative", spans=words)
            yield NamedLabel("theme", Key(DecisionKind.THEME, "delivery_time"), present=False)
        case 2:
            yield NamedLabel("factor", Key(DecisionKind.FACTOR, "trustworthy", "negative"), spans=words[:1])
            yield NamedLabel("factor", Key(DecisionKind.FACTOR, "professional", "positive"), present=False)
        case 3:
            yield NamedLabel("follow_up", Key(DecisionKind.FLAG, "follow_up"), spans=words[1:])
            yield NamedLabel("language", LANGUAGE, value="other")
        case _:
            yield NamedLabel("sentiment", SENTIMENT, value="neutral")
            yield NamedLabel("theme", Key(DecisionKind.THEME, "staff_service"), present=False)
            yield NamedLabel("churn_risk", Key(DecisionKind.FLAG, "churn_risk"), present=False)


def _comparable(row: Row[Any]) -> tuple[Any, ...]:
    return tuple(repr(value) for value in row)


def _tags_in_sql(session: Session, versions: Sequence[int]) -> dict[int, dict[tuple[str, str], Any]]:
    """The tags of versions as reports and filters select them."""
    tags = shown_tags.c
    found: dict[int, dict[tuple[str, str], Any]] = {}
    query = select(tags.version_id, tags.kind, tags.label, tags.sentiment, tags.raised)
    for part in in_batches(versions):
        for version_id, kind, label, sentiment, raised in session.execute(query.where(tags.version_id.in_(part))):
            key = (kind, f"{label}:{sentiment}" if kind == TagKind.FACTOR else label)
            found.setdefault(version_id, {})[key] = raised if kind == TagKind.FLAG else sentiment
    return found


def _agrees(decision: Decision, tags: dict[tuple[str, str], Any]) -> bool:
    kind, label, polarity = decision.key
    if str(kind) not in {str(each) for each in TagKind}:
        return True  # sentiment and language are no tags
    found = tags.get((str(kind), f"{label}:{polarity}" if kind == DecisionKind.FACTOR else label))
    if kind == DecisionKind.FLAG:
        return bool(found) == decision.present
    return (found is not None) == decision.present and (kind != DecisionKind.THEME or found == decision.value)


def _said_by(session: Session, run_id: int, versions: Sequence[int]) -> dict[int, TaggedComment]:
    query = select(Tagging).where(Tagging.run_id == run_id, Tagging.error_code.is_(None))
    found = {}
    for part in in_batches(versions):
        for tagging in session.scalars(query.where(Tagging.version_id.in_(part))):
            record = as_record(tagging, id_="")
            assert isinstance(record, TaggedComment)
            found[tagging.version_id] = record
    return found

"""Correcting a comment's tags, and withdrawing a correction. Both keep what was there before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.access.keys import Caller
from api.alerts.raising import reconsider
from api.corrections.decisions import Decision, Decisions, Key, decisions_in, keys_of, overlay
from api.corrections.errors import BadCorrection, CommentChanged, NotTagged, TextChanged, UnknownCorrection
from api.corrections.models import Correction, DecisionKind, LabelDecision
from api.live_causes.queue import queue_for_causes
from api.store.audit import note
from api.store.database import Store
from api.store.errors import UnknownComment
from api.store.models import CommentVersion, StoredComment, now
from api.store.records import as_record
from api.store.search import Found, find_one
from nlp.errors import UnknownLabel
from nlp.record import Span, TaggedComment
from nlp.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class NamedLabel:
    """A label that a person speaks of. What they leave out of it is as it is shown.

    Parameters
    ----------
    place : where it stands in the request, for messages
    value : as in `Decision`; None keeps a theme's sentiment as it is
    spans : None keeps the words as they are
    """

    place: str
    key: Key
    present: bool = True
    value: str | None = None
    spans: tuple[Span, ...] | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A correction as a person wants it.

    Parameters
    ----------
    version : number of the text that they read
    revision : of the comment as they saw it; needed with `reviewed`
    reviewed : whether every label that they do not name is right as they saw it
    by : the person; the key may be a program's
    """

    version: int
    labels: Sequence[NamedLabel] = ()
    reviewed: bool = False
    revision: str | None = None
    by: str | None = None
    why: str | None = None


def correct(
    store: Store,
    comment_id: int,
    wanted: Wanted,
    *,
    caller: Caller,
    taxonomy: Taxonomy,
    public_url: str | None = None,
) -> Found:
    """Store a correction, and the comment as it is shown with it.

    What stands already is not stored again, so the same correction can be sent again. Of two people who decide the same
    label the later one holds, and both are kept; what each decides of other labels stands side by side. Alerts that the
    comment now meets are raised, and those that it no longer meets and nobody has taken are closed.

    Parameters
    ----------
    public_url : where the service is reached, for links in the alerts' messages

    Raises
    ------
    UnknownComment : if there is none
    TextChanged : if another version of the text stands
    CommentChanged : if `revision` is not the one that stands
    NotTagged : if the comment waits to be tagged, or could not be
    UnknownLabel, BadCorrection : if it does not fit the taxonomy or the text
    """
    with store.write() as session:
        found = _locked(session, comment_id)
        if wanted.version != found.version.number:
            raise TextChanged(wanted.version, found.version.number)
        if found.tagging is None or found.tagging.error_code is not None:
            raise NotTagged(None if found.tagging is None else found.tagging.error_code)
        _check(wanted)
        by_model = as_record(found.tagging, id_="")
        assert isinstance(by_model, TaggedComment)
        standing = found.corrections.decisions
        seen = decisions_in(overlay(by_model, standing), taxonomy)
        named = {each.key: each for each in _decided(wanted.labels, seen, found.version.text, taxonomy)}
        new = [each for each in named.values() if standing.get(each.key) != each]
        if wanted.reviewed:
            new += [seen[key] for key in keys_of(taxonomy) if key not in named and key not in standing]
        if not new:
            return found
        if wanted.revision not in {None, found.revision}:
            raise CommentChanged
        correction = Correction(
            version_id=found.version.id,
            key=caller.prefix,
            key_name=caller.name,
            by=wanted.by,
            why=wanted.why,
            reviewed=wanted.reviewed,
            model=found.tagging.run.model,
            taxonomy=taxonomy.id,
        )
        _add(session, correction, new, named=named.keys(), said_by_model=decisions_in(by_model, taxonomy))
        detail = {
            "correction": correction.id,
            "version": found.version.number,
            "labels": [str(each.key) for each in new if each.key in named],
            "reviewed": wanted.reviewed,
        }
        _with_causes(session, found.version.id, [each.key.kind for each in new])
        note(session, by=caller.prefix, action="tags.corrected", subject=f"comment {comment_id}", detail=detail)
        return _with_alerts(session, _read(session, comment_id), caller, public_url)


def withdraw(
    store: Store,
    comment_id: int,
    correction_id: int,
    *,
    caller: Caller,
    by: str | None,
    public_url: str | None = None,
) -> Found:
    """Let a correction hold no longer, and the comment as it is shown without it.

    Of each label that it decided, the latest decision before it that is not withdrawn stands again; without one, the
    model's. One that is withdrawn stays so.

    Raises
    ------
    UnknownComment, UnknownCorrection : if there is none
    """
    with store.write() as session:
        found = _locked(session, comment_id)
        correction = session.scalar(
            select(Correction)
            .join(CommentVersion, CommentVersion.id == Correction.version_id)
            .where(Correction.id == correction_id, CommentVersion.comment_id == comment_id)
        )
        if correction is None:
            raise UnknownCorrection(comment_id, correction_id)
        if correction.withdrawn_at is not None:
            return found
        correction.withdrawn_at, correction.withdrawn_key, correction.withdrawn_by = now(), caller.prefix, by
        fallen = [decision for decision in correction.decisions if decision.standing]
        for decision in fallen:
            decision.standing = False
        session.flush()
        _stand_again(session, fallen)
        _with_causes(session, correction.version_id, [decision.kind for decision in fallen])
        detail = {"correction": correction_id}
        subject = f"comment {comment_id}"
        note(session, by=caller.prefix, action="tags.correction_withdrawn", subject=subject, detail=detail)
        return _with_alerts(session, _read(session, comment_id), caller, public_url)


def _with_alerts(session: Session, found: Found, caller: Caller, public_url: str | None) -> Found:
    """The comment, after the alert rules were asked about it as it is shown now."""
    if isinstance(found.record, TaggedComment):
        reconsider(
            session,
            found.version.id,
            found.record,
            by=caller.prefix,
            owner=caller.name or caller.prefix,
            public_url=public_url,
        )
    return found


def _with_causes(session: Session, version_id: int, kinds: Iterable[str]) -> None:
    """Let the comment's clauses get topics anew, if what they depend on was decided."""
    if {DecisionKind.THEME, DecisionKind.LANGUAGE} & {*kinds}:
        queue_for_causes(session, [version_id])


def _locked(session: Session, comment_id: int) -> Found:
    """The comment, which nobody else corrects and which gets no new text until the transaction ends."""
    session.execute(select(StoredComment.id).where(StoredComment.id == comment_id).with_for_update())
    return _read(session, comment_id)


def _read(session: Session, comment_id: int) -> Found:
    found = find_one(session, comment_id)
    if found is None:
        raise UnknownComment(comment_id)
    return found


def _check(wanted: Wanted) -> None:
    """Refuse what is wrong with it whatever the comment is like."""
    if not wanted.labels and not wanted.reviewed:
        raise BadCorrection(
            "Nothing is corrected. Name a label (sentiment, language, themes, factors, churn_risk, follow_up), or say "
            "`reviewed` if all are right."
        )
    if wanted.reviewed and wanted.revision is None:
        raise BadCorrection("`reviewed` speaks of every tag. Send `revision` of the comment that was read.")
    places: dict[Key, str] = {}
    for named in wanted.labels:
        if named.key in places:
            raise BadCorrection(f"{places[named.key]} and {named.place} are the same label. Name it once.")
        places[named.key] = named.place
        if not named.present and (named.value is not None or named.spans):
            raise BadCorrection(
                f"{named.place} is not there, and has a sentiment or words all the same. Leave `sentiment` and `spans` "
                "out."
            )


def _decided(labels: Iterable[NamedLabel], seen: Decisions, text: str, taxonomy: Taxonomy) -> Iterable[Decision]:
    themes = {theme.id: theme for theme in taxonomy.themes}
    for named in labels:
        if named.key.kind == DecisionKind.THEME and named.key.label not in themes:
            raise UnknownLabel("theme", named.key.label, list(themes))
        if not named.present:
            yield Decision(named.key, present=False)
            continue
        before = seen[named.key]
        decision = Decision(named.key, value=named.value, spans=_spans(named, before, text))
        if named.key.kind == DecisionKind.THEME:
            decision = replace(decision, value=_theme_sentiment(named, before), stage=themes[named.key.label].stage)
        yield decision


def _theme_sentiment(named: NamedLabel, before: Decision) -> str:
    value = named.value or before.value
    if value is None:
        raise BadCorrection(
            f"{named.place} is a theme that the comment does not have yet, and has no `sentiment`. Say which it has: "
            "negative, neutral or positive."
        )
    return value


def _spans(named: NamedLabel, before: Decision, text: str) -> tuple[Span, ...]:
    if named.spans is None:
        return before.spans
    for number, span in enumerate(named.spans):
        place = f"{named.place}.spans[{number}] runs from {span.start} to {span.end}"
        if not 0 <= span.start < span.end <= len(text):
            raise BadCorrection(
                f"{place}; the text has {len(text)} code points, and a span ends after it starts. Count code points, "
                "not bytes or UTF-16 units."
            )
        if not text[span.start : span.end].strip():
            raise BadCorrection(f"{place}, where the text has only white space. Name the words that show the tag.")
    return tuple(sorted(set(named.spans), key=lambda span: (span.start, span.end)))


def _add(
    session: Session,
    correction: Correction,
    new: Sequence[Decision],
    *,
    named: Iterable[Key],
    said_by_model: Decisions,
) -> None:
    session.add(correction)
    session.flush()
    keys, named = {each.key for each in new}, set(named)
    standing = select(LabelDecision).where(LabelDecision.version_id == correction.version_id, LabelDecision.standing)
    for row in session.scalars(standing):
        if (row.kind, row.label, row.polarity) in keys:
            row.standing = False
    session.flush()
    for each in new:
        model = said_by_model.get(each.key, Decision(each.key, present=False))
        session.add(
            LabelDecision(
                correction_id=correction.id,
                version_id=correction.version_id,
                kind=each.key.kind,
                label=each.key.label,
                polarity=each.key.polarity,
                present=each.present,
                value=each.value,
                stage=each.stage,
                spans=[[span.start, span.end] for span in each.spans],
                named=each.key in named,
                model_present=model.present,
                model_value=model.value,
                standing=True,
            )
        )
    session.flush()


def _stand_again(session: Session, fallen: Sequence[LabelDecision]) -> None:
    for decision in fallen:
        before = session.scalar(
            select(LabelDecision)
            .join(LabelDecision.correction)
            .where(
                LabelDecision.version_id == decision.version_id,
                LabelDecision.kind == decision.kind,
                LabelDecision.label == decision.label,
                LabelDecision.polarity == decision.polarity,
                Correction.withdrawn_at.is_(None),
            )
            .order_by(LabelDecision.id.desc())
            .limit(1)
        )
        if before is not None:
            before.standing = True
    session.flush()

"""The form of a file of behavioural cases, as it is written in TOML; `docs/behaviour.md` shows it by example."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, partial
from itertools import cycle
from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator

from eval.behaviour.changes import CHANGES
from nlp.errors import UnknownLabel
from nlp.record import FactorName, Polarity, SentimentLabel, ThemeSentiment
from nlp.taxonomy import Taxonomy

Written = Literal["nb", "nn", "da", "sv"]
Kind = Literal["MFT", "INV", "DIR"]
FlagName = Literal["churn_risk", "follow_up"]
Aspect = Literal["sentiment", "themes", "theme_sentiments"]
Measure = Literal["score", "churn_risk", "follow_up"]
KINDS: Final[Mapping[Kind, str]] = {"MFT": "minimum functionality", "INV": "invariance", "DIR": "directional"}
WRITTEN: Final[tuple[Written, ...]] = get_args(Written)


@cache
def _themes() -> tuple[str, ...]:
    return tuple(theme.id for theme in Taxonomy.load().themes)


def _check_tag(tag: str, *, kind: str, names: Sequence[str], values: Sequence[str]) -> str:
    name, colon, value = tag.partition(":")
    if name not in names:
        raise ValueError(str(UnknownLabel(kind, name, names)).removesuffix("."))
    if colon and value not in values:
        raise ValueError(f"{tag!r} ends in {value!r}; expected is {', '.join(values)}, or nothing after {name!r}")
    return tag


def _check_theme(tag: str) -> str:
    return _check_tag(tag, kind="theme", names=_themes(), values=get_args(ThemeSentiment))


def _check_change(name: str) -> str:
    if name not in CHANGES:
        raise ValueError(f"change {name!r} is not known; expected is {', '.join(CHANGES)}")
    return name


def _listed(value: Any) -> Any:
    """One label may stand without its brackets."""
    return (value,) if isinstance(value, str) else value


_OneOrMore = BeforeValidator(_listed)
_check_factor = partial(_check_tag, kind="factor", names=get_args(FactorName), values=get_args(Polarity))
Text = Annotated[str, Field(min_length=1)]
Themes = Annotated[tuple[Annotated[str, AfterValidator(_check_theme)], ...], _OneOrMore]
Factors = Annotated[tuple[Annotated[str, AfterValidator(_check_factor)], ...], _OneOrMore]
Flags = Annotated[tuple[FlagName, ...], _OneOrMore]
Versions = Annotated[tuple[Text, ...], Field(min_length=2)]
Pools = Mapping[str, Mapping[Written, tuple[str, ...]]]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Expected(_Data):
    """MFT: what a comment's tags must be. A tag is `name:value`, or `name` alone where any value will do."""

    sentiment: Annotated[tuple[SentimentLabel, ...], _OneOrMore] = ()
    themes: Themes = ()
    no_themes: Themes = ()
    no_other_themes: bool = False
    factors: Factors = ()
    no_factors: Factors = ()
    no_other_factors: bool = False
    flags: Flags = ()
    no_flags: Flags = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not any(getattr(self, name) for name in type(self).model_fields):
            raise ValueError(f"nothing is expected; name one of {', '.join(type(self).model_fields)}")
        return self


class Kept(_Data):
    """INV: what the changed versions must have as the first has it; `at_least` so many of them, or all."""

    keep: Annotated[tuple[Aspect, ...], _OneOrMore, Field(min_length=1)]
    at_least: Annotated[int, Field(ge=1)] | None = None


class Moved(_Data):
    """DIR: what must differ between the first version and the changed one.

    Either a measure rises or falls `by` at least so much, or themes turn: `before` are due in the first version,
    `after` in the changed one.
    """

    rises: Measure | None = None
    falls: Measure | None = None
    by: Annotated[float, Field(gt=0, le=2)] = 0.1
    before: Themes = ()
    after: Themes = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.rises is not None) + (self.falls is not None) + bool(self.before or self.after) != 1:
            raise ValueError("name one of 'rises', 'falls', or 'before' and 'after'")
        if bool(self.before) != bool(self.after):
            raise ValueError("'before' and 'after' belong together")
        return self


Expectation = Expected | Kept | Moved


class _Group(_Data):
    """Cases that share what is expected, and the survey's question if there is one."""

    question: dict[Written, Text] = {}

    @model_validator(mode="after")
    def _check_question(self) -> Self:
        unasked = [lang for lang in WRITTEN if getattr(self, lang, ()) and self.question and lang not in self.question]
        if unasked:
            raise ValueError(f"'question' lacks {', '.join(unasked)}")
        return self


class ExpectedGroup(_Group):
    """Comments, each a case."""

    expect: Expected
    nb: tuple[Text, ...] = ()
    nn: tuple[Text, ...] = ()
    da: tuple[Text, ...] = ()
    sv: tuple[Text, ...] = ()

    def versions(self, language: Written) -> list[tuple[str, ...]]:
        texts: tuple[str, ...] = getattr(self, language)
        return [(text,) for text in texts]


class MovedGroup(_Group):
    """Pairs of a comment and its changed version, each a case."""

    expect: Moved
    nb: tuple[tuple[Text, Text], ...] = ()
    nn: tuple[tuple[Text, Text], ...] = ()
    da: tuple[tuple[Text, Text], ...] = ()
    sv: tuple[tuple[Text, Text], ...] = ()

    def versions(self, language: Written) -> list[tuple[str, ...]]:
        return list(getattr(self, language))


class KeptGroup(_Group):
    """Comments with their changed versions as somebody wrote them, each a case."""

    expect: Kept
    nb: tuple[Versions, ...] = ()
    nn: tuple[Versions, ...] = ()
    da: tuple[Versions, ...] = ()
    sv: tuple[Versions, ...] = ()

    def versions(self, language: Written) -> list[tuple[str, ...]]:
        return list(getattr(self, language))


class ChangedGroup(_Group):
    """The comments of a pool of the file, each with versions that a rule makes: a change, or words in front or behind.

    The words are taken in turn, one to a comment.
    """

    expect: Kept
    texts: str
    change: Annotated[str, AfterValidator(_check_change)] | None = None
    in_front: dict[Written, tuple[Text, ...]] = {}
    behind: dict[Written, tuple[Text, ...]] = {}

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.change is not None) + bool(self.in_front) + bool(self.behind) != 1:
            raise ValueError("name one of 'change', 'in_front' and 'behind'")
        return self

    def versions(self, language: Written, pools: Pools) -> list[tuple[str, ...]]:
        texts = pools.get(self.texts, {}).get(language, ())
        if self.change is not None:
            change = CHANGES[self.change]
            return [(text, changed) for text in texts if (changed := change(text)) != text]
        in_front, behind = self.in_front.get(language, ()), self.behind.get(language, ())
        if in_front:
            return [(text, f"{words} {text}") for text, words in zip(texts, cycle(in_front), strict=False)]
        return [(text, f"{text} {words}") for text, words in zip(texts, cycle(behind), strict=False)]


class Translations(_Data):
    """One comment in the four languages."""

    nb: Text
    nn: Text
    da: Text
    sv: Text


class TranslatedGroup(_Group):
    """Comments written anew in every language: each language is a case, and must tag as most of the others do."""

    expect: Kept
    translations: tuple[Translations, ...]

    def versions(self, language: Written) -> list[tuple[str, ...]]:
        others = [other for other in WRITTEN if other != language]
        return [
            (getattr(comment, language), *(getattr(comment, other) for other in others))
            for comment in self.translations
        ]


def _kept_form(group: Any) -> str:
    return next((key for key in ("texts", "translations") if key in group), "written")


class _Capability(_Data):
    name: Annotated[str, Field(pattern=r"^[a-z][a-z_]*$")]
    description: Text


class ExpectedCapability(_Capability):
    kind: Literal["MFT"]
    cases: tuple[ExpectedGroup, ...]


class KeptCapability(_Capability):
    kind: Literal["INV"]
    cases: tuple[
        Annotated[
            Annotated[KeptGroup, Tag("written")]
            | Annotated[ChangedGroup, Tag("texts")]
            | Annotated[TranslatedGroup, Tag("translations")],
            Discriminator(_kept_form),
        ],
        ...,
    ]


class MovedCapability(_Capability):
    kind: Literal["DIR"]
    cases: tuple[MovedGroup, ...]


AnyGroup = ExpectedGroup | KeptGroup | ChangedGroup | TranslatedGroup | MovedGroup
AnyCapability = ExpectedCapability | KeptCapability | MovedCapability


class CasesFile(_Data):
    """One file: its capabilities, and pools of comments that several of them change."""

    texts: dict[str, dict[Written, tuple[Text, ...]]] = {}
    capability: tuple[Annotated[AnyCapability, Field(discriminator="kind")], ...] = ()

    @model_validator(mode="after")
    def _check_pools(self) -> Self:
        for capability in self.capability:
            for group in capability.cases:
                if isinstance(group, ChangedGroup) and group.texts not in self.texts:
                    raise ValueError(
                        f"capability {capability.name!r} takes its texts from {group.texts!r}; "
                        f"the file has {', '.join(self.texts) or 'none'}"
                    )
        return self

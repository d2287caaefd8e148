"""The object that users hold: comments in, records out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from nlp.emotion import FactorDecoder
from nlp.errors import BadModel, EmptyText, InvalidUnicode, NulCharacter, TextTooLong, UntaggableText
from nlp.evidence import Words
from nlp.flags import FlagDecoder
from nlp.language import LanguageIdentifier
from nlp.models.encoder import Encoder, EncoderOutput, Floats, load_encoder
from nlp.models.labels import LabelSpace
from nlp.models.manifest import Calibration, Manifest
from nlp.models.shipped import SHIPPED, model_folder
from nlp.record import Comment, FailedComment, Problem, Record, TaggedComment
from nlp.sentiment import SentimentDecoder
from nlp.taxonomy import Taxonomy
from nlp.themes import ThemeDecoder

MAX_TEXT_LENGTH = 20_000  # characters; the longest comment that was labelled for training has 800


class Tagger:
    """One encoder and one decoder per kind of tag; safe to share between threads.

    >>> tagger = Tagger.load()
    >>> record = tagger.tag_one(Comment("1", "Hyggelig betjening, men pakka kom tre uker for sent."))
    >>> [theme.theme for theme in record.themes]
    ['delivery_time', 'staff_service']
    """

    def __init__(
        self,
        encoder: Encoder,
        calibration: Calibration,
        *,
        name: str,
        taxonomy: Taxonomy,
        languages: LanguageIdentifier,
        max_text_length: int = MAX_TEXT_LENGTH,
    ) -> None:
        of_tags = (calibration.thresholds, calibration.tag_temperatures, calibration.tag_offsets)
        self.name, self.taxonomy, self.max_text_length = name, taxonomy.id, max_text_length
        self._encoder, self._languages = encoder, languages
        self._sentiment = SentimentDecoder(calibration.sentiment_temperature)
        self._themes = ThemeDecoder(
            *of_tags,
            sentiment_temperature=calibration.theme_sentiment_temperature,
            taxonomy=taxonomy,
        )
        self._factors = FactorDecoder(*of_tags)
        self._flags = FlagDecoder(*of_tags)

    @classmethod
    def load(
        cls,
        model: str | Path | None = None,
        *,
        max_text_length: int = MAX_TEXT_LENGTH,
        threads: int | None = None,
        full_precision: bool = False,
    ) -> Tagger:
        """Open a model by its folder or by the name of one that is shipped; `stemme-small` if none is named.

        Parameters
        ----------
        max_text_length : characters; a longer comment comes back as an error
        threads : how many the model runs on; None for one on each core
        full_precision : run the network that lies beside the served one, as it was trained; needs PyTorch

        Raises
        ------
        BadModel : if the folder cannot be used, or its labels are not those of the taxonomy
        MissingExtra : if it is a PyTorch checkpoint and PyTorch is not installed
        """
        folder = SHIPPED if model is None else model_folder(model)
        manifest, taxonomy = Manifest.load(folder), Taxonomy.load()
        expected = LabelSpace.of(taxonomy)
        if manifest.labels != expected:
            strange = sorted(
                {*manifest.labels.tags, *manifest.labels.sentiments} ^ {*expected.tags, *expected.sentiments}
            )
            raise BadModel(
                f"{folder} was trained for other labels than those of {taxonomy.id}: "
                f"{', '.join(strange) or 'the order differs'}. Train it again."
            )
        return cls(
            load_encoder(folder, manifest, threads=threads, full_precision=full_precision),
            manifest.calibration,
            name=manifest.id,
            taxonomy=taxonomy,
            languages=LanguageIdentifier.load(),
            max_text_length=max_text_length,
        )

    def tag(self, comments: Iterable[Comment], *, batch_size: int = 64) -> Iterator[Record]:
        """One record per comment, in order, as they are asked for; a comment that cannot be tagged stops no other.

        Parameters
        ----------
        batch_size : comments that are read and encoded together
        """
        for record, _ in self.tag_and_embed(comments, batch_size=batch_size):
            yield record

    def tag_one(self, comment: Comment) -> Record:
        """The record of one comment."""
        return self._tag_batch([comment])[0][0]

    def tag_and_embed(
        self, comments: Iterable[Comment], *, batch_size: int = 64
    ) -> Iterator[tuple[Record, Floats | None]]:
        """As `tag`, and beside each record the text's unit vector of shape (width,), None where there is no record."""
        for record, output in self._stream(comments, batch_size):
            yield record, None if output is None else output.embedding

    def tag_with_theme_sentiments(
        self, comments: Iterable[Comment], *, batch_size: int = 64
    ) -> Iterator[tuple[Record, Mapping[str, float]]]:
        """As `tag`, and beside each record how sure the model is of the sentiment about each theme, by theme."""
        for record, output in self._stream(comments, batch_size):
            if isinstance(record, TaggedComment) and output is not None:
                yield record, self._themes.sentiment_confidences(record.themes, output)
            else:
                yield record, {}

    def _stream(self, comments: Iterable[Comment], batch_size: int) -> Iterator[tuple[Record, EncoderOutput | None]]:
        stream = iter(comments)
        while batch := list(islice(stream, batch_size)):
            yield from self._tag_batch(batch)

    def _tag_batch(self, comments: Sequence[Comment]) -> list[tuple[Record, EncoderOutput | None]]:
        problems = [_problem(comment.text, self.max_text_length) for comment in comments]
        readable = [comment for comment, problem in zip(comments, problems, strict=True) if problem is None]
        decoded: list[tuple[Record, EncoderOutput | None] | None] = [None] * len(readable)
        # Some are decoded while the encoder runs over others.
        for place, output in self._encoder.as_ready(
            [comment.text for comment in readable], [comment.question for comment in readable]
        ):
            decoded[place] = (self._decoded(readable[place], output), output)
        tagged = iter(decoded)
        records: list[tuple[Record, EncoderOutput | None]] = []
        for comment, problem in zip(comments, problems, strict=True):
            if problem is None:
                pair = next(tagged)
                assert pair is not None
                records.append(pair)
            else:
                records.append((FailedComment(comment.id, Problem(problem.code, str(problem))), None))
        return records

    def _decoded(self, comment: Comment, output: EncoderOutput) -> TaggedComment:
        words = Words(comment.text, output.offsets)
        return TaggedComment(
            id=comment.id,
            language=self._languages.identify(comment.text).language,
            sentiment=self._sentiment.decode(output),
            themes=self._themes.decode(words, output),
            factors=self._factors.decode(words, output),
            churn_risk=self._flags.decode("churn_risk", words, output),
            follow_up=self._flags.decode("follow_up", words, output),
            model=self.name,
            taxonomy=self.taxonomy,
        )


def _problem(text: str, max_text_length: int) -> UntaggableText | None:
    """Why a text cannot be tagged, or None."""
    if len(text) > max_text_length:
        return TextTooLong(len(text), max_text_length)
    if not text.strip():
        return EmptyText()
    if (nul := text.find("\0")) >= 0:
        return NulCharacter(nul)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return InvalidUnicode(error.start, ord(text[error.start]))
    return None

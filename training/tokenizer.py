"""The tokenizer: pieces of words, learned from our own text.

Unigram pieces (Kudo 2018, Subword Regularization, ACL) rather than byte pairs: they cut Scandinavian compounds and the
run-on words of survey text ("bestillingbetaling") at the seams, since a piece may begin a word or stand inside one.
Text is lower-cased, for half of the reviews are and a shouted "ELENDIG" means "elendig"; å, ä, æ, ö and ø stay.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import Unigram
from tokenizers.trainers import UnigramTrainer

PAD, UNKNOWN, CLASSIFY, SEPARATE, MASK = SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
WORD_START = "▁"
DIGITS = 9  # of a piece's score, a log-probability, that two runs have in common


def train_tokenizer(texts: Iterable[str], *, vocabulary_size: int) -> Tokenizer:
    """Learn a vocabulary of at most `vocabulary_size` pieces, the five special ones included.

    Offsets of the tokenizer that comes back count code points of the text as it was given.
    """
    tokenizer = Tokenizer(Unigram())
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Lowercase(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(replacement=WORD_START, prepend_scheme="always"),
            pre_tokenizers.Punctuation(behavior="contiguous"),
            pre_tokenizers.Digits(individual_digits=True),
        ]
    )
    trainer = UnigramTrainer(
        vocab_size=vocabulary_size, special_tokens=list(SPECIAL), unk_token=UNKNOWN, max_piece_length=16
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer = _settled(tokenizer)
    classify, separate = piece_id(tokenizer, CLASSIFY), piece_id(tokenizer, SEPARATE)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{CLASSIFY} $A {SEPARATE}",
        pair=f"{CLASSIFY} $A {SEPARATE} $B:1 {SEPARATE}:1",
        special_tokens=[(CLASSIFY, classify), (SEPARATE, separate)],
    )
    return tokenizer


def _settled(tokenizer: Tokenizer) -> Tokenizer:
    """The same pieces, those of equal score by letters: the last digits of the trainer's sums differ between runs."""
    state = json.loads(tokenizer.to_str())
    pieces = state["model"]["vocab"]
    pieces[len(SPECIAL) :] = sorted(
        ([piece, round(score, DIGITS)] for piece, score in pieces[len(SPECIAL) :]), key=lambda one: (-one[1], one[0])
    )
    return Tokenizer.from_str(json.dumps(state))


def piece_id(tokenizer: Tokenizer, piece: str) -> int:
    """The id of a piece that the tokenizer must have.

    Raises
    ------
    KeyError : if it has not
    """
    id_ = tokenizer.token_to_id(piece)
    if id_ is None:
        raise KeyError(piece)
    return int(id_)

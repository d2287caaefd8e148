"""The steps from corpora to a backbone, each kept in a work folder and skipped where its result is there."""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from tokenizers import Tokenizer
from transformers import BertModel

from nlp.models.encoder import ONNX, WindowedEncoder
from nlp.models.labels import LabelSpace
from nlp.models.onnx_forward import OnnxForward
from nlp.models.tokenizing import Windows
from nlp.models.torch_model import HEADS, TaggingModel
from nlp.taxonomy import Taxonomy
from training.config import Recipe
from training.data import Corpora, LabelledComment, TranslatedText
from training.distill import Teacher, distilled_examples, softened
from training.examples import Example, Examples, gather, of_rating
from training.export import export_onnx, quantize
from training.finetune import finetune
from training.pretrain import new_backbone, pretrain
from training.streams import Stream, build_streams, corpus_sample, load_streams, save_streams
from training.tokenizer import train_tokenizer
from training.translate import load_translations, nynorsk_versions, save_translations
from training.vectors import skip_gram

log = logging.getLogger(__name__)
SENTENCES = "norec_sentence"  # professional reviews: about films and books, not about a customer's journey
# Skip-gram needs less of the large general parts than of the domain.
VECTOR_SHARES = {"professional_reviews": 0.35, "parallel": 0.5}


@dataclass(frozen=True)
class Workshop:
    """A work folder and what each step leaves in it; a step that was cut short is done again."""

    folder: Path
    corpora: Corpora
    recipe: Recipe
    workers: int = 2

    def nynorsk(self) -> list[TranslatedText]:
        path = self.folder / "nynorsk.jsonl"
        if not path.exists():
            log.info("translating reviews into nynorsk")
            save_translations(nynorsk_versions(self.corpora), path)
        return load_translations(path)

    def tokenizer(self) -> Tokenizer:
        path = self.folder / "tokenizer.json"
        if not path.exists():
            log.info("learning the vocabulary")
            texts = corpus_sample(self.corpora, self.nynorsk(), seed=self.recipe.seed)
            tokenizer = train_tokenizer(texts, vocabulary_size=self.recipe.tokenizer.vocabulary_size)
            tokenizer.save(str(path))
        return Tokenizer.from_file(str(path))

    def streams(self) -> dict[str, Stream]:
        path = self.folder / "streams.npz"
        if not path.exists():
            log.info("tokenizing the corpus")
            save_streams(build_streams(self.corpora, self.nynorsk(), self.tokenizer(), seed=self.recipe.seed), path)
        return load_streams(path)

    def vectors(self) -> np.ndarray | None:
        """float32 of shape (vocabulary, width), or None where the recipe asks for random ones."""
        if not self.recipe.vectors.epochs:
            return None
        path = self.folder / "vectors.npy"
        if not path.exists():
            log.info("learning skip-gram vectors")
            vectors = skip_gram(
                self.streams(),
                self.recipe.vectors,
                vocabulary_size=self.tokenizer().get_vocab_size(),
                width=self.recipe.backbone.width,
                shares=VECTOR_SHARES,
                workers=self.workers,
                seed=self.recipe.seed,
            )
            np.save(path, vectors)
        vectors = np.load(path)
        assert isinstance(vectors, np.ndarray)
        return vectors

    def backbone(self) -> BertModel:
        """The pre-trained encoder, as a Hugging Face checkpoint under `backbone/`."""
        path = self.folder / "backbone"
        if not (path / "model.safetensors").exists():
            backbone = pretrain(
                self._untrained(),
                self.streams(),
                self.tokenizer(),
                self.recipe.pretraining,
                checkpoint=self.folder / "pretraining.pt",
                seed=self.recipe.seed,
                workers=self.workers,
            )
            backbone.save_pretrained(path)
        return BertModel.from_pretrained(path, add_pooling_layer=False)

    def _untrained(self) -> BertModel:
        """What pre-training begins with: random layers, or the checkpoint under `start/` where somebody put one."""
        start = self.folder / "start"
        if start.exists():
            log.info("starting from the weights in %s", start)
            return BertModel.from_pretrained(start, add_pooling_layer=False)
        return new_backbone(self.recipe.backbone, self.tokenizer(), self.vectors())

    def calibration_stems(self) -> frozenset[str]:
        """Labelled comments kept out of training, by stem so that a localised comment stays with its original.

        They are of the corpora's own labels only: the project's further ones were chosen for being hard, or written.
        """
        stems = sorted({comment.stem for comment in self.corpora.corpus_labels()})
        random.Random(self.recipe.seed).shuffle(stems)
        return frozenset(stems[: int(len(stems) * self.recipe.finetuning.calibration_share)])

    def calibration_comments(self) -> list[LabelledComment]:
        left_out = self.calibration_stems()
        return [comment for comment in self.corpora.corpus_labels() if comment.stem in left_out]

    def examples(self) -> Examples:
        """What fine-tuning learns from; sentences that people rated one by one come in every epoch, being short."""
        rated = self.corpora.rated()
        examples = gather(
            self.corpora.labelled(),
            [text for text in rated if text.source != SENTENCES],
            [*self.corpora.translated(), *self.nynorsk()],
            left_out=self.calibration_stems(),
            translated_weight=self.recipe.finetuning.translated_weight,
            rated_weight=self.recipe.finetuning.rated_weight,
        )
        return replace(examples, labelled=[*examples.labelled, *self.rated_sentences()])

    def rated_sentences(self) -> list[Example]:
        weight = self.recipe.finetuning.rated_weight
        return [of_rating(text, weight) for text in self.corpora.rated() if text.source == SENTENCES]

    def finetuned(self) -> TaggingModel:
        """The network after fine-tuning, as a Hugging Face checkpoint with heads under `finetuned/`."""
        path, labels = self.folder / "finetuned", LabelSpace.of(Taxonomy.load())
        if not (path / HEADS).exists():
            model = finetune(
                TaggingModel(self.backbone(), labels, dropout=self.recipe.finetuning.dropout),
                self.examples(),
                self.tokenizer(),
                self.recipe.finetuning,
                max_tokens=self.recipe.backbone.max_tokens,
                checkpoint=self.folder / "finetuning.pt",
                seed=self.recipe.seed,
                streams=self.streams(),
                workers=self.workers,
            )
            model.save(path)
        return TaggingModel.load(path, labels)

    def teachers(self) -> list[Teacher]:
        """The fine-tuned network, the one that training started from if it had heads, and those under `teachers/`.

        All read comments as they are served. Those under `teachers/` are checkpoints with heads that somebody put
        there; their word pieces have to be the same.
        """
        further = sorted((self.folder / "teachers").glob("*/"))
        folders = [self.folder / "finetuned", self.folder / "start", *further]
        labels, windows = LabelSpace.of(Taxonomy.load()), Windows(self.tokenizer(), self.recipe.backbone.max_tokens)
        networks = [TaggingModel.load(folder, labels) for folder in folders if (folder / HEADS).exists()]
        encoders = [WindowedEncoder(_served(network), windows, labels) for network in networks]
        return [Teacher.of(encoder, self.calibration_comments()) for encoder in encoders]

    def distillation_examples(self) -> Examples:
        left_out = self.calibration_stems()
        comments = [comment for comment in self.corpora.labelled() if comment.stem not in left_out]
        translated = [*self.corpora.translated(), *self.nynorsk()]
        log.info("teachers read %d comments and their translations", len(comments))
        examples = distilled_examples(
            comments,
            translated,
            softened(self.teachers(), comments, self.recipe.distillation.label_share, translated),
            translated_weight=self.recipe.finetuning.translated_weight,
        )
        return replace(examples, labelled=[*examples.labelled, *self.rated_sentences()])

    def model(self) -> TaggingModel:
        """The network that ships: after distillation, under `model/`, if the recipe asks for it."""
        plan, recipe = self.recipe.distillation, self.recipe.finetuning
        student = self.finetuned()
        if not plan.epochs:
            return student
        path, labels = self.folder / "model", student.labels
        if not (path / HEADS).exists():
            student.heads.dropout.p = recipe.dropout
            model = finetune(
                student,
                self.distillation_examples(),
                self.tokenizer(),
                recipe.model_copy(
                    update={
                        "epochs": plan.epochs,
                        "translated_share": plan.translated_share,
                        "learning_rate": recipe.learning_rate * plan.rate,
                        "matrix_learning_rate": recipe.matrix_learning_rate * plan.rate,
                    }
                ),
                max_tokens=self.recipe.backbone.max_tokens,
                checkpoint=self.folder / "distillation.pt",
                seed=self.recipe.seed + 1,
                streams=self.streams(),
                workers=self.workers,
            )
            model.save(path)
        return TaggingModel.load(path, labels)


def _served(network: TaggingModel) -> OnnxForward:
    """The network in int8, as it is served: it reads several times as many comments a second as in PyTorch."""
    with TemporaryDirectory() as folder:
        full, served = Path(folder) / "full.onnx", Path(folder) / ONNX
        export_onnx(network, full)
        quantize(full, served)
        return OnnxForward(served)

"""The steps from corpora to a network, each kept in a work folder and skipped where its result is there.

What a step was made from is kept too (`training/made_from.py`): a result of another recipe, other data or another
network to begin with is refused, not taken.
"""

from __future__ import annotations

import logging
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
from tokenizers import Tokenizer
from transformers import PreTrainedModel

from nlp.models.encoder import ONNX, WindowedEncoder
from nlp.models.labels import LabelSpace
from nlp.models.ngrams import HashedNgrams
from nlp.models.onnx_forward import OnnxForward
from nlp.models.tokenizing import TOKENIZER, Windows
from nlp.models.torch_forward import TorchForward
from nlp.models.torch_model import HEADS, TaggingModel
from nlp.taxonomy import Taxonomy
from training.checkpoint import WEIGHTS, Checkpoint, UnfitCheckpoint
from training.config import Recipe
from training.data import Corpora, LabelledComment, TranslatedText
from training.distill import Teacher, distilled_examples, softened
from training.examples import Example, Examples, gather, of_rating
from training.export import export_onnx, quantize
from training.finetune import finetune
from training.made_from import SHA256, MadeFrom, digest, section
from training.ngrams import fit_ngrams, weigh
from training.pretrain import new_backbone, pretrain
from training.streams import Stream, build_streams, corpus_sample, load_streams, save_streams
from training.tokenizer import train_tokenizer
from training.translate import load_translations, nynorsk_versions, save_translations
from training.vectors import skip_gram
from training.whole import write_whole

log = logging.getLogger(__name__)
SENTENCES = "norec_sentence"  # professional reviews: about films and books, not about a customer's journey
# Skip-gram needs less of the large general parts than of the domain.
VECTOR_SHARES = {"professional_reviews": 0.35, "parallel": 0.5}
# The steps in order, and what each leaves in the work folder.
NYNORSK, STREAMS, VECTORS = "nynorsk.jsonl", "streams.npz", "vectors.npy"
LEAVES: Final = {
    "nynorsk": (NYNORSK,),
    "tokenizer": (TOKENIZER,),
    "streams": (STREAMS,),
    "vectors": (VECTORS,),
    "pretraining": ("pretraining.pt", "backbone"),
    "finetuning": ("finetuning.pt", "finetuned"),
    "distillation": ("distillation.pt", "model"),
    "ngrams": ("complete",),
}
STEPS: Final = tuple(LEAVES)


@dataclass(frozen=True)
class Workshop:
    """A work folder and what each step leaves in it; a step that was cut short is done again.

    Parameters
    ----------
    workers : processes that share a step
    device : `cpu` or `cuda`, of which every process has one to itself
    start : network to go on from, in place of random layers; its word pieces are taken too. `pretraining.steps` = 0
        leaves its encoder as it is, and `finetuning.heads` = "kept" takes its heads
    teachers : networks that teach in the distillation, beside the fine-tuned one
    """

    folder: Path
    corpora: Corpora
    recipe: Recipe
    workers: int = 2
    device: str = "cpu"
    start: Checkpoint | None = None
    teachers: tuple[Checkpoint, ...] = ()

    def check(self) -> None:
        """Look, before hours are spent, whether the networks that are named fit the recipe and each other.

        Raises
        ------
        UnfitCheckpoint : if not; it says what to do
        """
        laid = [name for name in ("start", "teachers") if (self.folder / name).exists()]
        if laid:
            raise UnfitCheckpoint(
                f"{self.folder} holds a folder {' and one '.join(laid)}, which is not looked into: name networks with "
                "--from and --teacher, and move it away."
            )
        if self.start is None:
            if not self.recipe.pretraining.steps:
                raise UnfitCheckpoint("The recipe has pretraining.steps = 0, and no network to go on from: add --from.")
            if self.recipe.finetuning.heads == "kept":
                raise UnfitCheckpoint('The recipe has finetuning.heads = "kept", and there are none: add --from.')
        else:
            self.start.check_shape(self.recipe.backbone)
            if self.recipe.finetuning.heads == "kept":
                self.start.network(_labels())
        if self.recipe.distillation.epochs and not (self.recipe.distillation.by_itself or self.teachers):
            raise UnfitCheckpoint("The recipe has distillation.by_itself = false and names nobody: add --teacher.")
        if self.teachers and not self.recipe.distillation.epochs:
            raise UnfitCheckpoint("The recipe has distillation.epochs = 0, so that nobody learns from --teacher.")
        for teacher in self.teachers:
            teacher.network(_labels())
            if self.start is not None:
                teacher.check_pieces(self.start.tokenizer())

    def nynorsk(self) -> list[TranslatedText]:
        path = self._nynorsk_file()
        if not self._records.path("nynorsk").exists():
            log.info("taking the nynorsk in %s as it is", path)
        return load_translations(path)

    def _nynorsk_file(self) -> Path:
        path, record = self.folder / NYNORSK, self._records.path("nynorsk")
        if path.exists() and not record.exists():
            return path  # where there is no apertium the file may be brought; later steps note its contents
        self._claim("nynorsk")
        if not path.exists():
            log.info("translating reviews into nynorsk")
            save_translations(nynorsk_versions(self.corpora), path)
        return path

    def tokenizer(self) -> Tokenizer:
        self._claim("tokenizer")
        path = self.folder / TOKENIZER
        if not path.exists():
            write_whole(path, self._learned_tokenizer if self.start is None else self._taken_tokenizer)
        return Tokenizer.from_file(str(path))

    def _learned_tokenizer(self, path: Path) -> None:
        log.info("learning the vocabulary")
        texts = corpus_sample(self.corpora, self.nynorsk(), seed=self.recipe.seed)
        train_tokenizer(texts, vocabulary_size=self.recipe.tokenizer.vocabulary_size).save(str(path))

    def _taken_tokenizer(self, path: Path) -> None:
        assert self.start is not None
        shutil.copyfile(self.start.folder / TOKENIZER, path)

    def streams(self) -> dict[str, Stream]:
        self._claim("streams")
        path = self.folder / STREAMS
        if not path.exists():
            log.info("tokenizing the corpus")
            save_streams(build_streams(self.corpora, self.nynorsk(), self.tokenizer(), seed=self.recipe.seed), path)
        return load_streams(path)

    def vectors(self) -> np.ndarray | None:
        """float32 of shape (vocabulary, width), or None where the recipe asks for random ones."""
        if not self.recipe.vectors.epochs:
            return None
        self._claim("vectors")
        path = self.folder / VECTORS
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
            write_whole(path, lambda part: np.save(part, vectors))
        vectors = np.load(path)
        assert isinstance(vectors, np.ndarray)
        return vectors

    def backbone(self) -> PreTrainedModel:
        """The pre-trained encoder, as a Hugging Face checkpoint under `backbone/`; or the one that was there before."""
        if self.start is not None and not self.recipe.pretraining.steps:
            log.info("no pre-training: the encoder is that of %s", self.start.folder)
            return self.start.backbone()
        self._claim("pretraining")
        path = self.folder / "backbone"
        if not path.exists():
            backbone = pretrain(
                self._untrained(),
                self.streams(),
                self.tokenizer(),
                self.recipe.pretraining,
                checkpoint=self.folder / "pretraining.pt",
                seed=self.recipe.seed,
                workers=self.workers,
                device=self.device,
                losses=self._losses,
            )
            write_whole(path, lambda part: self._save(backbone.save_pretrained, part))
        return Checkpoint.open(path).backbone()

    def _untrained(self) -> PreTrainedModel:
        """What pre-training begins with: the encoder to go on from, or random layers."""
        if self.start is not None:
            log.info("starting from the weights in %s", self.start.folder)
            return self.start.backbone()
        return new_backbone(self.recipe.backbone, self.tokenizer(), self.vectors())

    @cached_property
    def _records(self) -> MadeFrom:
        return MadeFrom(self.folder)

    @property
    def _losses(self) -> Path:
        return self.folder / "losses.jsonl"

    def _save(self, write: Callable[[Path], None], folder: Path) -> None:
        """A network and its tokenizer, so that another run can go on from the folder."""
        write(folder)
        shutil.copyfile(self.folder / TOKENIZER, folder / TOKENIZER)

    def _claim(self, step: str) -> None:
        """Refuse what the step and those before it left if that was made from anything but what this run has.

        What a step before depends on counts for those after it too: it comes with what it left.
        """
        inputs: dict[str, str] = {}
        for place, before in enumerate(STEPS[: STEPS.index(step) + 1]):
            inputs |= self._own_inputs(before)
            if before == "nynorsk" and step != before:
                continue  # it may have been brought; the next step has looked at it
            later = [name for after in STEPS[place + 1 :] for name in LEAVES[after]]
            self._records.claim(before, inputs, leaves=LEAVES[before], later=later)

    def _own_inputs(self, step: str) -> dict[str, str]:
        """What the step depends on that none before it did."""
        recipe, own = self.recipe, dict[str, str]()
        match step:
            case "nynorsk":
                own = self._data
            case "tokenizer":
                pieces = section("tokenizer", recipe.tokenizer.model_dump())
                own = {NYNORSK: digest(self._nynorsk_file()), "seed": str(recipe.seed)}
                own |= pieces if self.start is None else self._of_start(TOKENIZER)
            case "streams":
                self.tokenizer()
                own = {TOKENIZER: digest(self.folder / TOKENIZER)}
            case "vectors" if self.start is None:
                own = {**section("vectors", recipe.vectors.model_dump()), "width": str(recipe.backbone.width)}
            case "pretraining":
                plan = recipe.pretraining.model_dump() if recipe.pretraining.steps else {"steps": 0}
                own = section("backbone", recipe.backbone.model_dump()) | section("pretraining", plan)
                own |= self._of_start(WEIGHTS)
            case "finetuning":
                labels = sha256(_labels().model_dump_json().encode()).hexdigest()
                own = section("finetuning", recipe.finetuning.model_dump()) | {"the taxonomy": SHA256 + labels}
                own |= self._of_start(HEADS) if recipe.finetuning.heads == "kept" else {}
            case "ngrams":
                own = section("ngrams", recipe.ngrams.model_dump())
            case "distillation":
                own = section("distillation", recipe.distillation.model_dump())
                for number, teacher in enumerate(self.teachers, start=1):
                    own |= {f"--teacher {number}, {name}": digest(teacher.folder / name) for name in (WEIGHTS, HEADS)}
        return own

    def _of_start(self, name: str) -> dict[str, str]:
        return {} if self.start is None else {f"--from, {name}": digest(self.start.folder / name)}

    @cached_property
    def _data(self) -> dict[str, str]:
        """The contents of the corpora, read once a run."""
        return {name: digest(path) for name, path in self.corpora.files().items()}

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
        self._claim("finetuning")
        path, recipe = self.folder / "finetuned", self.recipe.finetuning
        if not path.exists():
            model = finetune(
                self._untuned(),
                self.examples(),
                self.tokenizer(),
                recipe,
                max_tokens=self.recipe.backbone.max_tokens,
                checkpoint=self.folder / "finetuning.pt",
                seed=self.recipe.seed if recipe.seed is None else recipe.seed,
                streams=self.streams(),
                workers=self.workers,
                device=self.device,
                losses=self._losses,
            )
            write_whole(path, lambda part: self._save(model.save, part))
        return Checkpoint.open(path).network(_labels())

    def _untuned(self) -> TaggingModel:
        """What fine-tuning begins with: the pre-trained encoder, with new heads or those of the network before."""
        model = TaggingModel(self.backbone(), _labels(), dropout=self.recipe.finetuning.dropout)
        if self.recipe.finetuning.heads == "kept" and self.start is not None:
            log.info("the heads are those of %s", self.start.folder)
            model.heads.load_state_dict(self.start.network(_labels()).heads.state_dict())
        return model

    def all_teachers(self) -> list[Teacher]:
        """The fine-tuned network, unless the recipe leaves it out, and the teachers that were named.

        All read comments as they are served.

        Raises
        ------
        UnfitCheckpoint : if one reads other word pieces
        """
        for teacher in self.teachers:
            teacher.check_pieces(self.tokenizer())
        networks = [teacher.network(_labels()) for teacher in self.teachers]
        if self.recipe.distillation.by_itself:
            networks.insert(0, self.finetuned())
        windows = Windows(self.tokenizer(), self.recipe.backbone.max_tokens)
        encoders = [WindowedEncoder(_served(network), windows, network.labels) for network in networks]
        return [Teacher.of(encoder, self.calibration_comments()) for encoder in encoders]

    def distillation_examples(self) -> Examples:
        left_out = self.calibration_stems()
        comments = [comment for comment in self.corpora.labelled() if comment.stem not in left_out]
        translated = [*self.corpora.translated(), *self.nynorsk()]
        log.info("teachers read %d comments and their translations", len(comments))
        examples = distilled_examples(
            comments,
            translated,
            softened(self.all_teachers(), comments, self.recipe.distillation.label_share, translated),
            translated_weight=self.recipe.finetuning.translated_weight,
        )
        return replace(examples, labelled=[*examples.labelled, *self.rated_sentences()])

    def complete(self) -> TaggingModel:
        """The network that ships: with a table of runs of word pieces, under `complete/`, if the recipe asks for it."""
        model = self.model()
        if not self.recipe.ngrams.buckets:
            return model
        self._claim("ngrams")
        path = self.folder / "complete"
        if not path.exists():
            log.info("counting runs of word pieces")
            model.ngrams = self._weighed(
                model, fit_ngrams(self.examples(), self.tokenizer(), model.labels, self.recipe.ngrams)
            )
            write_whole(path, lambda part: self._save(model.save, part))
        return Checkpoint.open(path).network(_labels())

    def _weighed(self, model: TaggingModel, ngrams: HashedNgrams) -> HashedNgrams:
        """The table in the network's measure, by the calibration comments."""
        comments, windows = self.calibration_comments(), Windows(self.tokenizer(), self.recipe.backbone.max_tokens)
        logits = []
        for model.ngrams in (None, ngrams):
            outputs = WindowedEncoder(TorchForward(model), windows, model.labels).run(
                [comment.text for comment in comments], [comment.question for comment in comments]
            )
            logits.append(np.stack([output.sentiment for output in outputs]).astype(np.float64))
        due = np.array([model.labels.sentiments.index(comment.sentiment) for comment in comments])
        return weigh(ngrams, logits[0], logits[1] - logits[0], due)

    def model(self) -> TaggingModel:
        """The network after distillation, under `model/`, if the recipe asks for it; else the fine-tuned one."""
        plan, recipe = self.recipe.distillation, self.recipe.finetuning
        student = self.finetuned()
        if not plan.epochs:
            return student
        self._claim("distillation")
        path = self.folder / "model"
        if not path.exists():
            student.heads.dropout.p = recipe.dropout
            model = finetune(
                student,
                self.distillation_examples(),
                self.tokenizer(),
                recipe.model_copy(
                    update={
                        "epochs": plan.epochs,
                        "translated_share": plan.translated_share,
                        "batch_tokens": plan.batch_tokens or recipe.batch_tokens,
                        "learning_rate": recipe.learning_rate * plan.rate,
                        "matrix_learning_rate": recipe.matrix_learning_rate * plan.rate,
                    }
                ),
                max_tokens=self.recipe.backbone.max_tokens,
                checkpoint=self.folder / "distillation.pt",
                seed=self.recipe.seed + 1,
                streams=self.streams(),
                workers=self.workers,
                device=self.device,
                losses=self._losses,
            )
            write_whole(path, lambda part: self._save(model.save, part))
        return Checkpoint.open(path).network(_labels())


def _labels() -> LabelSpace:
    return LabelSpace.of(Taxonomy.load())


def _served(network: TaggingModel) -> OnnxForward:
    """The network in int8, as it is served: it reads several times as many comments a second as in PyTorch."""
    with TemporaryDirectory() as folder:
        full, served = Path(folder) / "full.onnx", Path(folder) / ONNX
        export_onnx(network, full)
        quantize(full, served)
        return OnnxForward(served)

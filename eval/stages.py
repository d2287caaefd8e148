"""Where the time of tagging goes: `python -m eval.stages`.

The stages that every comment passes, and ONNX Runtime's operators within the network. All on one thread, in time of
the processor, so that other work on the machine disturbs little. The comments are those of `eval.benchmarks`.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Final

import typer

from eval.benchmarks import repeated, sample_texts, typical
from eval.program import run_program
from nlp.language import LanguageIdentifier
from nlp.models.encoder import ONNX, EncoderOutput, WindowedEncoder
from nlp.models.manifest import Manifest
from nlp.models.onnx_forward import OnnxForward
from nlp.models.shipped import SHIPPED
from nlp.models.tokenizing import Windows, padded
from nlp.record import Comment
from nlp.tagger import Tagger
from nlp.taxonomy import Taxonomy

ROUNDS: Final = 5
BATCH: Final = 64  # comments, as `stemme tag` and the service read them


class AlreadyRead:
    """An encoder that gives outputs which it was handed, so that what comes after it can be timed alone."""

    def __init__(self, texts: Sequence[str], outputs: Sequence[EncoderOutput]) -> None:
        self.labels = outputs[0].labels
        self._of_text = dict(zip(texts, outputs, strict=True))

    def run(self, texts: Sequence[str], questions: Sequence[str | None] | None = None) -> list[EncoderOutput]:
        return [output for _, output in self.as_ready(texts, questions)]

    def as_ready(
        self,
        texts: Sequence[str],
        questions: Sequence[str | None] | None = None,  # noqa: ARG002 - the outputs know what was asked
    ) -> Iterator[tuple[int, EncoderOutput]]:
        return ((place, self._of_text[text]) for place, text in enumerate(texts))


def stages(folder: Path, comments: Sequence[Comment]) -> dict[str, float]:
    """Milliseconds of the processor that a comment costs, by stage; the least of several rounds.

    Parameters
    ----------
    folder : a model folder that holds `model.onnx`
    """
    manifest, languages = Manifest.load(folder), LanguageIdentifier.load()
    windows = Windows.load(folder, manifest.max_tokens)
    encoder = WindowedEncoder(OnnxForward(folder / ONNX, threads=1), windows, manifest.labels)
    texts = [comment.text for comment in comments]
    batches = [texts[first : first + BATCH] for first in range(0, len(texts), BATCH)]
    decoder = Tagger(
        AlreadyRead(texts, [output for batch in batches for output in encoder.run(batch)]),
        manifest.calibration,
        name=manifest.id,
        taxonomy=Taxonomy.load(),
        languages=languages,
    )
    records = list(decoder.tag(comments))
    seconds = {
        "word pieces": _least(lambda: [windows.of(batch) for batch in batches]),
        "network": _least(lambda: [encoder.run(batch) for batch in batches]),
        "language": _least(lambda: languages.identify_many(texts)),
        "tags and evidence": _least(lambda: list(decoder.tag(comments))),
        "JSON": _least(lambda: [json.dumps(record.to_dict(), ensure_ascii=False) for record in records]),
    }
    seconds["network"] -= seconds["word pieces"]
    seconds["tags and evidence"] -= seconds["language"]
    return {stage: 1_000 * of_stage / len(comments) for stage, of_stage in seconds.items()}


def operators(folder: Path, texts: Sequence[str]) -> dict[str, float]:
    """The share of each operator in the network's time, the largest first; by the clock, which is all that is kept."""
    windows = sorted(Windows.load(folder, Manifest.load(folder).max_tokens).of(texts), key=lambda it: len(it.ids))
    with TemporaryDirectory() as scratch:
        forward = OnnxForward(folder / ONNX, threads=1, profile=Path(scratch) / "profile")
        for first in range(0, len(windows), 8):
            forward(*padded(windows[first : first + 8], 0))
        events = json.loads(forward.profiled().read_text(encoding="utf-8"))
    microseconds: Counter[str] = Counter()
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("kernel_time"):
            microseconds[event["args"]["op_name"]] += event["dur"]
    return {name: spent / microseconds.total() for name, spent in microseconds.most_common()}


def _least(task: Callable[[], object]) -> float:
    """Seconds of the processor, all threads together."""
    measured = []
    for _ in range(ROUNDS):
        started = time.process_time()
        task()
        measured.append(time.process_time() - started)
    return min(measured)


def shown(values: Mapping[str, float], *, unit: str) -> str:
    """A line for each value with its share of them all.

    >>> print(shown({"network": 3.0, "JSON": 1.0}, unit="ms"))
    network              3.000 ms   75 %
    JSON                 1.000 ms   25 %
    """
    total = sum(values.values())
    return "\n".join(f"{name:20} {value:5.3f} {unit}  {100 * value / total:3.0f} %" for name, value in values.items())


def main(
    model: Annotated[Path, typer.Option(help="Model folder; the shipped model by default.")] = SHIPPED,
    comments: Annotated[int, typer.Option(min=BATCH, help="Comments of about 40 tokens to measure on.")] = 512,
) -> None:
    """Show where the time of tagging goes."""
    texts = typical(sample_texts())
    costs = stages(model, list(repeated(texts, comments)))
    print(f"A comment costs {sum(costs.values()):.2f} ms of a processor:")
    print(shown(costs, unit="ms"))
    print("\nOf the network, by operator:")
    for name, share in list(operators(model, texts).items())[:12]:
        print(f"{name:28} {share:4.1%}")


if __name__ == "__main__":
    run_program(main)

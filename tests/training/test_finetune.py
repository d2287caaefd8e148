import math
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'train'")

from tests.nlp.by_hand import LABELS
from tests.tiny import tiny_tokenizer
from training import finetune
from training.config import load_recipe
from training.data import FactorLabel
from training.examples import Example, Examples
from training.finetune import Collator, presence_weights


def example(text, question=None, themes=None, factors=()):
    return Example(text, ("negative",), 1.0, themes=themes or {}, factors=factors, question=question)


def test_the_question_stands_behind_the_text_and_shows_nothing():
    collator = Collator(tiny_tokenizer(["dyrt", "hvorfor"]), LABELS, max_tokens=16)
    shown = FactorLabel("trustworthy", "negative", 0, 4)
    batch = collator([example("dyrt", "hvorfor", factors=(shown,)), example("dyrt dyrt")])
    assert batch.mask.tolist() == [[1, 1, 1, 2, 2], [1, 1, 1, 1, 0]]
    column = LABELS.column["trustworthy:negative"]
    assert batch.evidence[0, :, column].tolist() == [0, 1, 0, 0, 0]


def test_the_presence_of_a_rare_tag_weighs_more_up_to_a_bound():
    common = [example(f"{n}", themes={"price_value": "negative"}) for n in range(97)]
    rare = [example("x", themes={"contract_terms": "negative"}) for _ in range(3)]
    weights = presence_weights([*common, *rare], LABELS, rare_weight=2.0)
    assert weights[LABELS.column["price_value"]] == 1.0
    # 4 of 101: the root of 0.06 / 0.0396
    assert weights[LABELS.column["contract_terms"]].item() == pytest.approx(1.231, abs=0.001)
    assert weights[LABELS.column["brand_promise"]] == 2.0


def test_softened_tags_are_learned_as_they_are_and_the_theme_keeps_its_sentiment():
    collator = Collator(tiny_tokenizer(["dyrt"]), LABELS, max_tokens=16)
    column = LABELS.column["price_value"]
    soft = tuple(0.7 if place == column else 0.1 for place in range(len(LABELS.tags)))
    one = Example("dyrt", ("negative",), 1.0, themes={"price_value": "negative"}, tag_probabilities=soft)
    batch = collator([one])
    assert batch.tags[0, column].item() == pytest.approx(0.7)
    assert batch.tags[0].sum().item() == pytest.approx(0.7 + 0.1 * (len(LABELS.tags) - 1))
    assert batch.theme_sentiment[0, column] == 0


def test_a_taught_sentiment_is_best_met_by_saying_the_same():
    collator = Collator(tiny_tokenizer(["dyrt"]), LABELS, max_tokens=16)
    shares = tuple(0.7 if name == "negative" else 0.1 for name in LABELS.sentiments)
    batch = collator([Example("dyrt", ("negative",), 1.0, sentiment_probabilities=shares)])

    def loss(sentiment):
        logits = torch.tensor([sentiment]).log()
        tags = torch.zeros(1, len(LABELS.tags))
        feelings = torch.zeros(1, len(LABELS.themes), 3)
        weights = torch.full((*batch.ids.shape, len(LABELS.tags) + 1), 0.5)
        return float(finetune.loss_of(finetune.ModelOutput(logits, tags, feelings, weights, tags), batch))

    surely = [0.97 if name == "negative" else 0.01 for name in LABELS.sentiments]
    entropy = -sum(share * math.log(share) for share in shares)
    assert loss(shares) == pytest.approx(entropy, abs=1e-4)
    assert loss(surely) > loss(shares)


def test_fine_tuning_drops_within_the_encoder_as_the_recipe_says(monkeypatch, tmp_path):
    inner = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Dropout(0.5))
    model = SimpleNamespace(backbone=torch.nn.Sequential(torch.nn.Dropout(0.0), inner))
    trained = []

    def stop(train, model, plan, **options):
        trained.append(model)
        raise InterruptedError

    monkeypatch.setattr(finetune, "run_workers", stop)
    recipe = load_recipe().finetuning.model_copy(update={"encoder_dropout": 0.2})
    with pytest.raises(InterruptedError):
        finetune.finetune(
            model,
            Examples([], [], []),
            tiny_tokenizer([]),
            recipe,
            max_tokens=16,
            checkpoint=tmp_path / "finetuning.pt",
            seed=1,
        )
    dropouts = [module for module in trained[0].backbone.modules() if isinstance(module, torch.nn.Dropout)]
    assert [module.p for module in dropouts] == [0.2, 0.2]

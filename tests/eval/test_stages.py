import pytest

from eval import stages as measuring
from eval.benchmarks import repeated, sample_texts, typical
from eval.stages import operators, shown, stages
from nlp.models.shipped import SHIPPED


@pytest.fixture(scope="module")
def texts():
    return typical(sample_texts())[:16]


@pytest.mark.slow
def test_every_stage_is_measured_and_the_network_costs_most(texts):
    costs = stages(SHIPPED, list(repeated(texts, 32)))
    assert list(costs) == ["word pieces", "network", "language", "tags and evidence", "JSON"]
    assert all(cost > 0 for cost in costs.values())
    assert costs["network"] > sum(costs.values()) / 2


def test_a_stage_that_takes_longer_shows(texts, monkeypatch):
    def busy(identifier, texts):
        return [sum(range(200_000)) for _ in texts]

    monkeypatch.setattr(measuring, "ROUNDS", 1)
    plain = stages(SHIPPED, list(repeated(texts, 16)))
    monkeypatch.setattr(measuring.LanguageIdentifier, "identify_many", busy)
    assert stages(SHIPPED, list(repeated(texts, 16)))["language"] > 3 * plain["language"]


def test_shares_of_operators_add_up(texts):
    found = operators(SHIPPED, texts)
    assert sum(found.values()) == pytest.approx(1)
    assert "MatMulIntegerToFloat" in found
    assert not {"SkipLayerNormalization", "BiasGelu"} & set(found)  # as it is served
    assert list(found.values()) == sorted(found.values(), reverse=True)


def test_shares_are_of_the_whole():
    assert shown({"a": 1.0, "b": 3.0}, unit="ms").splitlines()[1].split() == ["b", "3.000", "ms", "75", "%"]

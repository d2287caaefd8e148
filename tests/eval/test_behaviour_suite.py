"""The form of the behavioural cases, and the shipped ones against what is asked of them."""

from __future__ import annotations

from collections import Counter

import pytest

from eval.behaviour.changes import CHANGES
from eval.behaviour.form import KINDS, WRITTEN
from eval.behaviour.suite import SHIPPED, BadCases, load_suite

NEGATION = """
[[capability]]
name = "negation"
kind = "MFT"
description = "Praise that is negated is criticism."
[[capability.cases]]
expect = { sentiment = "negative", themes = ["price_value:negative"] }
nb = ["Ikke billig", "Slett ikke billig"]
sv = ["Inte billigt"]
"""
CAPITALS = """
[texts.everyday]
nb = ["Rask", "RASK"]
da = ["Hurtig"]
[[capability]]
name = "capitals"
kind = "INV"
description = "Capitals change nothing."
[[capability.cases]]
expect = { keep = "sentiment" }
texts = "everyday"
change = "capitals"
"""


@pytest.fixture
def load(tmp_path):
    def load(*files, **options):
        for number, text in enumerate(files):
            (tmp_path / f"{number}.toml").write_text(text, encoding="utf-8")
        return load_suite(tmp_path, **options)

    return load


@pytest.fixture(scope="module")
def shipped():
    return load_suite()


def test_cases_are_numbered_by_language_in_the_order_of_the_file(load):
    (capability,) = load(NEGATION)
    assert (capability.name, capability.kind) == ("negation", "MFT")
    assert [(case.id, case.versions) for case in capability.cases] == [
        ("negation/nb/1", ("Ikke billig",)),
        ("negation/nb/2", ("Slett ikke billig",)),
        ("negation/sv/1", ("Inte billigt",)),
    ]
    assert {case.expect.themes for case in capability.cases} == {("price_value:negative",)}


def test_a_rule_changes_each_comment_of_the_pool_that_it_can_change(load):
    (capability,) = load(CAPITALS)
    assert [case.versions for case in capability.cases] == [("Rask", "RASK"), ("Hurtig", "HURTIG")]


def test_words_in_front_are_taken_in_turn(load):
    words = 'in_front = { nb = ["Hei.", "Ja."], da = ["Tja."] }'
    (capability,) = load(CAPITALS.replace('change = "capitals"', words))
    assert [case.versions[1] for case in capability.cases] == ["Hei. Rask", "Ja. RASK", "Tja. Hurtig"]


def test_words_behind_stand_behind(load):
    (capability,) = load(CAPITALS.replace('change = "capitals"', 'behind = { da = ["Hilsen Karen"] }'))
    assert [case.versions for case in capability.cases] == [("Hurtig", "Hurtig Hilsen Karen")]


def test_a_translated_comment_is_a_case_of_each_language_beside_the_three_others(load):
    translations = """
    [[capability]]
    name = "languages"
    kind = "INV"
    description = "Four languages, one meaning."
    [[capability.cases]]
    expect = { keep = "themes", at_least = 2 }
    translations = [{ nb = "Ikke dyrt", nn = "Ikkje dyrt", da = "Ikke for dyrt", sv = "Inte dyrt" }]
    """
    (capability,) = load(translations)
    assert {case.language: case.versions for case in capability.cases} == {
        "nb": ("Ikke dyrt", "Ikkje dyrt", "Ikke for dyrt", "Inte dyrt"),
        "nn": ("Ikkje dyrt", "Ikke dyrt", "Ikke for dyrt", "Inte dyrt"),
        "da": ("Ikke for dyrt", "Ikke dyrt", "Ikkje dyrt", "Inte dyrt"),
        "sv": ("Inte dyrt", "Ikke dyrt", "Ikkje dyrt", "Ikke for dyrt"),
    }


def test_a_question_goes_with_its_language(load):
    question = 'question = { nb = "Hva var bra?", sv = "Vad var bra?" }\nexpect'
    (capability,) = load(NEGATION.replace("expect", question))
    assert [case.question for case in capability.cases] == ["Hva var bra?", "Hva var bra?", "Vad var bra?"]


def test_what_is_wanted_is_picked_out(load):
    (capability,) = load(NEGATION, CAPITALS, capabilities=["negation"], languages=["sv"])
    assert [case.id for case in capability.cases] == ["negation/sv/1"]


# Each row: what is misspelled or left out, and the words of the error that help.
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("price_value", "price_valu", r"0.toml: capability 'negation', .*Did you mean 'price_value'\?"),
        ("value:negative", "value:bad", "'price_value:bad' ends in 'bad'; expected is negative, neutral, positive"),
        ('sentiment = "negative"', 'sentiment = "sad"', "capability 'negation', .*sentiment.*'negative', 'neutral'"),
        ("description", "descripton", "descripton: Extra inputs|description: Field required"),
        ('kind = "MFT"', 'kind = "MTF"', "'MFT', 'INV', 'DIR'"),
        ('["Inte billigt"]', '["Inte billigt", "Inte billigt"]', "case negation/sv/2 is the same as negation/sv/1"),
        ('sentiment = "negative", themes = ["price_value:negative"]', "", "nothing is expected; name one of sentiment"),
        ("expect", 'question = { nb = "Hva?" }\nexpect', "'question' lacks sv"),
        ("sv = [", "se = [", "Extra inputs"),
        ("[[capability]]", "[capability", "cannot be read"),
    ],
)
def test_a_misspelled_case_is_refused_with_its_place(load, old, new, said):
    assert old in NEGATION
    with pytest.raises(BadCases, match=said):
        load(NEGATION.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('change = "capitals"', 'change = "capitls"', "change 'capitls' is not known; expected is capitals"),
        ('texts = "everyday"', 'texts = "sunday"', "takes its texts from 'sunday'; the file has everyday"),
        ('change = "capitals"', "", "name one of 'change', 'in_front' and 'behind'"),
    ],
)
def test_a_misspelled_change_is_refused(load, old, new, said):
    with pytest.raises(BadCases, match=said):
        load(CAPITALS.replace(old, new, 1))


@pytest.mark.parametrize(
    ("expect", "said"),
    [
        ("{ by = 0.1 }", "name one of 'rises', 'falls', or 'before' and 'after'"),
        ('{ rises = "score", falls = "score" }', "name one of"),
        ('{ after = "price_value:negative" }', "'before' and 'after' belong together"),
        ('{ rises = "mood" }', "'score', 'churn_risk' or 'follow_up'"),
    ],
)
def test_a_direction_is_stated_once(load, expect, said):
    with pytest.raises(BadCases, match=said):
        load(
            '[[capability]]\nname = "praise"\nkind = "DIR"\ndescription = "d"\n'
            f'[[capability.cases]]\nexpect = {expect}\nnb = [["Ok", "Bra"]]\n'
        )


def test_a_capability_stands_in_one_place_only(load):
    with pytest.raises(BadCases, match=r"1.toml: capability 'negation' stands in another place too"):
        load(NEGATION, NEGATION)


def test_an_unknown_capability_is_refused_with_the_nearest(load):
    with pytest.raises(BadCases, match=r"no capability 'negations'\. Did you mean 'negation'"):
        load(NEGATION, capabilities=["negations"])


def test_an_unknown_language_is_refused(load):
    with pytest.raises(BadCases, match=r"no cases in 'no'\. Known: nb, nn, da, sv"):
        load(NEGATION, languages=["no"])


def test_a_folder_without_cases_is_refused(tmp_path):
    with pytest.raises(BadCases, match=r"holds no \.toml file"):
        load_suite(tmp_path)


def test_an_error_shows_no_comment(load):
    with pytest.raises(BadCases) as refused:
        load(NEGATION.replace('"Inte billigt"', '["Inte billigt"]'))
    assert "billigt" not in str(refused.value)


def test_the_shipped_suite_has_thirty_capabilities_of_each_language_and_all_kinds(shipped):
    assert len(shipped) >= 30
    assert {capability.kind for capability in shipped} == set(KINDS)


def test_each_shipped_capability_has_eight_cases_in_each_language_and_as_many_in_all(shipped):
    for capability in shipped:
        counts = Counter(case.language for case in capability.cases)
        assert set(counts) == set(WRITTEN), capability.name
        assert min(counts.values()) >= 8, capability.name
        assert len(set(counts.values())) == 1, f"{capability.name}: {counts}"


def test_no_shipped_comment_is_asked_the_same_way_in_two_capabilities(shipped):
    asked = Counter(
        (case.language, case.question, case.versions)
        for capability in shipped
        for case in capability.cases
        if capability.kind != "INV"
    )
    assert [case for case, count in asked.items() if count > 1] == []


def test_each_change_is_used_by_the_shipped_suite():
    used = "".join(path.read_text(encoding="utf-8") for path in sorted(SHIPPED.glob("*.toml")))
    assert [name for name in CHANGES if f'change = "{name}"' not in used] == []


@pytest.mark.parametrize(
    ("letters", "languages"), [("äö", ("nb", "nn", "da")), ("æø", ("sv",))], ids=["Swedish", "Norwegian and Danish"]
)
def test_a_case_is_in_the_letters_of_its_language(shipped, letters, languages):
    found = [
        case.id
        for capability in shipped
        for case in capability.cases
        if case.language in languages and set(letters) & set(case.versions[0].lower())
    ]
    assert found == []

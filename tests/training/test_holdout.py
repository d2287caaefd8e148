from tests.eval.by_hand import labelled
from training.holdout import hold_out, without

COMMENTS = [labelled(f"A{number}", f"tekst {number}") for number in range(1_000)]


def ids(comments):
    return [comment.id for comment in comments]


def test_about_the_share_is_drawn_and_nothing_is_lost():
    rest, drawn = hold_out(COMMENTS, 0.2, seed=1)
    assert 150 < len(drawn) < 250
    assert sorted(ids(rest) + ids(drawn)) == sorted(ids(COMMENTS))
    assert ids(drawn) == [id_ for id_ in ids(COMMENTS) if id_ in set(ids(drawn))]
    assert ids(hold_out(COMMENTS, 0.2, seed=2)[1]) != ids(drawn)


def test_a_file_that_grows_keeps_its_held_out_comments_held_out():
    early, late = hold_out(COMMENTS[:300], 0.2, seed=1)[1], hold_out(COMMENTS, 0.2, seed=1)[1]
    assert ids(early) == [id_ for id_ in ids(late) if int(id_[1:]) < 300]


def test_versions_of_one_comment_are_never_parted():
    comments = [
        labelled(f"{number}.{version}", f"tekst {number} i utgåve {version}").model_copy(
            update={"version_of": str(number)}
        )
        for number in range(200)
        for version in (1, 2)
    ]
    rest, drawn = hold_out(comments, 0.2, seed=1)
    assert 20 < len({comment.version_of for comment in drawn}) < 70
    assert not {comment.version_of for comment in rest} & {comment.version_of for comment in drawn}
    assert without(comments, comments[:1]) == comments[2:]


def test_localisations_stay_with_their_original_and_the_same_words_together():
    texts = [f"tekst {number}" for number in range(200)]
    versions = [labelled(f"A{number}{suffix}", f"{text}{suffix}") for number, text in enumerate(texts)
                for suffix in ("", ":nb", ":nn")]  # fmt: skip
    # Number 7 says in nynorsk what number 8 says, so that 7, 8 and all their versions belong together.
    versions[7 * 3 + 2] = labelled("A7:nn", "  TEKST 8 ")
    for seed in range(20):
        drawn = set(ids(hold_out(versions, 0.5, seed=seed)[1]))
        for number in range(200):
            assert len({f"A{number}{suffix}" in drawn for suffix in ("", ":nb", ":nn")}) == 1
        assert ("A7" in drawn) == ("A8" in drawn)


def test_a_shop_in_front_of_every_id_makes_no_group():
    assert 10 < len(hold_out([labelled(f"shop:{n}", f"tekst {n}") for n in range(100)], 0.2, seed=1)[1]) < 35


def test_what_another_file_holds_out_is_left_out_in_every_version():
    comments = [labelled("A1", "en"), labelled("A1:nb", "to"), labelled("A2:nn", "tre"), labelled("A3", "Fire  ord"),
                labelled("A4", "fem")]  # fmt: skip
    held_out = [labelled("A1", "en"), labelled("A2", "noe annet"), labelled("B9", "fire ord")]
    assert ids(without(comments, held_out)) == ["A4"]

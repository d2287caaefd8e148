"""Net Promoter Score: values worked out by hand, and how often the interval holds the truth."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from pyarrow import parquet
from typer.testing import CliRunner, Result

from api.cli import app
from api.nps import (
    FEWEST_ANSWERS,
    MINIMUM_ANSWERS,
    Answer,
    BadMinimum,
    BadScore,
    BadTime,
    Period,
    interval,
    nps,
    shares,
)

OSLO = ZoneInfo("Europe/Oslo")
PAGE = (Path(__file__).parents[2] / "docs" / "nps.md").read_text(encoding="utf-8")


def answers(*scores: int) -> list[Answer]:
    return [Answer(score) for score in scores]


def test_every_score_falls_where_reichheld_put_it() -> None:
    [group] = nps(answers(*range(11)), minimum=10)
    assert group.result is not None
    # 9 and 10 promote, 7 and 8 are passive, 0 to 6 detract: (2 - 7) / 11
    assert group.result.promoters == pytest.approx(2 / 11)
    assert group.result.passives == pytest.approx(2 / 11)
    assert group.result.detractors == pytest.approx(7 / 11)
    assert group.result.value == pytest.approx(-45.4545, abs=1e-4)


def test_the_interval_by_hand() -> None:
    # 60 promoters, 20 detractors, 97 answers. With three more: 60.75 and 20.75 of 100.
    # difference 0.40; variance (0.6075 + 0.2075 - 0.16) / 100 = 0.00655; 1.959964 x 0.080932 = 0.158624
    low, high = interval(60, 20, 97)
    assert low == pytest.approx(0.241376, abs=1e-5)
    assert high == pytest.approx(0.558624, abs=1e-5)


def test_the_interval_has_a_width_where_all_answer_alike_and_stays_on_the_scale() -> None:
    low, high = interval(30, 0, 30)
    # 30.75 and 0.75 of 33: difference 0.909091, variance (0.954545 - 0.826446) / 33 = 0.0038818
    assert low == pytest.approx(0.909091 - 1.959964 * 0.062304, abs=1e-4)
    assert high == 1.0


@pytest.mark.parametrize("total", [10, 30, 100])
@pytest.mark.parametrize(
    ("promoters", "detractors"), [(0.5, 0.2), (0.8, 0.05), (0.1, 0.7), (0.34, 0.33), (0.05, 0.05), (0.9, 0.02)]
)
def test_the_interval_holds_the_truth_nineteen_times_in_twenty(total: int, promoters: float, detractors: float) -> None:
    # Not simulated but summed over every possible outcome, so that no luck is in it.
    covered = sum(
        chance
        for p, d, chance in outcomes(total, promoters, detractors)
        if interval(p, d, total)[0] <= promoters - detractors <= interval(p, d, total)[1]
    )
    assert covered >= 0.925


def test_without_the_added_answers_the_interval_fails_where_nearly_all_promote() -> None:
    def plain(p: int, d: int, total: int) -> tuple[float, float]:
        difference = (p - d) / total
        half = 1.959964 * math.sqrt(((p + d) / total - difference**2) / total)
        return difference - half, difference + half

    covered = sum(
        chance for p, d, chance in outcomes(30, 0.9, 0.02) if plain(p, d, 30)[0] <= 0.88 <= plain(p, d, 30)[1]
    )
    assert covered < 0.92


def outcomes(total: int, promoters: float, detractors: float) -> list[tuple[int, int, float]]:
    """Every count of promoters and detractors, and its chance under the multinomial distribution."""
    passives = 1 - promoters - detractors
    return [
        (
            p,
            d,
            math.comb(total, p) * math.comb(total - p, d) * promoters**p * detractors**d * passives ** (total - p - d),
        )
        for p in range(total + 1)
        for d in range(total + 1 - p)
    ]


def test_too_few_answers_give_their_count_and_no_number() -> None:
    [group] = nps(answers(*[10] * (MINIMUM_ANSWERS - 1)))
    assert (group.answers, group.result, group.too_few) == (29, None, True)
    [group] = nps(answers(*[10] * MINIMUM_ANSWERS))
    assert (group.answers, group.too_few) == (30, False)


def test_the_minimum_can_be_set_but_not_below_the_floor() -> None:
    [group] = nps(answers(*[10] * 10), minimum=10)
    assert not group.too_few
    with pytest.raises(BadMinimum, match="The minimum is 9 answers; at least 10"):
        nps(answers(10), minimum=9)


def test_no_answers_give_no_groups() -> None:
    assert nps([]) == []
    assert shares({}) is None


@pytest.mark.parametrize("score", [-1, 11, 9.5, True, "9", None])
def test_what_is_not_on_the_scale_is_refused(score: object) -> None:
    with pytest.raises(BadScore, match="whole numbers from 0 to 10"):
        nps([Answer(score)])  # type: ignore[arg-type]


def test_groups_come_in_the_order_of_periods_then_names_and_the_nameless_last() -> None:
    january, may = datetime(2026, 1, 10, tzinfo=UTC), datetime(2026, 5, 10, tzinfo=UTC)
    given = [
        *[Answer(10, may, {"department": "Bergen"})] * 10,
        *[Answer(0, january, {})] * 10,
        *[Answer(8, january, {"department": "Oslo"})] * 12,
        *[Answer(9, january, {"department": "Bergen"})] * 3,
    ]
    groups = nps(given, by=["department"], period=Period.QUARTER, time_zone=OSLO, minimum=10)
    assert [(g.period, g.group["department"], g.answers, g.result and g.result.value) for g in groups] == [
        ("2026-Q1", "Bergen", 3, None),
        ("2026-Q1", "Oslo", 12, 0.0),
        ("2026-Q1", None, 10, -100.0),
        ("2026-Q2", "Bergen", 10, 100.0),
    ]


@pytest.mark.parametrize(
    ("period", "name"),
    [
        (Period.DAY, "2026-01-01"),
        (Period.WEEK, "2026-W01"),
        (Period.MONTH, "2026-01"),
        (Period.QUARTER, "2026-Q1"),
    ],
)
def test_the_time_zone_says_which_day_it_is(period: Period, name: str) -> None:
    # In Oslo the new year is half an hour old.
    answer = Answer(10, datetime(2025, 12, 31, 23, 30, tzinfo=UTC))
    assert nps([answer], period=period, time_zone=OSLO)[0].period == name


def test_a_week_belongs_to_the_year_of_its_thursday() -> None:
    days = [datetime(2021, 1, 3, tzinfo=UTC), datetime(2024, 12, 30, tzinfo=UTC), datetime(2023, 1, 1, tzinfo=UTC)]
    assert [nps([Answer(1, day)], period=Period.WEEK, time_zone=UTC)[0].period for day in days] == [
        "2020-W53",
        "2025-W01",
        "2022-W52",
    ]


def test_summer_time_moves_the_day() -> None:
    given = [Answer(1, datetime(2026, month, 1, 22, 30, tzinfo=UTC)) for month in (3, 7)]
    assert [g.period for g in nps(given, period=Period.DAY, time_zone=OSLO)] == ["2026-03-01", "2026-07-02"]


def test_a_period_needs_a_time_a_zone_and_a_zone_of_its_own() -> None:
    here = timezone(timedelta(hours=1))
    with pytest.raises(BadTime, match="no time"):
        nps([Answer(1)], period=Period.DAY, time_zone=here)
    with pytest.raises(BadTime, match="a time without a zone"):
        nps([Answer(1, datetime(2026, 1, 1))], period=Period.DAY, time_zone=here)
    with pytest.raises(BadTime, match="none was given"):
        nps([Answer(1, datetime(2026, 1, 1, tzinfo=UTC))], period=Period.DAY)


def call(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "160"}).invoke(app, ["nps", *arguments])


def test_the_command_counts_a_csv_file_and_says_what_it_left_out(tmp_path: Path) -> None:
    path, output = tmp_path / "svar.csv", tmp_path / "nps.json"
    rows = ["2026-01-31T23:30:00Z;Oslo;10"] * 6 + ["2026-02-03;Oslo;3"] * 4 + ["2026-02-03;Bergen; 9 "] * 2
    rows += ["2026-02-03;Oslo;", "2026-02-03;Oslo;elleve", "2026-02-03;Oslo;7,5", "i går;Oslo;8"]
    path.write_text("\n".join(["submitted_at;department;nps", *rows]), encoding="utf-8")
    result = call(str(path), "--by", "department", "--period", "month", "--minimum", "10", "-o", str(output))
    assert result.exit_code == 0, result.output
    assert "too few" in result.stdout
    assert result.stderr == "4 rows left out: bad_score 2, no_score 1, bad_time 1\n"
    small, large = json.loads(output.read_text(encoding="utf-8"))
    assert small == {"period": "2026-02", "group": {"department": "Bergen"}, "answers": 2, "too_few": True, "nps": None}
    assert (large["group"], large["answers"]) == ({"department": "Oslo"}, 10)
    assert (large["nps"]["value"], large["nps"]["promoters"]) == (20.0, 0.6)


def test_the_command_reads_parquet_with_times_and_its_own_names(tmp_path: Path) -> None:
    path, output = tmp_path / "svar.parquet", tmp_path / "nps.json"
    at = [datetime(2026, 3, 1, 12, tzinfo=UTC)] * 10
    parquet.write_table(pa.table({"q1": [9] * 5 + [0] * 5, "at": at, "shop": [1] * 10}), path)
    options = ["--score-column", "q1", "--time-column", "at", "--period", "week", "--by", "shop", "--minimum", "10"]
    result = call(str(path), *options, "-o", str(output))
    assert result.exit_code == 0, result.output
    [row] = json.loads(output.read_text(encoding="utf-8"))
    assert (row["period"], row["group"], row["nps"]["value"]) == ("2026-W09", {"shop": "1"}, 0.0)


def test_the_command_reads_jsonl_where_a_row_may_lack_a_column(tmp_path: Path) -> None:
    path = tmp_path / "svar.jsonl"
    lines = [json.dumps({"nps": 10, "channel": "app"})] * 10 + [json.dumps({"text": "hei"}), "{"]
    path.write_text("\n".join(lines), encoding="utf-8")
    result = call(str(path), "--by", "channel", "--minimum", "10")
    assert "+100" in result.stdout
    assert result.stderr == "2 rows left out: no_score 1, broken_row 1\n"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--by", "by"], "missing_columns"),
        (["--score-column", "karakter"], "missing_columns"),
        (["--time-zone", "Mars/Olympus"], "bad_usage"),
        (["--minimum", "3"], "bad_minimum"),
    ],
)
def test_what_cannot_be_counted_is_said(tmp_path: Path, options: list[str], code: str) -> None:
    path = tmp_path / "svar.csv"
    path.write_text("nps\n10\n", encoding="utf-8")
    result = call(str(path), *options)
    assert result.exit_code == 2
    assert result.stderr.endswith(f"({code})\n")


def test_the_page_has_the_right_limits_and_every_option() -> None:
    assert f"fewer than {MINIMUM_ANSWERS} answers" in PAGE
    assert f"below {FEWEST_ANSWERS}" in PAGE
    options = ["--by", "--period", "--time-zone", "--score-column", "--time-column", "--minimum", "--output"]
    options += ["--input-format", "--encoding"]
    shown = CliRunner(env={"COLUMNS": "200", "TERMINAL_WIDTH": "200"}).invoke(app, ["nps", "--help"]).stdout
    assert [option for option in options if option not in shown or f"`{option}`" not in PAGE] == []

"""The report: its figures, and that the page needs nothing but itself."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import duckdb
import pandas as pd
import pytest

from tactful.jobs.demo import clothing as planted
from tactful.jobs.report import clothing
from tactful.jobs.report import page as report
from tactful.jobs.report.lake_view import LakeView, duck_type, open_lake
from tactful.jobs.report.persons import count_pairs
from tactful.jobs.settings.config import load
from tests.small_lake import AS_OF, write_small_lake, write_table, write_truth

CONF = """
[attribution]
window = "45d"
[[caps]]
name = "email_weekly"
channels = ["email"]
limit = 3
window = "7d"
[[suppress]]
name = "bought_it"
when = "purchased"
match = "sku"
lasts = "14d"
[[suppress]]
name = "bought_it_own_rhythm"
when = "purchased"
match = "sku"
lasts = "14d"
lasts_share = 0.5
[[destinations]]
name = "meta_exclusions"
kind = "meta_custom_audience"
policy = "bought_it"
audience_id = "1"
"""
GENERATED = {
    "seed": 7,
    "from_date": "2017-08-01",
    "figures": {"mailings": 3, "bought_14d": 1, "own_rhythm": 2, "blunt_60d": 2},
    "redemptions": {"total": 2102, "matched": 1594},
    "malformed": {"web": {"malformed_json": 2}},
    "duplicates": {"web": 1},
    "reused": {"web": 0},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    write_small_lake(folder / "lake")
    write_truth(folder / "truth")
    (folder / "tactful.toml").write_text(CONF)
    return folder


@pytest.fixture(scope="module")
def config(folder):
    return load(folder / "tactful.toml")


@pytest.fixture(scope="module")
def facts(folder, config):
    lake = open_lake(folder / "lake")
    yield report.collect(lake, truth=folder / "truth", config=config, generated=GENERATED)
    lake.close()


@pytest.fixture(scope="module")
def page(folder, config):
    target = folder / "out" / "report.html"
    written = report.write(
        folder / "lake", truth=folder / "truth", target=target, config=config, generated=GENERATED
    )
    assert written == target
    return target.read_text(encoding="utf-8")


def test_mailings_are_counted_by_three_rules(facts):
    counted = facts["mailings"]
    asked = ("mailings", "fixed", "own_rhythm", "both_rules", "only_own", "blunt")
    assert [counted[name] for name in asked] == [3, 1, 2, 1, 1, 2]
    assert counted["without_products"] == 1
    assert facts["check"]["agrees"]


def test_a_purchase_that_is_generated_does_not_count_for_the_blunt_rule(facts):
    # The third household bought online six days before its mailing, but only there.
    assert facts["mailings"]["blunt"] == 2


def test_a_rule_for_comparison_is_left_out_of_the_sum(facts):
    told = facts["by_rule"]
    lines = {line["rule"].name: line for line in told["lines"]}
    assert told["channels"] == ["direct_mail", "email"]
    assert told["sent"] == [5, 5]
    assert lines["email_weekly"]["messages"] == [0, 2]
    assert lines["email_weekly"]["cost"] == 1.0
    assert lines["bought_it_own_rhythm"]["rule"].aside
    assert told["lines"][-1]["rule"].name == "bought_it_own_rhythm"
    # mail-1, em-4 and em-5; mail-2 breaks only the rule for comparison.
    assert told["any_rule"]["messages"] == 3


def test_pressure_counts_marketing_messages_a_person_and_week(facts):
    (cap,) = facts["caps"]
    weeks = {
        (row.week.date().isoformat(), row.label, row.persons, row.over)
        for row in cap["weeks"].itertuples()
    }
    assert weeks == {("2017-10-16", "2", 1, False), ("2017-10-23", "3", 1, False)}
    assert (cap["reached"], cap["beyond"], cap["at_limit"]) == (1, 2, 1)
    assert facts["most_mailings"] == 1


def test_suppressions_are_active_over_or_lifted(facts):
    lines = {line["policy"]: line for line in facts["suppressions"]["lines"]}
    bought = lines["bought_it"]
    assert (bought["active"], bought["over"], bought["lifted"]) == (1, 1, 1)
    assert lines["unsubscribed"]["active"] == 1
    assert facts["suppressions"]["persons"] == 1


def test_records_are_told_per_destination_with_warnings(facts):
    (line,) = facts["destinations"]
    assert (line["added"], line["removed"], line["files"]) == (2, 1, 1)
    assert line["warnings"][0]["warning"] == "below_minimum"
    told = line["consent"]
    assert (told["wanted"], told["not_asked"], told["withdrawn"], told["left_out"]) == (9, 6, 1, 7)


def test_stitching_is_scored_by_pairs(facts):
    scores = facts["persons"]["scores"]
    # hh-1 and hh-2 were joined rightly; the third email was joined with hh-2 instead of hh-3.
    assert (scores["true_pairs"], scores["joined"], scores["right"]) == (3, 4, 2)
    assert (scores["precision"], scores["recall"]) == (0.5, pytest.approx(2 / 3))
    assert (scores["reachable"], scores["recall_of_reachable"]) == (2, 1.0)
    assert (scores["split"], scores["mixed"]) == (1, 1)
    traps = {trap["kind"]: trap for trap in scores["traps"]}
    assert traps["shared"]["neutral"] == 1
    assert traps["till"]["hub"] == 1


def test_what_joined_nobody_counts_against_recall_alone():
    columns = ["identifier_key", "household", "person_id"]
    rows = [("a", "h", "p"), ("b", "h", "p"), ("c", "h", None)]
    told = count_pairs(pd.DataFrame(rows, columns=columns))
    assert (told["precision"], told["recall"]) == (1.0, pytest.approx(1 / 3))


def test_the_story_tells_why_each_message_was_wrong(facts):
    story = facts["story"]
    assert story.person_id == "p_1"
    assert story.regretted == 3
    mailing, *others = story.lines
    assert mailing["bought"]["category"] == "Fluid milk products"
    assert mailing["bought"]["days"] == 7
    assert [line["policies"] for line in others] == [
        ["email_weekly"], ["email_weekly", "unsubscribed"],
    ]  # fmt: skip
    assert {"Fluid milk products", "email_weekly", "unsubscribed"} == set(story.spans.lane)


def test_what_came_in_is_held_against_what_was_planted(facts):
    intake = facts["intake"]
    assert (intake["read_rows"], intake["quarantined_rows"]) == (20, 2)
    assert intake["all_found"]
    assert intake["reasons"][0] == {"reason": "malformed_json", "rows": 2}


def test_the_page_says_it_in_words(page):
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page))
    assert "a retailer sent 3 mailings whose products are on record. 1 of them offered" in text
    assert "simulated data based on real grocery shopping patterns" in text
    assert "508 match no basket" in text
    assert "Both agree." in text
    assert "no mailing in the data breaks a weekly cap" in text


def test_the_page_needs_nothing_but_itself(page):
    outside = re.findall(r"""(?:src|href)=["'](?!#)([^"']+)""", page)
    assert not outside
    assert "<script" not in page
    assert "@import" not in page
    assert page.count("<svg") == 5


def test_what_the_data_says_is_escaped(page):
    assert "cj&amp;01" in page
    assert "cj&01" not in page


def test_ids_are_given_once_and_links_lead_somewhere(page):
    reader = _Ids()
    reader.feed(page)
    assert len(reader.ids) == len(set(reader.ids))
    assert reader.links <= set(reader.ids)


def test_the_same_lake_gives_the_same_page(folder, config, page):
    again = report.write(
        folder / "lake", truth=folder / "truth", target=folder / "again.html", config=config,
        generated=GENERATED,
    )  # fmt: skip
    assert again.read_text(encoding="utf-8") == page


def test_a_lake_that_disagrees_with_the_data_says_so(folder, config):
    figures = {**GENERATED["figures"], "bought_14d": 2}
    target = report.write(
        folder / "lake", truth=folder / "truth", target=folder / "other.html", config=config,
        generated={**GENERATED, "figures": figures},
    )  # fmt: skip
    assert "The two do not agree" in target.read_text(encoding="utf-8")


def test_the_clothes_shop_is_told_with_rows():
    """A mail that the rule would have stopped, with the order that speaks against it."""
    names = (clothing.SALE, clothing.ASK, clothing.BOOTS)
    assert names == (planted.SALE, planted.ASK, planted.BOOTS)
    rules = {"paid": "price_regret", "here": "unfulfilled", "fits": "out_of_context"}
    misfires = {
        "sale_mails": 2, "price_regrets": 1, "review_asks": 1, "unfulfilled": 0,
        "boots_mails": 4, "out_of_season": 3,
    }  # fmt: skip
    with duckdb.connect() as database:
        database.execute("""
            CREATE TABLE messages AS FROM (VALUES
                ('a', 'sent', 'jeans-half-price'), ('b', 'sent', 'jeans-half-price'),
                ('b', 'delivered', 'jeans-half-price'), ('c', 'sent', 'review-ask'),
                ('d', 'sent', NULL), ('e', 'sent', 'rain-boots'), ('f', 'sent', 'rain-boots'),
                ('g', 'sent', 'rain-boots'), ('h', 'sent', 'rain-boots')
            ) AS t(message_id, type, content_id);
            CREATE TABLE clicks AS FROM (VALUES
                ('home', TIMESTAMP '2017-08-02', {country: 'AU'})) AS t(event_id, occurred_at, geo);
            CREATE TABLE regrets AS FROM (VALUES
                ('b', 'paid', 'p_1', TIMESTAMP '2017-10-18 10:00', 
                 ['purchases:o-1', 'purchases:o-2']),
                ('c', 'capped', 'p_1', TIMESTAMP '2017-10-18 10:00', []),
                ('e', 'fits', 'p_2', TIMESTAMP '2017-12-12 10:00', ['clicks:home']),
                ('f', 'fits', 'p_3', TIMESTAMP '2017-12-12 10:00', []),
                ('g', 'fits', 'p_2', TIMESTAMP '2017-12-13 10:00', ['clicks:home'])
            ) AS t(message_id, policy, person_id, sent_at, evidence);
            CREATE TABLE timeline AS FROM (VALUES
                ('p_1', TIMESTAMP '2017-10-09', 'purchases', 'order_placed', 'o-1', 'JEANS-SLIM',
                 'Jeans', 79.00, 'USD', 'c-1'),
                ('p_1', TIMESTAMP '2017-10-12', 'purchases', 'order_placed', 'o-2', 'JEANS-WIDE',
                 'Jeans', 89.00, 'USD', 'c-2')
            ) AS t(person_id, occurred_at, stream, type, event_id, sku, category, amount, currency,
                   order_id)
        """)
        told = clothing.clothing(LakeView(database, None), rules=rules, planted=misfires)
        assert told["agrees"] and told["sale"]["held_back"] == 1 and told["ask"]["mails"] == 1
        ((sku, amount),) = [(row["sku"], row["amount"]) for row in told["sale"]["rows"]]
        assert (sku, amount) == ("JEANS-WIDE", 89.0) and not told["ask"]["rows"]
        boots = [(r["message_id"], r["country"], r["month"]) for r in told["boots"]["rows"]]
        assert boots == [
            ("e", "AU", "December"), ("f", None, "December"), ("g", "AU", "December"),
        ]  # fmt: skip
        other = {**misfires, "price_regrets": 2}
        wrong = clothing.clothing(LakeView(database, None), rules=rules, planted=other)
        assert not wrong["agrees"]
        database.execute("DELETE FROM messages WHERE content_id IS NOT NULL")
        assert clothing.clothing(LakeView(database, None), rules=rules, planted=other) is None


def test_an_empty_lake_has_a_report(tmp_path):
    target = report.write(
        tmp_path / "lake", truth=tmp_path / "truth", target=tmp_path / "report.html",
        config=load(), generated={},
    )  # fmt: skip
    text = target.read_text(encoding="utf-8")
    assert "This lake was never published." in text
    assert "No suppressions yet." in text
    assert not (tmp_path / "lake").exists()


def test_the_clock_is_the_published_one(folder):
    lake = open_lake(folder / "lake")
    assert lake.as_of == AS_OF
    lake.close()


def test_a_log_has_versions_of_its_own(tmp_path):
    """The log of the timeline has the name of a published table, and is not read in its version."""
    row = {"event_id": "e", "stream": "clicks", "batch_id": 0}
    write_table(tmp_path, "timeline", [])
    write_table(tmp_path, "timeline", [{"event_id": "e"}], mode="overwrite")
    write_table(tmp_path, "_log/timeline", [row])
    told = {"as_of": AS_OF.isoformat(), "batch": 0, "tables": {"timeline": 1, "_log/timeline": 0}}
    (tmp_path / "_published.json").write_text(json.dumps(told))
    for version in range(2):
        lake = open_lake(tmp_path, {"timeline", "_log/timeline"})
        assert lake.row("SELECT count(*) AS n FROM timeline")["n"] == 1
        assert lake.row("SELECT count(*) AS n FROM log_timeline")["n"] == version + 1
        lake.close()
        write_table(tmp_path, "_log/timeline", [{**row, "event_id": "later"}], mode="append")


@pytest.mark.parametrize(
    ("spark", "duck"),
    [
        ("array<string>", "VARCHAR[]"),
        ("map<string,decimal(18,4)>", "MAP(VARCHAR, DECIMAL(18,4))"),
        ("array<struct<a:string,b:decimal(18,4)>>", 'STRUCT("a" VARCHAR, "b" DECIMAL(18,4))[]'),
        ("struct<at:timestamp,n:bigint>", 'STRUCT("at" TIMESTAMPTZ, "n" BIGINT)'),
    ],
)
def test_types_are_said_in_the_words_of_duckdb(spark, duck):
    assert duck_type(spark) == duck


class _Ids(HTMLParser):
    """Every id of a page, and every place that a link in it leads to."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name == "href" and value:
                self.links.add(value.removeprefix("#"))

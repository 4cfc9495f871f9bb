"""What a business expects of its tables: files are read whole, and everything wrong is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tactful.jobs.errors import ConfigError
from tactful.jobs.quality.expectations import TABLES, of_every_lake, of_files
from tactful.jobs.settings.config import load
from tests.landing import write_conf

pytest.importorskip("great_expectations")
GOOD = """
[[expect]]
table = "purchases"
type = "expect_column_values_to_be_in_set"
column = "currency"
value_set = ["GBP", "EUR"]
severity = "warning"

[[expect]]
table = "customers"
type = "expect_table_row_count_to_be_between"
min_value = 1
"""
WRONG = """
[[expect]]
table = "custmers"
type = "expect_column_values_to_not_be_null"
column = "person_id"

[[expect]]
table = "customers"
type = "expect_column_values_to_not_be_nul"

[[expect]]
table = "customers"
type = "expect_column_values_to_be_between"
column = "orders_count"
min = 1
severity = "fatal"

[[expect]]
table = "customers"
type = "expect_column_values_to_be_in_set"
value_set = ["a"]
"""


def test_every_table_that_people_read_has_a_suite_but_that_of_quality_itself():
    told = {one.table.name for one in of_every_lake()}
    assert "purchases" in told and "customers" in told and "quality" not in told
    assert all(one.severity == "critical" and one.suite == "tactful" for one in of_every_lake())


def test_a_folder_of_files_is_read_file_by_file(tmp_path: Path):
    (tmp_path / "money.toml").write_text("\ufeff" + GOOD)
    found = of_files(str(tmp_path))
    assert [(one.table.name, one.severity, one.suite) for one in found] == [
        ("purchases", "warning", "money.toml"), ("customers", "critical", "money.toml"),
    ]  # fmt: skip
    assert found[0].columns == ["currency"]
    assert found == of_files(str(tmp_path / "money.toml"))


def test_everything_wrong_is_told_at_once(tmp_path: Path):
    (tmp_path / "a.toml").write_text(WRONG)
    (tmp_path / "b.toml").write_text("expects = 3")
    with pytest.raises(ConfigError) as caught:
        of_files(str(tmp_path))
    told = "\n".join(str(one) for one in caught.value.problems)
    for words in (
        'expect[0].table: found "custmers"', "perhaps customers",
        'expect[1].type: found "expect_column_values_to_not_be_nul"',
        "perhaps expect_column_values_to_not_be_null",
        'expect[2].severity: found "fatal"; allowed: critical, warning',
        "expect[2].min: found 1; allowed: one of ", 'expect[2].column: found "orders_count"',
        "expect[3].column: found nothing", "b.toml: expects", "b.toml: expect: found null",
    ):  # fmt: skip
        assert words in told, told


@pytest.mark.parametrize(
    ("kind", "arguments", "key"),
    [
        ("expect_column_values_to_be_between",
         'column = "orders"\nmin_value = 5\nmostly = 0', "mostly"),
        ("expect_column_values_to_be_between",
         'column = "orders"\nmin_value = 5\nmax_value = 4', "min_value"),
        ("expect_table_row_count_to_be_between", "min_value = 0", "min_value"),
        ("expect_column_values_to_match_regex", 'column = "person_id"\nregex = "("', "regex"),
        ("expect_column_values_to_match_regex",
         "column = 'person_id'\nregex = '^\\p{L}+[a-z]++$'", None),
        ("expect_table_row_count_to_be_between", "min_value = 0\nmax_value = 9", None),
        ("expect_column_values_to_be_between",
         'column = "orders"\nmin_value = 5\nmostly = 0.5', None),
    ],
)  # fmt: skip
def test_what_would_always_or_never_be_met_is_refused(
    tmp_path: Path, kind: str, arguments: str, key: str | None
):
    file = tmp_path / "a.toml"
    file.write_text(f'[[expect]]\ntable = "customers"\ntype = "{kind}"\n{arguments}\n')
    if key is None:
        assert len(of_files(str(file))) == 1
        return
    with pytest.raises(ConfigError) as caught:
        of_files(str(file))
    assert [one.key for one in caught.value.problems] == [f"expect[0].{key}"]


@pytest.mark.parametrize("place", ["nowhere", "empty"])
def test_a_place_without_files_is_refused(tmp_path: Path, place: str):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="no TOML file there"):
        of_files(str(tmp_path / place))


def test_what_is_expected_changes_no_decision(tmp_path: Path):
    for name in "ab":
        (tmp_path / name).mkdir()
    plain = load(write_conf({"sources": {}}, tmp_path / "a"), needs_secret=False)
    told = load(
        write_conf({"sources": {}, "quality": {"suites": "here"}}, tmp_path / "b"),
        needs_secret=False,
    )
    assert plain.hash == told.hash
    assert told.suites_path == str(tmp_path / "b" / "here")


def test_every_table_says_what_is_expected_of_its_columns_alone():
    for one in of_every_lake():
        assert set(one.columns) <= set(TABLES[one.table.name].names)

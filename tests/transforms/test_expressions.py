"""Expressions of a configuration: what is on the list means what it says, all else is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tactful.transforms.sources.expressions import NotAnExpression, parse
from tactful.transforms.sources.mapped import faults, moment, parse_rows

REFUSED = {
    "reflect('java.lang.System', 'getenv', 'HOME')": "the function reflect",
    "java_method('java.lang.Runtime', 'getRuntime')": "the function java_method",
    "secret('scope', 'key')": "the function secret",
    "concat('a', reflect('x', 'y'))": "the function reflect",
    "read_files('/etc/passwd')": "the function read_files",
    "current_timestamp()": "the function current_timestamp",
    "sold_at; DROP TABLE x": "cannot be read",
    "a || b": "cannot be read",
    "(SELECT 1)": "stands",
    "concat(a": "too early",
    "concat(a b)": "bracket",
    "concat()": "0 arguments",
    "lower(a, b)": "2 arguments; it takes 1$",
    "time(a)": "1 argument; it takes 2$",
    "time(a, b)": "no pattern in quotes",
    "time(a, 'YYYY-mm-DD')": "it may hold y M d",
    "time(a, 'dd.MM.yyyyTHH:mm')": "it may hold y M d",
    "time(a, 'yyyyyyy')": "it may hold y M d",
    "time(a, 'HH:mm V')": "it may hold y M d",
    "time(a, '--')": "it may hold y M d",
    "lower(": "too early",
    "": "too early",
    "a b": "ends before",
    "'half": "cannot be read",
    "lower(" * 30 + "a" + ")" * 30: "deeper",
    "`a` -- comment": "ends before|cannot be read",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_not_on_the_list_is_refused(text):
    with pytest.raises(NotAnExpression, match=REFUSED[text]):
        parse(text)


def test_an_expression_says_which_columns_it_reads():
    found = parse("concat_ws('-', shop, `Bon Nr.`, lower(customer.email), 'it''s', 5)")
    # What else an object says is kept, so it is not taken for read.
    assert found.columns == {"shop", "Bon Nr."}
    assert "it's" not in found.sql  # Never as it was written: a quote could end the text.


def test_a_table_of_fields_is_told_all_that_is_wrong_with_it():
    told = {"event_id": "id", "sku2": "x", "lines": "x", "identifiers": "mail",
            "line": {"sku": "a", "colour": "b"}, "currency": {"x": "y"},
            "amount": "reflect('a')"}  # fmt: skip
    found = {key for key, _, _ in faults("purchases", told)}
    assert found == {"sku2", "lines", "identifiers", "line.colour", "currency", "amount"}
    assert not list(faults("messages", {"type": "'sent'", "identifiers": {"email": "mail"}}))


NUMBERS = {
    "9,90": "9.90", "-9,90": "-9.90", "(9,90)": "-9.90", "\u22123,1": "-3.1", "+3": "3", " 5 ": "5",
    "1.234,50": "1234.50", "1 234 567,5": "1234567.5", "1.234.567": "1234567",
    "12345,6": "12345.6", "9.90": "", "1,234.50": "", "1.234 567": "", "12.34,5": "", "9,9O": "",
    "1e3": "", "12.50 kg 3": "", "(-3)": "", "--3": "", "abc": "", "": "",
}  # fmt: skip


def test_a_number_is_read_only_where_it_surely_is_one(spark):
    rows = [({"x": text},) for text in NUMBERS]
    said = spark.createDataFrame(rows, "said map<string, string>")
    number = parse("number(x, ',')").sql
    found = said.selectExpr("said['x'] AS x", f"{number} AS read").collect()
    assert {row.x: row.read for row in found} == NUMBERS


# A pattern with a letter for the zone tells the moment itself, whatever the source's zone is.
TIMES = {
    ("2026-11-20 10:00:00 +0100", "time(x, 'yyyy-MM-dd HH:mm:ss Z')"): "2026-11-20T09:00:00Z",
    ("2026-11-20T10:00+01:00", "time(x, 'yyyy-MM-dd''T''HH:mmXXX')"): "2026-11-20T09:00:00Z",
    ("20.11.2026 10:00 Europe/Berlin", "time(x, 'dd.MM.yyyy HH:mm VV')"): "2026-11-20T09:00:00Z",
    ("20.11.2026 10:00 CET", "time(x, 'dd.MM.yyyy HH:mm z')"): "2026-11-20T09:00:00Z",
    ("11/20/2026 1:05 PM", "time(x, 'M/d/yyyy h:mm a')"): "2026-11-20T18:05:00Z",
    ("2026-11-20 10:00 Z", "time(x, 'yyyy-MM-dd HH:mm ''Z''')"): "2026-11-20T15:00:00Z",
    ("1795244400", "epoch_seconds(x)"): "2026-11-21T07:00:00Z",
    (" 1795244400.25 ", "epoch_seconds(x)"): "2026-11-21T07:00:00.25Z",
    ("1.7952444E9", "epoch_seconds(x)"): "2026-11-21T07:00:00Z",
    ("1795244400123", "epoch_milliseconds(x)"): "2026-11-21T07:00:00.123Z",
    ("1795244400123", "epoch_seconds(x)"): None,
    ("soon", "epoch_milliseconds(x)"): None,
    ("2026-11-20 10:00:00", "time(x, 'yyyy-MM-dd HH:mm:ss Z')"): None,
}  # fmt: skip


def test_a_time_is_read_with_its_zone_or_by_the_sources(spark):
    said = spark.createDataFrame([({"x": x},) for x, _ in TIMES], "said map<string, string>")
    forms = dict.fromkeys(form for _, form in TIMES)
    sql = {form: moment(parse(form).sql, "America/New_York") for form in forms}
    each = said.selectExpr("said['x'] AS x", *(f"string(timestamp({s}))" for s in sql.values()))
    found = {(row[0], form): row[n] for row in each.collect() for n, form in enumerate(forms, 1)}
    told = {key: text and text.replace("T", " ").rstrip("Z") for key, text in TIMES.items()}
    assert {key: found[key] for key in TIMES} == told


TOLD = {"event_id": "id", "order_id": "id", "type": "decode(kind, 'S', 'order_placed')",
        "occurred_at": "time(at, 'dd.MM.yyyy HH:mm')"}  # fmt: skip
WRONG = {
    '{"id": "1", "kind": "S", "at": "02.03.2026 10:00"}': set(),
    '{"id": "2", "kind": "X", "at": "02.03.2026 10:00"}': {"unknown_type"},
    '{"id": "3", "kind": "S", "at": "32.03.2026 10:00"}': {"occurred_at_not_a_time"},
    '{"id": "4", "kind": "S", "at": "2026-03-02T10:00:00Z"}': {"occurred_at_not_a_time"},
    '{"id": "6", "kind": "S", "at": " 02.03.2026 10:00 "}': set(),
    '{"id": "5", "kind": " "}': {"missing:type", "missing:occurred_at"},
}


def test_what_is_said_wrongly_is_not_called_missing(spark):
    rows = [(text, "f", datetime(2026, 11, 27, tzinfo=UTC)) for text in WRONG]
    landed = spark.createDataFrame(rows, "value string, file string, modified_at timestamp")
    read = parse_rows(landed, stream="purchases", source_name="s", max_row_bytes=10**6,
                      max_skew=timedelta(days=1), fields=TOLD, time_zone="UTC")  # fmt: skip
    named = {"unknown_type", "occurred_at_not_a_time", "missing:type", "missing:occurred_at"}
    assert {row.raw: {*row.reasons} & named for row in read.collect()} == WRONG


LISTED = {
    '[{"code": "S1", "n": 2}, {"code": "S2", "n": 1}]': ([], ["S1", "S2"]),
    "[]": ([], []),
    "null": ([], None),
    '[{"code": "S1", "n": 2}, "S2"]': (["wrong_type:lines"], None),
    '[{"code": "S1", "n": 2}, null]': (["wrong_type:lines"], None),
    '["S1", "S2"]': (["wrong_type:lines"], None),
    '"S1, S2"': (["wrong_type:lines"], None),
    "7": (["wrong_type:lines"], None),
}


def test_an_order_whose_list_is_not_of_objects_alone_is_refused(spark):
    """Had it come without its lines, nobody would know what was bought."""
    rows = [
        (
            f'{{"id": "{n}", "kind": "S", "at": "02.03.2026 10:00", "items": {items}}}',
            "f",
            datetime(2026, 11, 27, tzinfo=UTC),
        )
        for n, items in enumerate(LISTED)
    ]
    landed = spark.createDataFrame(rows, "value string, file string, modified_at timestamp")
    line = {"each": "items", "sku": "code", "quantity": "n"}
    read = parse_rows(landed, stream="purchases", source_name="s", max_row_bytes=10**6,
                      max_skew=timedelta(days=1), fields={**TOLD, "line": line},
                      time_zone="UTC").collect()  # fmt: skip
    found = {
        row.event_id: (
            [why for why in row.reasons if why.endswith(":lines")],
            None if row.lines is None else [one.sku for one in row.lines],
        )
        for row in read
    }
    for n, (reasons, skus) in enumerate(LISTED.values()):
        told, lines = found[str(n)]
        assert told == reasons, (n, told)
        if not reasons:
            assert lines == skus or (skus is None and not lines), (n, lines)

"""A house's own form: CSV as tills write it, read or refused row by row, never shifted columns."""

from __future__ import annotations

import json
from base64 import b64decode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from tactful.jobs.commands.sampling import sample, source_of
from tactful.jobs.commands.status import status
from tactful.jobs.runs.pipeline import run

AS_OF = datetime(2026, 11, 27, tzinfo=UTC)
CONF = """
[lake]
location = "{root}/lake"
[identity.types.loyalty_id]
priority = 4
[sources.tills]
stream = "purchases"
dialect = "mapped"
format = "csv"
path = "{root}/landing"
delimiter = ";"
time_zone = "Europe/Berlin"
[sources.tills.fields]
event_id = "concat('till/', receipt)"
type = "decode(kind, 'S', 'order_placed', 'R', 'order_returned', kind)"
occurred_at = "sold_at"
order_id = "receipt"
currency = "'EUR'"
place = "'store'"
identifiers.loyalty_id = "card"
line.sku = "article"
line.quantity = "quantity"
line.amount = "number(paid, ',')"
"""
NAMES = "receipt;kind;sold_at;card;article;quantity;paid"
TILL = f"""\ufeff{NAMES}
1;S;2026-03-02 10:00:00;c1;"jeans; blue";1;1.059,90
2;S;2026-07-02T10:00:00;c1;"the ""best"" belt";2;9,5
3;S;2026-03-02 10:00:00;c1;half "a quote;1;5
4;S;2026-03-02 10:00:00;c1;"never closed;1;5
5;S;2026-03-02 10:00:00;c1;jeans;1;5;more
6;S;2026-03-02 10:00:00;c1
{NAMES}
7;X;2026-03-02 10:00:00;c1;jeans;1;5
8;R;2026-03-02T10:00:00+05:00;;jeans;1;5
9;S;02.03.2026;c1;jeans;1;5
10;S;2026-03-02 10:00:00;c1;jeans;many;5
11;S;2026-03-02 10:00:00;c1;"12"" rule; long";1;5
12;S;2026-03-02 10:00:00;c1;"12"" rule";1;5;"more"
13;S;2026-03-02 10:00:00;c1;"half" "a quote;1;5
14;S;2026-03-02 10:00:00;c1;\x00"of two"\x01;1
"""
# Another export of the same till: other order, another column, other line ends.
OTHER = (
    "paid;receipt;kind;note;sold_at;card;article;quantity\r\n"
    "5,00;20;S;late;2026-03-02 11:00:00;c2;hat;1\r\n"
)
COMMAS = NAMES.replace(";", ",") + "\n30,S,2026-03-02 10:00:00,c1,jeans,1,5\n"
TWICE = "receipt;kind;kind\n40;S;S\n"
# A good head, and below it a line of another encoding.
LATIN = NAMES.encode() + (
    b"\n50;S;2026-03-02 10:00:00;c1;gr\xfcn;1;5\n51;S;2026-03-02 10:00:00;c1;gr\xc3\xbcn;1;5\n"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("house")
    (root / "landing").mkdir()
    for name, text in (("till", TILL), ("other", OTHER), ("commas", COMMAS), ("twice", TWICE)):
        (root / "landing" / f"{name}.csv").write_text(text, encoding="utf-8", newline="")
    (root / "landing" / "latin.csv").write_bytes(LATIN)
    return root


def rows(root: Path, table: str) -> list[dict[str, Any]]:
    return DeltaTable(str(root / "lake" / table)).to_pyarrow_table().to_pylist()


def load(root: Path) -> Any:
    from tactful.jobs.settings.config import load

    file = root / "my.toml"
    file.write_text(CONF.format(root=root), encoding="utf-8")
    return load(file, environ={})


def test_every_row_is_read_or_refused_by_itself(spark, folder):
    run(load(folder), steps=("land", "accept"), as_of=AS_OF)
    good = {row["event_id"]: row for row in rows(folder, "purchases")}
    assert set(good) == {f"till/{n}" for n in (1, 2, 8, 11, 20, 51)}
    first, second, third, fourth = (good[f"till/{n}"] for n in (1, 2, 8, 20))
    assert good["till/51"]["lines"][0]["sku"] == "gr\u00fcn"
    assert (
        first["lines"][0]["sku"] == "jeans; blue"
        and str(first["lines"][0]["amount"]) == "1059.9000"
    )
    assert (
        second["lines"][0]["sku"] == 'the "best" belt'
        and str(second["lines"][0]["amount"]) == "9.5000"
    )
    # The clock of Berlin, in winter and in summer; a zone that is told is what counts.
    assert [row["occurred_at"].hour for row in (first, second, third)] == [9, 8, 5]
    assert (third["type"], third["identifiers"]) == ("order_returned", [])
    assert (fourth["lines"][0]["sku"], dict(fourth["properties"])) == ("hat", {"note": "late"})
    refused = {row["raw"]: row["reasons"] for row in rows(folder, "quarantine")}
    (latin,) = (raw for raw, reasons in refused.items() if reasons == ["invalid_utf8"])
    assert json.loads(latin)["article"] == "gr\ufffdn" and refused.pop(latin)
    bare = next(row["raw_base64"] for row in rows(folder, "quarantine") if row["raw"] == latin)
    assert b"gr\xfcn" in b64decode(bare)
    assert good["till/11"]["lines"][0]["sku"] == '12" rule; long'
    of_form = {raw.partition(";")[0]: (raw, why) for raw, why in refused.items() if raw[0] != "{"}
    half, count = "half_a_quote", "wrong_number_of_values"
    assert {told: why for told, (_, (why,)) in of_form.items() if told[:4] != "This"} == {
        "3": half, "4": half, "5": count, "6": count, "12": count, "13": half, "14": count,
        "receipt": "repeated_header",
    }  # fmt: skip
    lines = TILL.splitlines()
    assert all(raw in lines for told, (raw, _) in of_form.items() if told[:4] != "This")
    (twice,) = (told for told in of_form if told[:4] == "This")
    assert "names a column twice" in twice and of_form[twice][1] == ["file_not_read"]
    told = {json.loads(raw).get("receipt"): why for raw, why in refused.items() if raw[0] == "{"}
    assert told["7"] == ["unknown_type"] and told["10"] == ["wrong_type:lines"]
    assert told["9"] == ["occurred_at_not_a_time"]
    # With another delimiter there is one column of another name, and nothing of it is guessed.
    assert "missing:event_id" in told[None] or "missing:order_id" in told[None]
    assert len(refused) == 13
    files = {Path(row["path"]).name: row["reason"] for row in rows(folder, "_log/files")}
    lacking = files.pop("commas.csv")
    assert lacking.startswith('it has no column "receipt", "kind"') and '"paid"' in lacking
    assert lacking.endswith('; is its delimiter ",", not ";"?')
    assert {name for name, why in files.items() if why} == {"twice.csv"}


def test_sample_shows_the_same_before_there_is_a_lake(spark, folder):
    config = load(folder)
    file = folder / "landing" / "till.csv"
    source = source_of(config, file, name="tills", dialect=None, stream=None)
    facts = sample(config, file, source, 20)
    assert (facts["rows"], facts["understood"], facts["refused"]) == (15, 4, 11)
    assert {row["reason"] for row in facts["reasons"]} == {
        "half_a_quote", "wrong_number_of_values", "repeated_header", "unknown_type",
        "wrong_type:lines", "occurred_at_not_a_time",
    }  # fmt: skip
    assert facts["first"][0]["says"].startswith("order_id 1, 1 line")
    assert facts["unused_identifiers"] == {} and facts["nobody"] == 1
    assert facts["silent_columns"] == {} and not facts["in_pieces"]
    commas = sample(config, folder / "landing" / "commas.csv", source, 20)
    assert commas["silent_columns"]["paid"] == "line.amount" and len(commas["silent_columns"]) == 7


def test_sample_reads_another_systems_form_without_a_configuration(spark, tmp_path):
    from tactful.jobs.settings.config import load

    file = tmp_path / "calls.json"
    call = {
        "type": "track",
        "messageId": "m",
        "anonymousId": "a",
        "timestamp": "2026-03-02T00:00:00Z",
    }
    events = ("Product Viewed", "Something Else", "Product Added")
    calls = (json.dumps({**call, "messageId": n, "event": e}) for n, e in enumerate(events))
    file.write_text("\n".join(calls) + "\n")
    config = load(None, environ={})
    facts = sample(
        config, file, source_of(config, file, name=None, dialect="segment", stream=None), 2
    )
    assert (facts["rows"], facts["understood"], facts["refused"]) == (2, 1, 1)
    assert not [path for path in tmp_path.iterdir() if path != file]
    file.write_text(json.dumps([{**call, "event": events[0]}], indent=2))
    source = source_of(config, file, name=None, dialect="segment", stream=None)
    assert sample(config, file, source, 20)["in_pieces"]


# As Shopify exports orders: what is said of an order stands in its first row alone.
ORDERS = """Name,Email,Paid at,Currency,Lineitem quantity,Lineitem sku,Lineitem price,Note
#1001,ann@example.com,2026-03-02 10:00:00 +0000,USD,1,jeans,60.00,gift
#1001,,,,2,belt,15.00,
 #1002 ,ben@example.com,2026-03-02 12:00:00 +0100,USD,1,"12"" rule, long",20.00,
#1005,,,,1,socks,5.00
,,,,1,lost,1.00,
"""
# A row that cannot be read is of the order that it names, or else of one beside it; what an order
# says of itself in several rows is one.
DOUBTED = """Name,Email,Paid at,Currency,Lineitem quantity,Lineitem sku,Lineitem price,Note
#3000,ann@example.com,2026-03-02 10:00:00 +0000,USD,1,jeans,60.00,
#3000,,,USD,1,shoes,60.00,
#3001,ben@example.com,2026-03-02 10:00:00 +0000,USD,1,jeans,10.00,
#3001,,,,1,belt,20.00,,one too many
#3001,,,,1,socks,40.00,
#3002,cyd@example.com,2026-03-02 10:00:00 +0000,USD,1,jeans,10.00,"two
lines",,,
#3002,,,,1,socks,40.00,
#3003,dan@example.com,2026-03-02 10:00:00 +0000,EUR,1,jeans,10.00,
#3003,,,USD,1,socks,40.00,
#3004,eve@example.com,2026-03-02 10:00:00 +0000,USD,1,jeans,10.00,
#3005,fay@example.com,2026-03-02 10:00:00 +0000,USD,1,jeans,10.00,,alone
#3006,gil@example.com,2026-03-02 10:00:00 +0000,USD,1,jeans,10.00,
1,cut
"""
BY_ORDER = """
[lake]
location = "{root}/lake"
[sources.orders]
stream = "purchases"
dialect = "mapped"
format = "csv"
path = "{root}/landing"
one_event_by = "Name"
[sources.orders.fields]
event_id = "concat('shopify/', Name)"
type = "'order_placed'"
occurred_at = "time(`Paid at`, 'yyyy-MM-dd HH:mm:ss Z')"
order_id = "Name"
currency = "Currency"
identifiers.email = "Email"
line.sku = "`Lineitem sku`"
line.quantity = "`Lineitem quantity`"
line.unit_price = "`Lineitem price`"
"""


def test_rows_of_one_order_are_one_event(spark, tmp_path):
    from tactful.jobs.settings.config import load

    (tmp_path / "landing").mkdir()
    (tmp_path / "landing" / "a.csv").write_text(ORDERS, encoding="utf-8")
    # Another file's rows are another event's, whatever its columns are called and ordered.
    other = (
        "Lineitem sku,Name,Paid at,Currency\ncap,#1003,2026-03-05 10:00:00 +0000,USD\nbag,#1003,,\n"
    )
    (tmp_path / "landing" / "b.csv").write_text(other, encoding="utf-8")
    # What of an order stands in another file is another event of its id, and never lost.
    names, row = other.splitlines()[0], "#1004,2026-03-05 10:00:00 +0000,USD"
    halves = [f"{names}\n{sku},{row}\n" for sku in "xy"]
    for name, half in zip("cd", halves, strict=True):
        (tmp_path / "landing" / f"{name}.csv").write_text(half, encoding="utf-8")
    (tmp_path / "my.toml").write_text(BY_ORDER.format(root=tmp_path), encoding="utf-8")
    config = load(tmp_path / "my.toml", environ={})
    (tmp_path / "landing" / "e.csv").write_text(DOUBTED, encoding="utf-8")
    run(config, steps=("land", "accept"), as_of=AS_OF)
    good = {(row["order_id"], len(row["lines"])): row for row in rows(tmp_path, "purchases")}
    assert set(good) == {("#1001", 2), ("#1002", 1), ("#1003", 2), ("#1004", 1), ("#3000", 2),
                         ("#3004", 1)}  # fmt: skip
    assert [line["sku"] for line in good["#1003", 2]["lines"]] == ["cap", "bag"]
    order = good["#1001", 2]
    told = [
        (line["sku"], str(line["quantity"]), str(line["unit_price"])) for line in order["lines"]
    ]
    assert [(sku, float(n), float(price)) for sku, n, price in told] == [
        ("jeans", 1, 60), ("belt", 2, 15)]  # fmt: skip
    assert [entry["value"] for entry in order["identifiers"]] == ["ann@example.com"]
    assert dict(order["properties"]) == {"Note": "gift"}
    rule = good["#1002", 1]
    assert (rule["lines"][0]["sku"], rule["event_id"]) == ('12" rule, long', "shopify/#1002")
    assert rule["occurred_at"].hour == 11, "a zone that a pattern reads counts"
    refused = rows(tmp_path, "quarantine")
    doubted = [row for row in refused if row["source_position"]["file"].endswith("e.csv")]
    whole = {
        json.loads(row["raw"])["Name"]: row["reasons"]
        for row in doubted if row["raw"].startswith("{")
    }  # fmt: skip
    assert whole == {
        "#3001": ["row_of_it_unreadable"],
        "#3002": ["row_of_it_unreadable", "missing:occurred_at"],
        "#3003": ["rows_contradict:currency"],
        "#3006": ["row_of_it_unreadable"],
    }
    assert len(doubted) == len(whole) + 5
    refused = [row for row in refused if row not in doubted]
    assert len(refused) == 3, "fewer values, no order's name, an order in two files"
    (half,) = (row for row in refused if row["reasons"] == ["id_reused"])
    held = {half["raw"].count(f'\\"{sku}\\"') for sku in "xy"}
    assert held == {0, 1} and "#1004" in half["raw"]
    (told,) = status(tmp_path / "lake")["refused"]["in_parts"]
    assert told["source_name"] == "orders" and told["rows"] == 1
    (socks,) = (row for row in refused if "socks" in row["raw"])
    assert socks["reasons"] == ["wrong_number_of_values"]
    assert socks["raw"] == "#1005,,,,1,socks,5.00"

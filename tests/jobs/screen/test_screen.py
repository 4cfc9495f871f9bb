"""Screen: whose rows of a list must not get a campaign now, why, and until when."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tactful.jobs import cli
from tactful.jobs.screen.control_group import drawn
from tactful.jobs.screen.keys import Keyed
from tactful.jobs.settings.config import load
from tests.oracle.config import load as oracle_config
from tests.oracle.identifiers import Normaliser
from tests.screened import FREE, SECRET, found, key, one, rows


def test_each_row_comes_back_with_what_was_found_in_its_order(screen):
    told = screen(
        'Name,E-Mail,note\nAnn, Ann <OUT@x.io>,"a, b"\n,free@x.io,\nZoe,new@nowhere.io,z\n'
    )
    assert [row["Name"] for row in told] == ["Ann", "", "Zoe"]
    assert told[0]["note"] == "a, b"
    assert found(told[0]) == (
        "no", "unsubscribed; complained", "unsubscribed; no_spam", "", "known",
    )  # fmt: skip
    assert found(told[1]) == FREE
    assert found(told[2]) == ("yes", "", "", "", "unknown")


def test_what_holds_now_and_here_alone_counts(screen):
    assert one(screen, "sms@x.io") == FREE
    day = ("--at", "2026-06-10T20:00:00Z")  # by every clock of the country
    assert one(screen, "sms@x.io", "--channel", "sms", *day)[:2] == ("no", "unsubscribed")
    assert one(screen, "past@x.io") == FREE
    assert one(screen, "later@x.io") == FREE


def test_several_caps_hold_until_the_last_of_them(screen):
    assert one(screen, "capped@x.io") == (
        "no", "capped; capped", "monthly; weekly", "2026-06-15T12:00:00Z", "known",
    )  # fmt: skip


def test_a_scope_is_about_all_of_its_parts(screen):
    assert one(screen, "topic@x.io", "--topic", "News")[2] == "newsy"
    assert one(screen, "topic@x.io", "--topic", "sale")[2] == "others"
    assert one(screen, "topic@x.io")[2] == "others"


def test_what_was_bought_speaks_against_what_is_offered(screen):
    assert one(screen, "jeans@x.io") == FREE
    assert one(screen, "jeans@x.io", "--sku", "jeans")[2] == "bought"
    assert one(screen, "jeans@x.io", "--sku", "jeans", "--sku", "mat")[2] == "bought"
    three = ("--sku", "jeans", "--sku", "mat", "--sku", "lamp")
    assert one(screen, "jeans@x.io", *three) == FREE  # a third of it, and the rule asks for half


def test_of_a_category_each_product_counts_that_is_offered(screen):
    """The rule asks for half; nobody knows of mats, and toys are no product's."""
    cars = ("--sku", "truck", "--sku", "ev", "--sku", "mat")
    others = ("--sku", "jeans", "--category", "toys")
    assert one(screen, "cars@x.io", *cars, *others)[2] == "bought"
    assert one(screen, "cars@x.io", *cars[2:], *others)[2:] == FREE[2:]
    named = ("--category", "cars", "--category", "clothes")
    assert one(screen, "cars@x.io", *named)[2] == "bought"
    assert one(screen, "cars@x.io", *named, *others[2:]) == FREE


def test_an_attribute_of_products_is_looked_up(screen):
    assert one(screen, "fuel@x.io", "--sku", "truck")[2] == "no trucks"
    assert one(screen, "fuel@x.io", "--sku", "ev") == FREE
    assert one(screen, "fuel@x.io", "--sku", "jeans") == FREE


def test_a_receipt_is_held_by_its_own_purpose_alone(screen):
    assert one(screen, "out@x.io", "--purpose", "transactional") == FREE
    assert one(screen, "receipts@x.io") == FREE
    assert one(screen, "receipts@x.io", "--purpose", "transactional")[1] == "no_consent"


def test_one_person_under_two_addresses_is_told_in_both_rows(screen):
    told = screen("email,customer_id,phone\nfree@x.io,17,\n,17,\n,,(202) 555-0143\nout@x.io,,\n")
    assert [row["allowed"] for row in told] == ["no", "no", "yes", "no"]


def test_a_dead_address_is_not_written_to_though_its_person_is(screen):
    assert one(screen, "new@x.io") == FREE
    assert one(screen, "old@x.io") == ("no", "bounced", "bounced", "", "known")


def test_nothing_is_sent_where_nothing_arrives_whatever_it_is(screen):
    """What a bounce says of a person is about marketing; an address that is dead is dead."""
    for purpose in ("marketing", "transactional"):
        told = ("--purpose", purpose)
        assert one(screen, "old@x.io", *told) == ("no", "bounced", "bounced", "", "known")
        assert one(screen, "dead@x.io", *told) == ("no", "bounced", "bounced", "", "known")
        assert one(screen, "revived@x.io", *told) == FREE
        assert one(screen, "dead@x.io", *told, "--channel", "push") == FREE
    assert one(screen, "new@x.io", "--purpose", "transactional") == FREE


def test_two_columns_of_one_type_are_both_read(screen):
    text = "email,email,n\nfree@x.io,out@x.io,1\nout@x.io,,2\n,free@x.io,3\nfree@x.io,free@x.io,4\n"
    told = screen(text, "--out", "told.csv", "--json")
    assert json.loads(told.stdout)["withheld"] == 2
    lines = [line.split(",") for line in Path("told.csv").read_text().splitlines()]
    assert lines[0][:4] == ["email", "email", "n", "tactful_allowed"]
    assert [line[2:4] for line in lines[1:]] == [
        ["1", "no"],
        ["2", "no"],
        ["3", "yes"],
        ["4", "yes"],
    ]
    assert Path("told.csv").stat().st_mode & 0o777 == 0o600
    again = screen("E-Mail,email\nfree@x.io,out@x.io\n")
    assert [row["allowed"] for row in again] == ["no"]
    named = screen("E-Mail,email\nfree@x.io,out@x.io\n", "--column", "email=E-Mail")
    assert [row["allowed"] for row in named] == ["yes"]


def test_a_row_of_two_numbers_waits_for_both_their_mornings(screen):
    """In London it is 21:30 in summer, in New York the afternoon."""
    late = ("--channel", "sms", "--at", "2026-06-10T20:30:00Z")
    text = "phone,mobile\n+1 202 555 0100,\n+1 202 555 0100,+33 1 99 00 12 34\n"
    told = screen(text, *late)
    assert told[1]["reason"] == "quiet_hours"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("email,n\na@x.io\nb@x.io,c,d\n", "its line 2 has 1 field where its header has 2 fields"),
        ('email,n\na@x.io,1\n"b@x.io\nc@x.io,1\n', "its line 4 has 1 field where its header"),
        ("a@x.io\nb@x.io\n", "its first line is no header"),
        ("a@x.io,1\nb@x.io\n", "its line 2 has 1 field where its header has 2 fields"),
    ],
)
def test_a_list_of_which_no_row_can_be_told_apart_names_nobody(screen, text, why):
    """Where a quote is open nobody knows where its row ends."""
    told = screen(text, code=2)
    assert why in " ".join(told.output.split())
    assert "@x.io" not in told.output


def test_a_ragged_row_is_told_by_its_line_and_all_others_are_screened(screen):
    text = "email,n,n\nout@x.io,1,2\nfree@x.io\n\nx,1,2,extra\nfree@x.io,3,,\nout@x.io,5,\n,,,,\n"
    told = json.loads(screen(text, "--out", "told.csv", "--json").stdout)
    counts = {"rows": 6, "allowed": 1, "withheld": 5, "unknown": 0}
    assert told == {**told, **counts}
    assert told["reasons"] == {"ragged": 2, "not_identified": 1, "unsubscribed": 2, "complained": 2}
    back = "withheld, and not among the rows that come back."
    assert told["notes"] == [
        f"Line 3 has 1 field where its header has 3 fields: {back}",
        f"Line 5 has 4 fields where its header has 3 fields: {back}",
    ]
    lines = [line.split(",") for line in Path("told.csv").read_text().splitlines()]
    assert [line[:4] for line in lines] == [
        ["email", "n", "n", "tactful_allowed"],
        ["out@x.io", "1", "2", "no"],
        ["free@x.io", "3", "", "yes"],
        ["out@x.io", "5", "", "no"],
        ["", "", "", "no"],
    ]
    shown = " ".join(screen(text, "--out", "told.csv").output.split())
    assert "2 rows withheld: ragged" in shown and "Line 5 has 4 fields" in shown


def test_a_row_that_is_ragged_far_down_is_told(screen):
    text = "email,n\n" + "free@x.io,b\n" * 30_000 + "x1@x.io,extra,more\n" * 30
    told = json.loads(screen(text, "--out", "told.csv", "--json").stdout)
    assert (told["rows"], told["allowed"], told["reasons"]) == (30_030, 30_000, {"ragged": 30})
    assert told["notes"][0].startswith("Line 30002 has 3 fields where its header has 2 fields:")
    assert told["notes"][-1].startswith("So are 10 more")
    assert len(told["notes"]) == 21


def test_a_category_that_no_product_has_is_told(screen):
    options = ("--category", "Clothes", "--category", "cars", "--brand", "Nobody", "--out", "o.csv")
    told = json.loads(screen("email\nfree@x.io\n", *options, "--json").stdout)
    assert told["notes"] == [
        "No product has the category Clothes; there is clothes, and they are compared as written.",
        "No product has the brand Nobody.",
    ]
    skus = ("--sku", "boots", "--sku", "bots", "--out", "o.csv", "--json")
    assert json.loads(screen("email\nfree@x.io\n", *skus).stdout)["notes"] == [
        "No product is bots: its category, brand and season are unknown."
    ]
    assert "No product has the brand Nobody." in " ".join(
        screen("email\nfree@x.io\n", *options).output.split()
    )


def test_who_cannot_be_told_apart_is_left_alone(screen):
    assert one(screen, "desk@x.io") == ("no", "shared", "", "", "shared")
    assert one(screen, "no address") == ("no", "not_identified", "", "", "nobody")
    told = screen("email,customer_id\nunknown,\n,\ndesk@x.io,17\n")
    assert [row["known"] for row in told] == ["nobody", "nobody", "known"]


def test_ads_need_consent(screen):
    assert one(screen, "asked@x.io", "--channel", "ad") == FREE
    refused = ("no", "no_consent", "consent.default", "")
    assert one(screen, "free@x.io", "--channel", "ad") == (*refused, "known")
    assert one(screen, "new@nowhere.io", "--channel", "ad") == (*refused, "unknown")
    silent = ("--channel", "ad", "--set", "consent.default=opt_out")
    assert one(screen, "free@x.io", *silent) == FREE
    here = ("--channel", "ad", "--set", "consent.US.default=opt_out")
    assert one(screen, "free@x.io", *here) == FREE
    assert one(screen, "past@x.io", *here) == (*refused, "known"), "nobody knows where"
    assert one(screen, "free@x.io", *silent, "--set", "consent.US.default=opt_in")[0] == "no"
    assert one(screen, "free@x.io", *silent, "--set", "consent.DE.default=opt_in") == FREE


def test_nobody_is_texted_at_night(screen):
    """By the clock where they live; of whom nobody knows where, by all of their country's."""
    people = "email,phone\nfree@x.io,\npast@x.io,\n,+33 1 99 00 12 34\n"
    # 8:00 in New York and 2:00 on Hawaii; then 18:30 and 12:30, but half past midnight in Paris.
    early = ("--channel", "sms", "--at", "2026-06-10T12:00:00Z")
    late = ("--channel", "sms", "--at", "2026-06-10T22:30:00Z")
    told = {
        moment[3]: [(row["reason"], row["until"]) for row in screen(people, *moment)]
        for moment in (early, late)
    }
    quiet = "quiet_hours"
    assert told == {
        early[3]: [(quiet, "2026-06-10T19:00:00Z"), (quiet, "2026-06-10T13:00:00Z"), ("", "")],
        late[3]: [("", ""), ("", ""), (quiet, "2026-06-11T06:00:00Z")],
    }
    assert one(screen, "free@x.io", *early, "--purpose", "transactional") == FREE
    assert one(screen, "free@x.io", "--channel", "email", *early[2:]) == FREE
    sunday = ("--channel", "sms", "--at", "2026-06-14T15:00:00Z")
    assert one(screen, "free@x.io", *sunday)[3] == "2026-06-15T19:00:00Z"


def test_a_campaign_is_looked_up_else_told(screen):
    assert one(screen, "out@x.io", "summer")[0] == "no"
    told = screen("email\nout@x.io\n", "--channel", "fax", code=2)
    assert "--channel fax is none; allowed: email" in told.output


def test_a_campaign_of_no_channel_is_refused(screen, shop, tmp_path):
    Path("list.csv").write_text("email\nout@x.io\n", encoding="utf-8")
    for campaign, why in (
        ("vague", "it names no channel there"),
        ("new", "it is not in the table"),
    ):
        told = CliRunner().invoke(
            cli.app, ["screen", campaign, "list.csv", "--conf", str(shop / "my.toml")]
        )
        assert told.exit_code == 2
        assert f"Nobody says on which channel {campaign} goes out: {why}" in told.output


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_rows_are_written_beside_for_their_owner_alone(screen, form):
    lines = '{"email": "out@x.io", "n": 1}\n{"email": "free@x.io", "n": 2}\n'
    out = Path(f"told.{form}")
    told = screen(lines, "--out", str(out), "--json", name="list.jsonl")
    assert json.loads(told.stdout)["withheld"] == 1
    assert json.loads(told.stdout)["reasons"] == {"unsubscribed": 1, "complained": 1}
    assert out.stat().st_mode & 0o777 == 0o600
    if form == "csv":
        assert [row["allowed"] for row in rows(out.read_text())] == ["no", "yes"]
        again = screen(None, "--out", "again.csv", name="told.csv")
        assert "1 row withheld: unsubscribed" in again.stdout
        assert Path("again.csv").read_text() == out.read_text()
    assert sorted(path.name for path in Path().iterdir() if path.name.startswith(".")) == []


def test_the_lake_is_not_written_and_the_list_stays(screen, shop):
    before = {path: path.stat().st_mtime_ns for path in (shop / "lake").rglob("*")}
    text = "email\nout@x.io\n"
    for out, why in (
        ("list.csv", "is the list itself"), (shop / "lake" / "x.csv", "lies in the lake"),
        ("x.xlsx", "has to end in .csv"), ("none/x.csv", "There is no folder"),
    ):  # fmt: skip
        assert why in screen(text, "--out", str(out), code=2).output
    screen(text)
    assert {path: path.stat().st_mtime_ns for path in (shop / "lake").rglob("*")} == before


def test_another_secret_or_no_published_lake_is_refused(screen, shop, monkeypatch, tmp_path):
    monkeypatch.setenv("TACTFUL_SECRET", "another secret of another lake")
    assert "lake.secret is not the one" in screen("email\nout@x.io\n", code=2).output
    monkeypatch.setenv("TACTFUL_SECRET", SECRET)
    elsewhere = ("--set", f"lake.location={tmp_path / 'none'}")
    assert "There is no lake at" in screen("email\nout@x.io\n", *elsewhere, code=2).output


def test_identifiers_are_keyed_as_those_of_events_are(shop, monkeypatch):
    """Against the oracle: every spelling of a list, and what cannot be one."""
    config = load(shop / "my.toml", environ={"TACTFUL_SECRET": SECRET})
    keyed = Keyed(config.identity, SECRET.encode())
    known = Normaliser(oracle_config({}), SECRET.encode())
    told = {
        "email": ("Ann@X.io ", "ann x@x.io", "a@b", "a@b.c\n", "\u200bann@x.io", "unknown", ""),
        "email_sha256": ("AB" * 32, "ab", "0" * 64),
        "phone": ("(202) 555-0143", "0000", "+44 20 7946 0018", "12"),
        "customer_id": (" 17\u200b", "null", "0-0", "A b"),
    }
    for kind, values in told.items():
        for value in values:
            expected = [one.key for one in known.read([{"type": kind, "value": value}]).valid]
            assert [k for _, k in keyed.of_all([[(kind, value)]])[0][0]] == expected, (kind, value)


def test_a_hundred_thousand_rows_take_seconds(screen):
    """Not a bound of the machine's: a row that costs a query would take minutes."""
    text = "email\n" + "".join(f"u{n}@x.io\n" for n in range(100_000)) + "out@x.io\n"
    begun = time.process_time()
    told = json.loads(screen(text, "--json").stdout)
    assert (told["rows"], told["withheld"], told["unknown"]) == (100_001, 1, 100_000)
    assert time.process_time() - begun < 60
    assert os.listdir() == ["list.csv"]


def test_the_control_group_of_a_campaign_is_not_written_to(screen):
    """Drawn before, or as a plan would draw it now; who is in both arms hears nothing, too."""
    assert one(screen, "free@x.io", "tried") == ("no", "holdout", "holdout", "", "known")
    assert one(screen, "jeans@x.io", "tried") == FREE
    assert one(screen, "new@x.io", "tried")[1] == "contaminated"
    assert one(screen, "free@x.io", "tried", "--purpose", "transactional") == FREE
    assert one(screen, "free@x.io") == FREE
    strangers = [f"{n}@nowhere.io" for n in range(40)]
    told = screen("email\n" + "\n".join(strangers) + "\n", "tried")
    found = {who: row["reason"] for who, row in zip(strangers, told, strict=True)}
    assert {who for who, reason in found.items() if reason == "holdout"} == {
        who for who in strangers if drawn(SECRET.encode(), "tried", key("email", who)) < 0.5
    }
    assert 8 < sum(reason == "holdout" for reason in found.values()) < 32


def test_what_does_not_fit_where_somebody_is_now(screen):
    """In June winter boots fit in Sydney, and nowhere north; where a stranger is nobody knows."""
    boots = ("--sku", "boots")
    assert one(screen, "south@x.io", *boots) == FREE
    december = "2026-12-01T00:00:00Z"
    fits_not = ("no", "out_of_context", "fitting", december, "known")
    assert one(screen, "north@x.io", *boots) == fits_not
    nowhere = ("no", "out_of_context", "fitting", "", "known")
    assert one(screen, "free@x.io", *boots) == nowhere, "whose season nobody knows"
    assert one(screen, "stranger@x.io", *boots)[:3] == fits_not[:3]
    assert one(screen, "north@x.io", *boots, "--purpose", "transactional") == FREE
    # Of two products one is enough; of a place nobody knows when it is another.
    assert one(screen, "north@x.io", "--sku", "surf") == nowhere
    assert one(screen, "south@x.io", "--sku", "surf", "--sku", "jeans") == FREE
    assert one(screen, "north@x.io", *boots, "--sku", "surf") == nowhere


def test_the_weather_there_counts_for_the_channels_of_the_check(screen):
    web = ("--channel", "web")
    assert one(screen, "north@x.io", *web) == FREE
    tomorrow = ("no", "out_of_context", "dry", "2026-06-10T14:00:00Z", "known")
    assert one(screen, "south@x.io", *web) == tomorrow
    assert one(screen, "south@x.io") == FREE


def test_of_whom_nobody_knows_a_yes_it_is_said_though_it_may_be_sent(screen):
    told = screen("email\nfree@x.io\nnew@nowhere.io\n", "--json")
    facts = json.loads(told.stdout)
    assert (facts["allowed"], facts["unasked"]) == (2, 2)
    assert facts["notes"] == []
    for more in (("--purpose", "transactional"), ("--set", "consent.default=opt_out")):
        told = screen("email\nfree@x.io\n", "--json", *more)
        assert json.loads(told.stdout)["unasked"] == 0

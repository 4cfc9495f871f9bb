"""explain: who is meant, in words that do nothing to a terminal, of one version of a lake."""

from __future__ import annotations

import json
import time
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from tactful.jobs import cli
from tactful.jobs.why.texts import DID, event_words, visible
from tactful.jobs.why.withheld import suppression_words
from tactful.schemas.events import TYPES
from tactful.transforms.rules import RULES
from tests.jobs.commands.why_lake import (
    ANN,
    AS_OF,
    DEVICE,
    GONE,
    HOSTILE,
    at,
    event,
    key,
    publish,
    write_why_lake,
)
from tests.small_lake import write_table


@pytest.fixture
def explain(tmp_path, monkeypatch):
    """The command in a folder with a lake: exit code, and what it said."""
    write_why_lake(tmp_path)
    monkeypatch.chdir(tmp_path)

    def explain(*arguments: str, conf: str = "my.toml") -> tuple[int, str]:
        told = CliRunner().invoke(cli.app, ["explain", *arguments, "--conf", conf])
        return told.exit_code, told.stdout + told.stderr

    return explain


def test_everything_of_a_customer_is_told(explain):
    code, text = explain(" ANN@x.io ")
    assert code == 0
    for said in (
        f"ANN@x.io is {ANN}, as of 1 March 2026, 00:00 UTC",
        "linked: email ann@x.io - customer_id 17: both stand in clicks:c1",
        "device_id tab (shared since 9 February 2026, 00:00)",
        "email till@x.io, in clicks:c7: it was seen with 900 other identifiers, so it links nobody",
        "customer_id unknown, in clicks:c7: its value stands for nobody",
        f"merge: {GONE} → {ANN}",
        "3 suppressions in force",
        "bought_it (purchased): no sku S1 by every channel, from 10 February 2026, 00:00 until "
        "12 March 2026, 00:00",
        "because: 10 February 2026, 00:00: ordered S1 for 12.50 GBP (order o1) [purchases:b1]",
        "what would lift it: giving back all that was bought of it (order_cancelled, ",
        "lifted by: not in the timeline [purchases:r1]",
        "email_weekly: 1 of 2 used; the next is allowed now",
        "message m1, sent 20 February 2026, 00:00: bought_it would have stopped it: bought the "
        "same product in the 30 days before",
        "crm_list, audience bought_it: held by 1 identifier",
        "crm_list was asked to add them in audience bought_it (accepted; below_minimum; in effect "
        "there by 12 February 2026, 00:00)",
        "4 events, 10 February 2026, 00:00 to 26 February 2026, 00:00",
    ):
        assert said in text, said
    assert "bob@x.io" not in text
    assert "in audience bought_it (rejected; no such person)" in explain("bob@x.io")[1]


def test_what_is_said_next_and_what_lost_to_it(explain):
    code, text = explain("ann@x.io")
    assert code == 0
    open_, _, ended = text[text.index("What is planned") :].partition("What became of other plans")
    for said in (
        "5 open plans",
        "hello by email (c1): to be said on 1 March 2026, 09:00",
        "cart_reminder, step 2, by email: lost: between two such messages lie at least 20 hours; "
        "it could be said on 2 March 2026, 05:00 as things stand",
        "its place has: hello by email, planned for 1 March 2026, 09:00",
        "because: 10 February 2026, 00:00: ordered S1 for 12.50 GBP (order o1) [purchases:b1]",
        "what would lift it: it takes its place when what has that is withdrawn",
        "cart_reminder, step 2, by sms: suppressed: nothing is known by which they are reached by "
        "sms",
        "cart_reminder, step 3, by email: suppressed: bought_it forbids it (purchased)",
        "held back until 12 March 2026, 00:00",
        "what would lift it: giving back all that was bought of it",
        "hello by push: suppressed: they never answer push, and are tried on another channel",
    ):
        assert said in open_, said
    assert open_.index("hello by email") < open_.index("step 2"), "what is said next comes first"
    for said in (
        ": 2 plans",
        "cart_reminder by email: handed over on 23 February 2026, 00:00",
        "cart_reminder by sms: withdrawn: the customer ordered",
    ):
        assert said in ended, said
    assert "What is planned" not in explain("bob@x.io")[1]


def test_the_arm_of_each_experiment_is_told(explain):
    text = explain("ann@x.io")[1]
    for said in (
        "In experiments: 2 campaigns",
        "campaign spring, since 5 February 2026, 00:00: in its control group, which hears nothing",
        "campaign summer, since 6 February 2026, 00:00: they were two customers, one in each arm",
    ):
        assert said in text, said
    assert "campaign spring, since 8 February 2026, 00:00: among those" in explain("bob@x.io")[1]
    then = json.loads(explain("ann@x.io", "--at", at(21).isoformat(), "--json")[1])["experiments"]
    assert [row["arm"] for row in then["rows"]] == ["test", "control"]
    assert "In experiments" not in explain("M-6")[1]


def test_what_is_said_next_may_be_newer_than_the_other_tables(explain, tmp_path):
    """A day behind: the cart was left after the timeline was published, and bought back since."""
    lake, later = tmp_path / "lake", AS_OF + timedelta(hours=19)
    cart = {**event(None, "clicks", "add_to_cart", "late", 1), "occurred_at": later, "sku": "S9",
            "event_class": "intent", "anchor_key": key("a"), "batch_id": 2}  # fmt: skip
    old = {**cart, "event_id": "old", "batch_id": 1}
    write_table(lake, "_log/timeline", [cart, old])
    plan = {"activation_id": "x", "person_id": ANN, "policy": "cart_reminder", "channel": "email",
            "action": "cart_reminder:1", "outcome": "suppressed", "reason": "bought_it",
            "is_shadow": False, "is_final": False, "lost_to": [], "decided_at": later,
            "evidence": ["clicks:late", "clicks:old"]}  # fmt: skip
    write_table(lake, "activations", [plan], mode="append")
    write_table(lake, "suppressions", [], mode="overwrite")
    publish(lake)
    code, text = explain("ann@x.io")
    assert code == 0
    for said in (
        f"{ANN}, as of 1 March 2026, 00:00 UTC",
        "6 open plans, as of 1 March 2026, 19:00",
        "because: 1 March 2026, 19:00: put into the cart S9 [clicks:late]",
        # What a batch before took in stands in the timeline, or nowhere.
        "because: not in the timeline [clicks:old]",
        "what would lift it: giving back all that was bought of it",
    ):
        assert said in text, said
    then = (AS_OF + timedelta(hours=1)).isoformat()
    facts = json.loads(explain("ann@x.io", "--at", then, "--json")[1])
    assert all(row["evidence"][0]["event"] != "clicks:late" for row in facts["plans"]["rows"])


def test_a_plan_is_told_as_it_was_recorded_then(explain):
    code, text = explain("ann@x.io", "--at", at(21, 12).isoformat(), "--json")
    assert code == 0
    [plan] = json.loads(text)["plans"]["rows"]
    assert (plan["policy"], plan["outcome"], plan["emitted_at"]) == (
        "cart_reminder",
        "chosen",
        None,
    )
    assert plan["send_at"] == "2026-02-23T00:00:00Z"
    assert plan["would_lift"] == "what withdraws it at once: the customer ordered"
    assert (
        json.loads(explain("ann@x.io", "--at", at(20).isoformat(), "--json")[1])["plans"][
            "all_count"
        ]
        == 0
    )


def test_a_cap_of_a_calendar_is_counted_at_an_earlier_moment(explain, tmp_path):
    """By the clock of the business, since nobody knows where she lives: an hour ahead of UTC."""
    caps = (
        "[business]\ntime_zone = 'Europe/Berlin'\n"
        "[[caps]]\nname = 'monthly'\nlimit = 1\ncalendar = 'month'\n"
        "[[caps]]\nname = 'newsy'\nlimit = 1\ncalendar = 'month'\ntopics = ['news']\n"
        "[[caps]]\nname = 'sales'\nlimit = 1\ncalendar = 'month'\ntopics = ['summer sale']\n"
    )
    conf = tmp_path / "calendar.toml"
    conf.write_text((tmp_path / "my.toml").read_text(encoding="utf-8") + caps, encoding="utf-8")
    code, text = explain(ANN, "--at", at(25).isoformat(), conf="calendar.toml")
    assert code == 0, text
    assert "monthly: 1 or more of 1 used; the next is allowed on 28 February 2026, 23:00" in text
    assert "newsy" not in text
    assert "sales: 1 or more of 1 used" in text, "its campaign says what the message is about"
    assert "monthly" not in explain(ANN, "--at", at(19).isoformat(), conf="calendar.toml")[1]


def test_a_message_is_explained(explain):
    code, text = explain("m1")
    assert code == 0
    assert "It should not have been sent" in text
    assert "email_weekly: 1 of 2 used" in text
    assert explain("customer_id:18", "--message", "m1") == (
        1, f"error: The message m1 was not sent to customer_id:18 but to {ANN}.\n",
    )  # fmt: skip
    code, text = explain("ann@x.io", "--message", "m2")
    assert code == 0 and "Nothing spoke against it" in text


def test_what_others_wrote_does_nothing(explain):
    for more in ((), ("--json",)):
        code, text = explain("ann@x.io", *more)
        assert code == 0
        assert not set(text) & set("\x1b\x07\u202e\x9b")
    facts = json.loads(text)
    values = {one["value"] for one in facts["identity"]["identifiers"]}
    assert HOSTILE in values
    assert r"a\x1b]0;gone\x07<script>" in explain("ann@x.io")[1]
    assert explain(HOSTILE)[0] == 0
    code, text = explain("nobody\x1b[31m")
    assert (code, "\x1b" in text) == (1, False)
    assert visible("a\nb\u200bc d") == r"a\x0ab\u200bc d"


def test_a_value_of_several_types_is_asked_about(explain):
    code, text = explain("17")
    assert code == 1
    assert "17 may be several: customer_id:17 (p_" in text and "loyalty_id:17" in text
    assert explain("customer-id:17")[1].startswith(f"customer-id:17 is {ANN}")
    assert explain("M-6")[0] == 0 and explain("m-6")[0] == 1
    assert explain("(202) 555-0123")[1].startswith(f"(202) 555-0123 is {ANN}")


def test_who_is_nobody_is_said(explain):
    assert explain("ann@x.oi") == (
        1, "error: Nobody in this lake is known by ann@x.oi; did you mean email:ann@x.io?\n",
    )  # fmt: skip
    assert "nor by anything that is spelled nearly so" in explain("zzzzzzzzzzzz")[1]
    code, text = explain("till@x.io")
    assert code == 0 and "It is a hub and stands for nobody: it was seen with 900" in text
    assert "It is blocked" in explain("UNKNOWN".lower())[1]
    code, text = explain(f"p_{'0' * 32}")
    assert code == 1 and "it is of another lake, or of somebody who was forgotten" in text
    assert explain("  ")[0] == 1
    assert explain("person:ann")[0] == 1


def test_of_what_is_nobodys_it_is_told_who_holds_it_and_what_closed_it(explain, tmp_path):
    before = explain("till@x.io")[1]
    assert "Who holds it" not in before and "What destinations were told" not in before
    held = {"destination": "crm_list", "audience": "bought_it", "identifier_key": key("4"),
            "member_key": key("4"), "is_member": True, "batch_id": 1}  # fmt: skip
    told = {"destination": "crm_list", "audience": "bought_it", "operation": "add",
            "identifier_keys": [key("4")], "record_id": "9", "payload": "{}",
            "emitted_at": at(20), "batch_id": 1}  # fmt: skip
    closed = {"suppression_id": "9", "person_id": f"a_{key('4')}", "policy": "unsubscribed",
              "reason": "unsubscribed", "channels": ["email"], "starts_at": at(20), "scope": [],
              "evidence": ["profiles:w2"]}  # fmt: skip
    for name, row in (("_log/memberships", held), ("records", told), ("suppressions", closed)):
        write_table(tmp_path / "lake", name, [row], mode="append")
    publish(tmp_path / "lake", batch=2)
    text = explain("till@x.io")[1]
    assert "Who holds it: 1 audience" in text and "What destinations were told: 1 record" in text
    assert "What must not be said by it: 1 suppression in force" in text


def test_what_waits_for_a_gate_is_said_beside_what_is_planned(explain, tmp_path):
    state = json.loads((tmp_path / "lake/_lake.json").read_text())
    state["quality_gate"] = {"customers": "expect_x of orders"}
    (tmp_path / "lake/_lake.json").write_text(json.dumps(state))
    conf = tmp_path / "my.toml"
    assert "nothing new is said" not in explain("ann@x.io")[1]
    conf.write_text(f"{conf.read_text()}[quality]\nhold = 'speech'\n")
    text = explain("ann@x.io")[1]
    assert 'By quality.hold = "speech" nothing new is said while table customers fails' in text


def test_a_moment_that_has_not_come_is_refused(explain):
    code, text = explain("ann@x.io", "--at", "2999-01-01T00:00:00Z")
    assert code == 1 and "--at 1 January 2999, 00:00 has not come" in text


def test_a_former_person_id_leads_to_what_it_became(explain):
    code, text = explain(GONE)
    assert code == 0
    assert f"{GONE} became {ANN} in the run as of 3 February 2026, 00:00 (merge" in text
    assert f"It was made for the phone +12025550123, whose person is now {ANN}." in text
    assert "3 suppressions in force" in text


def test_a_shared_device_is_nobodys(explain):
    code, text = explain("tab")
    assert code == 0
    assert "since 9 February 2026, 00:00 what happens on it is nobody's" in text
    code, text = explain(DEVICE)
    assert code == 0
    assert "is a device that is nobody's" in text and "[clicks:v1]" in text


def test_a_path_leads_between_two_or_it_is_said_why_not(explain):
    code, text = explain("ann@x.io", "phone:+12025550123")
    assert code == 0
    assert [line.split(":")[0].strip() for line in text.splitlines()[1:]] == [
        "email ann@x.io - customer_id 17", "customer_id 17 - phone +12025550123",
    ]  # fmt: skip
    code, text = explain("ann@x.io", "bob@x.io")
    assert code == 0 and "are not one customer" in text
    assert "device_id tab: several customers share it" in text
    assert "customer_id 17 - device_id tab: both stand in clicks:c4" in text
    assert "No chain of up to 8 events" in explain("ann@x.io", "loyalty_id:17")[1]
    assert "are one identifier" in explain("ann@x.io", "ANN@X.IO")[1]
    assert explain("ann@x.io", "m1")[0] == 1
    assert explain("ann@x.io", "bob@x.io", "--message", "m1")[0] == 2


def test_an_earlier_moment_is_answered_for(explain):
    code, text = explain("ann@x.io", "--at", "2026-02-21T00:00Z")
    assert code == 0
    assert "2 suppressions in force" in text
    assert "in force then; lifted afterwards, on 24 February 2026, 00:00" in text
    assert "email_weekly: 1 of 2 used" in text
    assert "2 events" in text and "m2" not in text
    code, text = explain("ann@x.io", "--at", "2026-02-26T00:00Z")
    assert (
        "email_weekly: 2 or more of 2 used; the next is allowed on 27 February 2026, 00:00" in text
    )
    code, text = explain("ann@x.io", "--at", "2020-01-01T00:00Z")
    assert code == 1 and "its oldest event is of 10 February 2026, 00:00" in text
    assert explain("ann@x.io", "--at", "2026-02-21")[0] == 2
    assert "lifted afterwards" not in explain("ann@x.io", "--at", "2027-01-01T00:00Z")[1]


def test_a_lake_without_tables_says_what_to_do(explain, tmp_path):
    (tmp_path / "lake/_published.json").unlink()
    code, text = explain("ann@x.io")
    assert code == 1 and "tactful run takes in what has landed and makes the tables" in text
    (tmp_path / "lake/_lake.json").unlink()
    code, text = explain("ann@x.io")
    assert code == 2 and "There is no lake at" in text


def test_a_lake_that_is_written_to_answers_as_it_was_published(explain, tmp_path):
    before = explain("ann@x.io", "--json")
    for name in ("suppressions", "timeline", "regrets", "pressure"):
        write_table(tmp_path / "lake", name, [], mode="overwrite")
    assert explain("ann@x.io", "--json") == before
    publish(tmp_path / "lake")
    assert "0 suppressions in force" in explain("ann@x.io")[1]
    # What a batch has emitted since is told when its tables are.
    later = {"destination": "crm_list", "operation": "remove", "identifier_keys": [key("1")],
             "record_id": "9", "payload": "{}", "emitted_at": at(28), "batch_id": 2}  # fmt: skip
    write_table(tmp_path / "lake", "records", [later], mode="append")
    assert "asked to remove" not in explain("ann@x.io")[1]
    publish(tmp_path / "lake", batch=2)
    assert "asked to remove" in explain("ann@x.io")[1]


def test_a_lake_may_lie_anywhere(explain, tmp_path):
    place = tmp_path / "day=1/[la]ke *'? %"
    place.parent.mkdir()
    (tmp_path / "lake").rename(place)
    code, text = explain("ann@x.io", "--lake", str(place))
    assert code == 0 and "3 suppressions in force" in text


def test_a_customer_of_very_many_events_is_told_by_pages(explain, tmp_path):
    many = [
        {**event(ANN, "clicks", "page_view", f"v{n:05}", 1), "occurred_at": at(1) + timedelta(0, n)}
        for n in range(50_000)
    ]
    write_table(tmp_path / "lake", "timeline", many, mode="append")
    publish(tmp_path / "lake")
    started = time.process_time()
    code, text = explain("ann@x.io", "--rows", "2", "--page", "3")
    assert time.process_time() - started < 10
    assert code == 0 and "50,004 events" in text
    assert [line.split("[")[-1] for line in text.splitlines()[-3:-1]] == [
        "clicks:v49999]", "clicks:v49998]",
    ]  # fmt: skip
    assert text.endswith("page 3 of 25,002; the next: --page 4\n")
    assert "there are only 25,002 pages" in explain("ann@x.io", "--rows", "2", "--page", "99999")[1]


def test_every_event_and_rule_has_words():
    assert set(DID) == {one for types in TYPES.values() for one in types}
    assert all(rule.lifts(None) for rule in RULES.values())


def test_what_was_paid_back_is_told_in_a_sentence():
    refund = {"type": "order_refunded", "amount": 100, "order_id": "o"}
    assert event_words(refund) == "was refunded for 100.00 (order o)"
    assert event_words({**refund, "skus": ["S1"]}) == "was refunded for S1 for 100.00 (order o)"
    assert event_words({"type": "order_paid", "order_id": "o"}) == "paid (order o)"


def test_an_opening_by_a_machine_is_told_as_such():
    opened = {"type": "opened", "message_id": "m"}
    assert event_words(opened) == "opened a message (message m)"
    by_machine = event_words({**opened, "is_by_machine": True, "channel": "email"})
    assert by_machine == "a message by email was opened by a machine (message m)"


def test_a_cap_names_every_message_that_it_counted():
    sent = [{"event": f"messages:s{n}", "occurred_at": None, "says": "was sent a message"}
            for n in range(2)]  # fmt: skip
    row = {
        "policy": "weekly", "reason": "capped", "about": "marketing messages", "channels": [],
        "starts_at": None, "ends_at": None, "was_lifted_later": False, "lifted_by": None,
        "would_lift": None, "cause": sent[0], "counted": sent,
    }  # fmt: skip
    told = [line for line in suppression_words(row) if line.startswith("because")]
    assert len(told) == 2 and "s0" in told[0] and "s1" in told[1]
    assert len(suppression_words({**row, "counted": []})) == 2


def test_what_was_handed_over_is_told_with_what_came_of_it(explain, tmp_path):
    """Withdrawn or not, said or not told, and a decision is found by its id."""
    lake = tmp_path / "lake"
    told = AS_OF - timedelta(hours=5)
    rows = [
        {"activation_id": name, "person_id": ANN, "policy": "cart_reminder", "channel": "email",
         "action": "cart_reminder:1", "outcome": outcome, "reason": reason, "is_shadow": False,
         "is_final": True, "lost_to": [], "evidence": [], "emitted_at": told,
         "send_at": AS_OF + timedelta(hours=hours), "decided_at": AS_OF}
        for name, outcome, reason, hours in (
            ("d" * 32, "withdrawn", "paused", 1), ("e" * 32, "chosen", None, -2),
            ("f" * 32, "chosen", None, 2),
        )
    ]  # fmt: skip
    write_table(lake, "activations", rows, mode="append")
    publish(lake)
    for letter, said in (
        ("d", "withdrawn on 1 March 2026, 00:00: its policy was paused before its moment; no"),
        ("e", "was to be said on 28 February 2026, 22:00; whether it was, its sender has not told"),
        ("f", "handed over on 28 February 2026, 19:00, to be said on 1 March 2026, 02:00"),
    ):
        text = explain(letter * 32)[1]
        assert "is a decision about" in text, text
        assert said in text[text.index("What was decided") : text.index("Who they are")], text

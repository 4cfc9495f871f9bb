"""Sending against doubles that misbehave: nothing is lost, nothing counts twice, all in order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from time import monotonic

import httpx2
import pytest

from tactful.jobs.demo.doubles import DOUBLES, SECRET, served
from tactful.jobs.sending.send import send, stopped_sentences
from tests.outboxes import KINDS, OutboxLake, rows_of

PEOPLE = [f"person{n}@example.com" for n in range(5)]
QUICK = {"patience": 0.001, "timeout": httpx2.Timeout(0.6)}
PASSING = ("429", "500", "408", "html", "drop", "half", "slow", "silent", "500 applied",
           "drop applied")  # fmt: skip


def a_lake(tmp_path, which: str, url: str) -> OutboxLake:
    """Five come, then two of them go and come again; one goes for good."""
    lake = OutboxLake(tmp_path / "lake")
    lake.add("d", which, url)
    lake.batch(0, "d", comes=PEOPLE)
    lake.batch(1, "d", comes=[], goes=PEOPLE[:3])
    lake.batch(2, "d", comes=PEOPLE[:2])
    lake.close()
    return lake


def sent(lake: OutboxLake, **more):
    return send(lake.config(), environ=lake.environ, **{**QUICK, **more})


def holds(which: str, double) -> set[str]:
    """Whom the vendor excludes in the end, in our words."""
    names = {sha256(email.encode()).hexdigest(): email for email in PEOPLE} | {
        email: email for email in PEOPLE
    }
    found = set()
    for who, value in double.held.items():
        values = value.values() if isinstance(value, dict) else [value]
        if all(
            one in (True, "yes", 1, "group", "USER_SUPPRESSED", "Unsubscribed") for one in values
        ):
            found.add(names[who])
    return found


WANTED = {PEOPLE[0], PEOPLE[1], PEOPLE[3], PEOPLE[4]}


@pytest.mark.parametrize("which", KINDS)
def test_what_misbehaves_for_a_while_is_told_all_the_same(tmp_path, which):
    double = DOUBLES[KINDS[which][0]]()
    # Each of the moods between two calls that go well.
    double.moods.extend(mood for one in PASSING for mood in (one, ""))
    with served(double) as url:
        lake = a_lake(tmp_path, which, url)
        turns = [sent(lake)["d"]]
        while turns[-1]["waiting"] and len(turns) < 5:
            turns.append(sent(lake)["d"])
    assert not double.faults
    assert holds(which, double) == WANTED
    if which == "webhook":
        assert set(double.held.values()) == {0, 1}, "each file counted once"
    states = rows_of(lake.folder, "delivery_states")
    assert sorted(row["name"] for row in states) == sorted(f["name"] for f in lake.deliveries)
    assert {row["state"] for row in states} == {"accepted"}
    assert sum(row["call_count"] for row in states) == len(double.asked)
    order = [row["name"] for row in sorted(states, key=lambda row: row["at"])]
    assert order == [file["name"] for file in lake.deliveries]
    if which == "meta":
        assert all((row["effective_by"] - row["at"]).total_seconds() == 86_400 for row in states)
    assert sent(lake)["d"]["accepted"] == 0, "what was told is not told again"


@pytest.mark.parametrize("which", ["klaviyo", "braze", "sendgrid", "sendgrid group", "webhook",
                                   "google", "meta"])  # fmt: skip
def test_rows_that_a_destination_refuses_do_not_harm_the_others(tmp_path, which):
    double = DOUBLES[KINDS[which][0]]()
    double.refuses = {PEOPLE[1], sha256(PEOPLE[1].encode()).hexdigest()}
    with served(double) as url:
        lake = OutboxLake(tmp_path / "lake")
        lake.add("d", which, url)
        lake.batch(0, "d", comes=PEOPLE)
        lake.close()
        turn = sent(lake)["d"]
    assert holds(which, double) == set(PEOPLE) - {PEOPLE[1]} and not double.faults
    assert (turn["accepted"], turn["rejected"], turn["refused_records"]) == (3, 0, 1)
    rows = rows_of(lake.folder, "delivery_rows")
    if which == "meta":
        assert not rows, "Meta counts them and does not say which"
    else:
        refused = next(r for r in lake.records if PEOPLE[1] in r["payload"]
                       or sha256(PEOPLE[1].encode()).hexdigest() in r["payload"])  # fmt: skip
        assert [(row["record_id"], row["state"]) for row in rows] == [
            (refused["record_id"], "rejected")
        ]


@pytest.mark.parametrize("which", ["klaviyo list", "braze group", "sendgrid group"])
def test_an_opt_out_made_at_the_vendor_is_never_opened_by_us(tmp_path, which):
    double = DOUBLES[KINDS[which][0]]()
    theirs = {"klaviyo list": "UNSUBSCRIBE", "braze group": "Unsubscribed"}.get(which, "group")
    double.held[PEOPLE[0]] = theirs
    with served(double) as url:
        lake = OutboxLake(tmp_path / "lake")
        lake.add("d", which, url)
        lake.batch(0, "d", comes=PEOPLE)
        lake.batch(1, "d", comes=[], goes=PEOPLE)
        lake.close()
        sent(lake)
    assert {who for who, value in double.held.items() if value == theirs} == {PEOPLE[0]}
    assert not double.faults
    if which != "klaviyo list":
        told = {row["state"] for row in rows_of(lake.folder, "delivery_rows")}
        assert told == {"closed_before", "kept_closed"}


def test_who_was_closed_there_by_an_imported_list_is_not_opened_by_us(tmp_path):
    double = DOUBLES["sendgrid"]()
    double.held[PEOPLE[0]] = "group"
    with served(double) as url:
        lake = OutboxLake(tmp_path / "lake")
        lake.add("d", "sendgrid group", url)
        lake.batch(0, "d", comes=PEOPLE[1:2])
        lake.batch(1, "d", comes=[], goes=PEOPLE[:2])
        lake.close()
        sent(lake)
    assert set(double.held) == {PEOPLE[0]}
    (row,) = rows_of(lake.folder, "delivery_rows")
    assert row["state"] == "kept_closed"


def test_one_that_is_down_stops_nobody_else_and_goes_on_in_order(tmp_path):
    up, down = DOUBLES["sendgrid"](), DOUBLES["klaviyo"]()
    down.moods.extend(["500"] * 5 + ["429 for long"])
    with served(up) as url, served(down) as other:
        lake = OutboxLake(tmp_path / "lake")
        lake.add("up", "sendgrid", url)
        lake.add("down", "klaviyo", other)
        for name in ("up", "down"):
            lake.batch(0, name, comes=PEOPLE)
            lake.batch(1, name, comes=[], goes=PEOPLE[:1])
        lake.close()
        turns = sent(lake)
        assert turns["up"]["accepted"] == 4 and turns["up"]["stopped"] is None
        assert turns["down"]["waiting"] == 4 and "500" in turns["down"]["stopped"]
        assert [*stopped_sentences(turns)] == ["down"]
        asked = len(down.asked)
        assert "429" in sent(lake)["down"]["stopped"]
        assert "left alone until" in sent(lake)["down"]["stopped"]
        assert len(down.asked) == asked + 1, "whoever asks for an hour is given an hour"
        later = sent(lake, now=lambda: datetime.now(UTC) + timedelta(hours=2))
        assert later["down"]["accepted"] == 4
    states = rows_of(lake.folder, "delivery_states")
    assert {row["state"] for row in states} == {"accepted"} and len(states) == 8


def test_what_cannot_be_told_for_a_week_is_given_up_and_may_be_tried_again(tmp_path):
    double = DOUBLES["sendgrid"]()
    double.moods.extend(["500"] * 15)
    with served(double) as url:
        lake = OutboxLake(tmp_path / "lake")
        lake.add("d", "sendgrid", url)
        lake.batch(0, "d", comes=PEOPLE[:1])
        lake.close()
        assert sent(lake)["d"]["waiting"] == 1
        late = datetime.now(UTC) + timedelta(days=8)
        assert sent(lake, now=lambda: late)["d"]["given_up"] == 1
        assert sent(lake)["d"] == {**sent(lake)["d"], "accepted": 0, "waiting": 0}
        double.moods.clear()
        assert sent(lake, again=True)["d"]["accepted"] == 1
    assert [row["state"] for row in rows_of(lake.folder, "delivery_states")].count("accepted") == 1


@pytest.mark.parametrize("mood", ["refused", "redirect"])
def test_a_bad_credential_or_a_redirect_stops_that_destination_and_tells_no_secret(
    tmp_path, mood, caplog, capfd
):
    double = DOUBLES["sendgrid"]()
    double.moods.append(mood)
    with served(double) as url:
        lake = a_lake(tmp_path, "sendgrid", url)
        turn = sent(lake)["d"]
        assert turn["waiting"] == len(lake.deliveries) and len(double.asked) == 1
        told = str(turn) + caplog.text + "".join(capfd.readouterr())
        written = "".join(
            path.read_text("utf-8", "replace")
            for path in (lake.folder / "sending").rglob("*") if path.is_file()
        )  # fmt: skip
        assert SECRET not in told + written and "example.com" not in told + written
        assert sent(lake)["d"]["accepted"] == len(lake.deliveries)


def test_nonsense_is_kept_without_what_names_anybody(tmp_path):
    double = DOUBLES["klaviyo"]()
    double.moods.extend(["html"] * 5)
    with served(double) as url:
        lake = a_lake(tmp_path, "klaviyo", url)
        stopped = sent(lake)["d"]["stopped"]
    assert stopped == "200 <html>… is off …</html>"


def test_a_private_host_is_refused_unless_it_may_be(tmp_path):
    double = DOUBLES["sendgrid"]()
    with served(double) as url:
        lake = a_lake(tmp_path, "sendgrid", url.replace("127.0.0.1", "localhost"))
        config = lake.config()
        entry = config.destinations[0].model_copy(update={"allow_private": False})
        closed = config.model_copy(update={"destinations": (entry,)})
        closed._bases = config._bases
        turn = send(closed, environ=lake.environ, **QUICK)["d"]
    assert "private network" in turn["stopped"] and not double.asked


def test_destinations_of_one_account_share_its_pace(tmp_path):
    """Klaviyo takes 2.5 calls a second of an account, and its double no more than that."""
    double, other = DOUBLES["klaviyo"](), DOUBLES["klaviyo"]()
    with served(double) as url, served(other) as apart:
        lake = OutboxLake(tmp_path / "lake")
        for name, at in (("one", url), ("two", url), ("else", apart)):
            lake.add(name, "klaviyo", at)
            lake.batch(0, name, comes=PEOPLE)
        lake.close()
        started = monotonic()
        turns = sent(lake, patience=0.5)
        spent = monotonic() - started
    assert {turn["accepted"] for turn in turns.values()} == {3}
    assert spent >= 5 * 0.5 / 2.5, "six calls have five gaps"
    assert max(other.at) - min(other.at) < 4 * 0.5 / 2.5 < max(double.at) - min(double.at)


def test_fifty_calls_a_second_go_out(tmp_path):
    """The pace is the double's limit, and no call is one too many."""
    double = DOUBLES["webhook"]()
    double.per_second = 60
    with served(double) as url:
        lake = OutboxLake(tmp_path / "lake")
        lake.add("d", "webhook", url)
        lake.batch(0, "d", comes=[f"p{n}@example.com" for n in range(120)])
        lake.close()
        started = monotonic()
        turn = sent(lake, patience=1.0)["d"]
        spent = monotonic() - started
    assert turn["accepted"] == 60 and not double.faults
    print(f"60 calls in {spent:.2f} s")

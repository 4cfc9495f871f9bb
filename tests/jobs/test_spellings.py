"""One mailbox, two spellings, two customers: at Google their hashes are one, and a no is a no."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.jobs.test_consent import DAY, MONDAY, Story, hashed, land_told, rows, told
from tests.landing import write_conf
from tests.product import Shop

DOTTED, PLAIN, PLUS = "z.seven.a@gmail.com", "ZSevenA@gmail.com", "zsevena+shop@gmail.com"
AT_GOOGLE = hashed("zsevena@gmail.com")


class Lake:
    """Dot buys as one spelling; Ann and Ned are other customers, known by the others."""

    def __init__(self, folder: Path, default: str) -> None:
        self.story = Story()
        self.shop = Shop(replace(self.story.world(default), events={}), folder)

    def dot_buys(self) -> None:
        self.story.buys("dot", emails=[DOTTED])

    def says(self, who: str, email: str, type_: str, day: float, **what: Any) -> None:
        at = MONDAY + day * DAY
        source = "mail" if type_ in ("unsubscribed", "subscribed") else "crm"
        self.story.tell(source, who, type_, at, emails=[email], **what)

    def run(self) -> None:
        """Run, and hold audiences to the oracle's."""
        land_told(self.shop, self.story)
        self.shop.decide()

    def told(self) -> list[str]:
        """What Google was told of the mailbox, in order."""
        ours = [r for r in rows(self.shop.lake, "records") if AT_GOOGLE in r["payload"]]
        assert {r["destination"] for r in ours} <= {"google"}
        return [r["operation"] for r in sorted(ours, key=lambda r: (r["batch_id"], r["position"]))]

    def dropped(self) -> set[tuple[str, str, str]]:
        dropped = rows(self.shop.lake, "_log/dropped_identifiers")
        return {(r["destination"], r["identifier_type"], r["reason"]) for r in dropped}


@pytest.mark.faults
def test_a_mailbox_leaves_google_when_anybody_who_has_it_says_no(spark, tmp_path: Path) -> None:
    lake = Lake(tmp_path, "opt_in")
    lake.dot_buys()
    lake.says("dot", DOTTED, "consent_granted", 1, channel="ad")
    # Who was never asked forbids nothing.
    lake.says("ann", PLAIN, "attribute_set", 1)
    lake.says("ned", PLUS, "attribute_set", 1)
    lake.run()
    assert lake.told() == ["add"]
    (first,) = (r for r in rows(lake.shop.lake, "records") if r["destination"] == "google")

    # She never bought anything: no audience ever wanted her.
    lake.says("ann", PLAIN, "consent_withdrawn", 2)
    lake.run()
    assert lake.told() == ["add", "remove"]
    assert lake.dropped() == {("google", "email", "refused_or_shared")}
    # Meta keeps the dots, so there both are two; a file is no ad network.
    assert [hashed(DOTTED) in payload for payload in told(lake.shop.lake, "meta")["add"]] == [True]
    assert told(lake.shop.lake, "meta")["remove"] == told(lake.shop.lake, "letters")["remove"] == []

    # One takes it back, and another one says no by another word: it stays away.
    lake.says("ned", PLUS, "unsubscribed", 3, channel="ad")
    lake.run()
    lake.says("ann", PLAIN, "consent_granted", 4)
    lake.run()
    assert lake.told() == ["add", "remove"]
    lake.says("ned", PLUS, "subscribed", 5, channel="ad")
    lake.run()
    assert lake.told() == ["add", "remove", "add"]
    # It comes back as it came: it is Dot's, with her consent.
    back = max(rows(lake.shop.lake, "records"), key=lambda r: r["batch_id"])
    same = ("destination", "person_id", "decision_id", "identifier_keys", "payload", "operation")
    assert {name: back[name] for name in same} == {name: first[name] for name in same}
    assert set(json.loads(back["payload"])["consent"].values()) == {"CONSENT_GRANTED"}
    lake.shop.publish()


@pytest.mark.faults
@pytest.mark.parametrize("default", ["opt_out", "opt_in"])
def test_a_mailbox_that_said_no_first_is_never_told(spark, tmp_path: Path, default: str) -> None:
    lake = Lake(tmp_path, default)
    lake.says("ann", PLAIN, "unsubscribed", 1, channel="all")
    lake.run()
    lake.dot_buys()
    if default == "opt_in":
        lake.says("dot", DOTTED, "consent_granted", 1, channel="ad")
    lake.run()
    assert lake.told() == []
    assert lake.dropped() == {("google", "email", "refused_or_shared")}
    # What nobody is to be told of is no member of any size.
    lake.says("ann", PLAIN, "subscribed", 2, channel="all")
    lake.run()
    assert lake.told() == ["add"]
    sizes = lake.shop.lake / "_checkpoints" / "fused" / "audiences"
    newest = json.loads(max(sizes.iterdir()).read_text("utf-8"))
    assert newest["google/bought_it"] == 1
    lake.shop.publish()


@pytest.mark.faults
@pytest.mark.parametrize("runs", ["one by one", "at once"])
def test_a_mailbox_stays_away_when_her_spelling_turns_shared(spark, tmp_path, runs: str) -> None:
    lake = Lake(tmp_path, "opt_out")
    tell = lake.story.tell

    def run() -> None:
        if runs == "one by one":
            lake.run()

    lake.dot_buys()
    tell("crm", "ann", "attribute_set", MONDAY + DAY, emails=[PLAIN])
    run()
    # She says no by her number alone, and then somebody else uses her address.
    tell("crm", "ann", "consent_withdrawn", MONDAY + 2 * DAY, emails=[], channel="ad")
    run()
    tell("crm", "ned", "attribute_set", MONDAY + 3 * DAY, emails=[PLAIN])
    lake.run()
    once = ["add", "remove"] if runs == "one by one" else []
    assert lake.told() == once
    # It is three customers' now, whatever one of them says.
    tell("crm", "ann", "consent_granted", MONDAY + 4 * DAY, emails=[], channel="ad")
    tell("crm", "dot", "consent_granted", MONDAY + 4 * DAY, emails=[], channel="ad")
    lake.run()
    assert lake.told() == once
    assert lake.dropped() == {("google", "email", "refused_or_shared")}
    # At Meta her spelling is another value than Dot's.
    assert [hashed(DOTTED) in payload for payload in told(lake.shop.lake, "meta")["add"]] == [True]
    lake.shop.publish()


@pytest.mark.faults
def test_a_network_that_comes_later_knows_what_was_said_before(spark, tmp_path: Path) -> None:
    lake = Lake(tmp_path, "opt_out")
    config = lake.shop.world.config
    destinations = config["destinations"]
    config["destinations"] = [d for d in destinations if d["name"] != "google"]
    lake.shop.conf = write_conf(config, tmp_path)
    # Ann says no by her number. Another mailbox is two customers' in its other spelling.
    lake.dot_buys()
    lake.story.tell("crm", "ann", "attribute_set", MONDAY + DAY, emails=[PLAIN])
    lake.story.tell("crm", "ann", "consent_withdrawn", MONDAY + DAY, emails=[], channel="ad")
    lake.story.buys("dan", emails=["d.an@gmail.com"])
    for who in ("eve", "finn"):
        lake.story.tell("crm", who, "attribute_set", MONDAY + DAY, emails=["dan@gmail.com"])
    lake.story.buys("gus")
    lake.run()
    config["destinations"] = destinations
    lake.shop.conf = write_conf(config, tmp_path)
    lake.run()
    assert lake.told() == []
    assert lake.dropped() == {("google", "email", "refused_or_shared")}
    (gus,) = told(lake.shop.lake, "google")["add"]
    assert hashed("gus@mail.example") in gus
    lake.shop.publish()


@pytest.mark.faults
def test_under_another_default_all_who_granted_bring_their_mailbox_back(spark, tmp_path) -> None:
    lake = Lake(tmp_path, "opt_out")
    tell, pairs = lake.story.tell, range(4)
    for n in pairs:
        one, other = f"m.{n}.box@gmail.com", f"m{n}box@gmail.com"
        lake.story.buys(f"one{n}", emails=[one])
        lake.story.buys(f"other{n}", emails=[other])
        lake.says(f"one{n}", one, "unsubscribed", 1, channel="all", named=False)
    lake.run()
    # Nobody had asked the others; now silence is no, and both of each pair say yes.
    lake.shop.world.config["consent"] = {"default": "opt_in"}
    lake.shop.conf = write_conf(lake.shop.world.config, tmp_path)
    for n in pairs:
        lake.says(f"one{n}", f"m.{n}.box@gmail.com", "subscribed", 2, channel="all", named=False)
        tell("crm", f"one{n}", "consent_granted", MONDAY + 3 * DAY, emails=[])
        tell("crm", f"other{n}", "consent_granted", MONDAY + 3 * DAY, emails=[])
    lake.run()
    added = told(lake.shop.lake, "google")["add"]
    counts = [sum(hashed(f"m{n}box@gmail.com") in payload for payload in added) for n in pairs]
    assert counts == [1, 1, 1, 1]
    lake.shop.publish()

"""From a word of the business on two identifiers to what manual_links says of it."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tactful.jobs.commands.importing import import_file
from tactful.jobs.commands.linking import lines, link
from tactful.jobs.commands.status import render, status
from tactful.jobs.errors import LinkRefused
from tactful.jobs.imports.link_list import say
from tactful.jobs.lake.lake import Lake
from tests.jobs.test_closings import ANN, BEN, DAY, Told
from tests.oracle.compare import read_tables

MAIL = (("email", "ann@x.io"),)
HASH = hashlib.sha256(b"ann@x.io").hexdigest()
UNSEEN = (("customer_id", "nobody yet"),)
UNCLEAR: tuple[Any, ...] = (
    (ANN,), (ANN, ANN), (ANN, (("fax", "1"),)), (ANN, BEN, MAIL), (ANN, (("phone", "12"),)),
)  # fmt: skip


class Words:
    """A lake that is told things, and by whom two are one customer."""

    def __init__(self, folder: Path) -> None:
        self.told = Told(folder)
        self.now = self.told.shop.world.as_of

    def say(self, who: str, other: str, days: float, **how: Any) -> str:
        asked = {"reason": "they told us", "author": "eve", "never": False, "withdraw": False}
        self.facts = link(
            self.told.shop.config(), who, other, at=self.now - days * DAY,
            on_progress=lambda _: None, **{**asked, **how},
        )  # fmt: skip
        return self.facts["event_id"]

    def warned(self) -> list[str]:
        """What was said of the last word beside that it landed."""
        return list(lines(self.facts))[1:]

    def bring(self, *rows: str, type_: str) -> dict[str, Any]:
        file = self.told.shop.folder / "pairs.csv"
        head = "type,value,other_type,other_value,reason,author,occurred_at"
        file.write_text("\n".join((head, *rows)) + "\n", "utf-8")
        how = {"audience": None, "channel": None, "at": self.now - 9 * DAY, "columns": ()}
        config = self.told.shop.config()
        return dict(import_file(config, file, type_=type_, **how, on_progress=lambda _: None))

    def manual_links(self) -> dict[str, dict[str, Any]]:
        rows = read_tables(self.told.shop.lake, ["manual_links"])["manual_links"]
        return {row["event_id"]: row for row in rows}

    def standing(self) -> list[str]:
        return sorted(row["kind"] for row in self.manual_links().values() if row["is_standing"])


def test_a_word_of_the_business_comes_to_stand_and_is_taken_back(spark, tmp_path: Path) -> None:
    words = Words(tmp_path)
    told = words.told
    told.login(9, ANN, MAIL)
    told.login(8, BEN)
    # Words that change nobody, one that is not yet said, and some that are no pair.
    told.say("crm", "always_link", 7, ANN, MAIL)
    told.say("crm", "link_withdrawn", 6, UNSEEN, MAIL)
    told.say("crm", "never_link", 7, MAIL, UNSEEN)
    told.say("crm", "always_link", -5, BEN, ANN)
    for unclear in UNCLEAR:
        told.say("crm", "always_link", 5, *unclear)
    told.shop.land(told.batch)
    # The withdrawal of the one arrives before what it takes back, that of the other after it.
    gone = words.say("customer_id:dee", "email:ann@x.io", 3, withdraw=True)
    said = words.say("customer_id:ben", "customer_id:cy", 4, never=True)
    brought = words.bring(
        "customer_id,cy,email,Ann <ann@x.io>,two numbers,zoe,", "customer_id,cy,,,,,",
        "email,ann@x.io,customer_id,dee,,,", "customer_id,cy,customer_id,x,,,yesterday",
        type_="always_link",
    )  # fmt: skip
    assert brought == {**brought, "rows": 4, "landed": 2, "refused": 2, "known_before": 0}
    summary = told.shop.run()
    assert summary.quarantined_rows == len(UNCLEAR) + 2
    rows = words.manual_links()
    assert (rows[said]["author"], rows[said]["reason"]) == ("eve", "they told us")
    assert rows[said]["said_at"] == words.now - 4 * DAY
    assert (rows[said]["is_standing"], rows[gone]["is_standing"]) == (True, False)
    (listed,) = [row for row in rows.values() if row["author"] == "zoe"]
    assert (listed["reason"], listed["is_standing"]) == ("two numbers", True)
    assert words.standing() == ["always_link", "always_link", "never_link"]

    taken_back = words.say("customer_id:cy", "customer_id:ben", 2, withdraw=True)
    (unseen,) = words.warned()
    assert unseen.startswith("No event that a run has taken in carries customer_id:cy: ")
    # Of these two nobody ever said a word, and events have both of them.
    words.say("customer_id:ben", "email:ann@x.io", 2, withdraw=True)
    (of_nothing,) = words.warned()
    assert of_nothing.startswith("Nothing was said of the two in any run so far")
    words.say("customer_id:ann", "email:ann@x.io", 2, never=False)
    assert words.warned() == []
    told.shop.run(as_of=words.now + timedelta(hours=1))
    rows = words.manual_links()
    assert (rows[said]["is_standing"], rows[taken_back]["is_standing"]) == (False, False)
    # Nobody was seen by any of it, and it is nobody's.
    tables = read_tables(told.shop.lake, ["identity", "timeline", "customers", "_log/links"])
    assert len(tables["identity"]) == 3
    assert {row["person_id"] for row in tables["timeline"] if row["stream"] == "profiles"} == {None}
    assert max(row["last_seen_at"] for row in tables["identity"]) == words.now - 8 * DAY
    assert max(row["last_seen_at"] for row in tables["customers"]) == words.now - 8 * DAY
    kinds = {row["kind"] for row in tables["_log/links"]}
    assert kinds == {"seen", "always_link", "never_link", "link_withdrawn"}
    facts = status(told.shop.lake)
    assert facts["manual_links"] == {
        "always_link": 2, "never_link": 0, "of_hubs": 0, "of_nobody": 1,
    }  # fmt: skip
    assert facts["known"]["events"] == 1.0
    assert (
        "Manual links that stand: 2 of one customer, 0 of never one; manual_links says by whom and "
        "why."
    ) in [part for part in render(facts) if isinstance(part, str)]


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        (("email", "ann@x.io"), ("email", " ANN@x.io"), "are one identifier; name another"),
        (("email", "ann@x.io"), ("email_sha256", HASH), "are one identifier; name another"),
        (("email", "ann@x.io"), ("email", "test@test.com"), "email:test@test.com is blocked"),
        (("phone", "12"), ("email", "ann@x.io"), "phone:12 cannot be one of its type"),
        (("customer_id", ""), ("email", "ann@x.io"), "customer_id: has no value"),
    ],
)
def test_what_cannot_be_linked_is_refused_before_it_lands(
    spark, tmp_path: Path, one, other, why: str
) -> None:
    shop = Told(tmp_path).shop
    pair = [{"type": kind, "value": value} for kind, value in (one, other)]
    with pytest.raises(LinkRefused, match=why):
        say(Lake(spark, str(shop.lake)), shop.config(), *pair, {"type": "always_link"})
    assert not shop.lake.exists()

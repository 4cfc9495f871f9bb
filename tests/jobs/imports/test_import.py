"""What other systems already kept is neither told a second time nor forgotten."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from tactful.jobs.audiences import sizes_now
from tactful.jobs.commands.importing import import_file
from tactful.jobs.lake.lake import Lake
from tests.jobs.test_closings import ANN, BEN, DAY, Told
from tests.oracle.compare import read_tables

MAIL_OF = {name: (("email", f"{name}@x.io"),) for name in ("ann", "ben", "cy")}


class Lists:
    """Lists that are imported into a lake that is told things."""

    def __init__(self, told: Told) -> None:
        self.told = told

    def bring(self, *lines: str, **how: Any) -> dict[str, Any]:
        file = self.told.shop.folder / "list.csv"
        file.write_text("\n".join(lines) + "\n", "utf-8")
        asked = {"type_": None, "audience": None, "channel": None, "at": None, "columns": ()}
        config = self.told.shop.config()
        return dict(import_file(config, file, **{**asked, **how}, on_progress=lambda _: None))

    def records(self) -> set[tuple[str, str]]:
        """What the list of opt-outs was told, by the identifiers' own values."""
        tables = read_tables(self.told.shop.lake, ["records", "identifiers"])
        names = {row["identifier_key"]: row["value"] for row in tables["identifiers"]}
        return {
            (row["operation"], names[key])
            for row in tables["records"]
            for key in row["identifier_keys"]
            if row["destination"] == "unsubscribed"
        }


def test_lists_from_elsewhere(spark, tmp_path: Path) -> None:
    told = Told(tmp_path)
    lists = Lists(told)
    told.login(9, ANN, MAIL_OF["ann"])
    told.login(9, BEN, MAIL_OF["ben"])
    told.shop.land(told.batch)
    told.batch = {}
    # The mail service knows an opt-out that no event tells, and its list is filled already.
    at = told.shop.world.as_of - 5 * DAY
    optouts = ("E-Mail,Channel", "ANN@x.io,", "new@x.io,sms", ",", "no address,")
    said = {"type_": "unsubscribed", "channel": "email", "at": at}
    brought = lists.bring(*optouts, **said)
    assert {name: brought[name] for name in ("rows", "landed", "refused")} == {
        "rows": 4, "landed": 4, "refused": 1,
    }  # fmt: skip
    assert lists.bring(*optouts, **said)["landed"] == 4, "the same list again brings nothing"
    members = ("email", "ann@x.io", "ben@x.io", "gone@x.io", "nobody")
    noted = lists.bring(*members, audience="unsubscribed")
    assert (noted["rows"], noted["noted"], noted["refused"]) == (4, 3, 1)
    assert lists.bring(*members, audience="unsubscribed")["noted"] == 0

    summary = told.shop.run()
    assert (summary.read_rows, summary.quarantined_rows) == (6, 1)
    # Her address is there already, her number is not; he is there and should not be.
    first = {("add", "ann"), ("add", "new@x.io"), ("remove", "ben@x.io")}
    assert lists.records() == first
    starts = {
        (row["policy"], tuple(row["channels"]), row["starts_at"])
        for row in read_tables(told.shop.lake, ["suppressions"])["suppressions"]
    }
    assert starts == {("unsubscribed", ("email",), at), ("unsubscribed", ("sms",), at)}

    # Later the same: whom nobody knows stays; whoever is known by then is decided at once.
    told.login(3, (("customer_id", "cy"),), MAIL_OF["cy"])
    told.shop.land(told.batch)
    assert lists.bring("email", "cy@x.io", audience="unsubscribed")["known_to_nobody"] == 1
    told.shop.run(as_of=told.shop.world.as_of + timedelta(hours=1))
    assert lists.records() == {*first, ("remove", "cy@x.io")}
    # ann's address and number, the new address, and who is gone.
    sizes = sizes_now(Lake(None, str(told.shop.lake)))
    assert sizes["unsubscribed/unsubscribed"] == 4
    anew = [row["decided_anew"] for row in read_tables(told.shop.lake, ["batches"])["batches"]]
    assert "1 of 1" in anew

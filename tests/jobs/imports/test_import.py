"""What other systems already kept is neither told a second time nor forgotten."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tactful.jobs.audiences import sizes_now
from tactful.jobs.commands.importing import import_file
from tactful.jobs.lake.lake import Lake
from tactful.jobs.progress import Step
from tests.jobs.test_closings import ANN, BEN, DAY, Told
from tests.oracle.compare import read_tables
from tests.product import DECIDING

MAIL_OF = {name: (("email", f"{name}@x.io"),) for name in ("ann", "ben", "cy")}


class Lists:
    """Lists that are imported into a lake that is told things."""

    def __init__(self, told: Told) -> None:
        self.told = told
        self.shown: list[str] = []

    def bring(self, *lines: str, **how: Any) -> dict[str, Any]:
        file = self.told.shop.folder / "list.csv"
        file.write_text("\n".join(lines) + "\n", "utf-8")
        asked = {"type_": None, "audience": None, "channel": None, "at": None, "columns": ()}
        config = self.told.shop.config()
        return dict(import_file(config, file, **{**asked, **how}, on_progress=self._show))

    def _show(self, line: str) -> None:
        if isinstance(line, Step):
            self.shown.append(f"{line.name} {line.far}".strip())

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
    optouts = (
        "E-Mail,Channel,Occurred At", "Ann <ANN@x.io>,,", ",,", "no address,,",
        "mailto:new@x.io,sms,2020-01-01T00:00:00Z", "ben@x.io,,yesterday", "cy@x.io,email",
    )  # fmt: skip
    said = {"type_": "unsubscribed", "channel": "email", "at": at}
    brought = lists.bring(*optouts, **said)
    assert lists.shown == ["start Spark", "read the list 5 rows", "land"]
    counts = {"rows": 6, "landed": 3, "refused": 2, "naming_nobody": 2, "known_before": 0}
    ragged = {"ragged": 1, "ragged_rows": ["line 7 has 2 fields where its header has 3 fields"]}
    assert brought == {**brought, **counts, **ragged}
    again = lists.bring(*optouts, **said)
    assert again == {**brought, "known_before": 5}, "the same list again brings nothing"
    members = ("email", "ann@x.io", "ben@x.io", "gone@x.io", "nobody")
    noted = lists.bring(*members, audience="unsubscribed")
    assert lists.shown[-2:] == ["start Spark", "read the list 4 rows"]
    counts = {"rows": 4, "values_noted": 3, "values_refused": 1, "known_to_nobody": 3}
    assert noted == {**noted, **counts, "values_noted_before": 0}
    again = lists.bring(*members, audience="unsubscribed")
    assert again == {**noted, "values_noted": 0, "values_noted_before": 3}

    summary = told.shop.run()
    assert (summary.read_rows, summary.quarantined_rows) == (7, 2)
    # Her address is there already, her number is not; he is there and should not be.
    first = {("add", "ann"), ("add", "new@x.io"), ("remove", "ben@x.io")}
    assert lists.records() == first
    starts = {
        (row["policy"], tuple(row["channels"]), row["starts_at"])
        for row in read_tables(told.shop.lake, ["suppressions"])["suppressions"]
    }
    old = datetime(2020, 1, 1, tzinfo=UTC)
    assert starts == {("unsubscribed", ("email",), at), ("unsubscribed", ("sms",), old)}

    # Later the same: whom nobody knows stays; whoever is known by then is decided at once.
    told.login(3, (("customer_id", "cy"),), MAIL_OF["cy"])
    told.shop.land(told.batch)
    sizes = sizes_now(Lake(None, str(told.shop.lake)))
    assert sizes["unsubscribed/unsubscribed"] == 4
    assert lists.bring("email", "cy@x.io", audience="unsubscribed")["known_to_nobody"] == 1
    # What it holds is known at once, so that nobody makes another destination of it.
    sizes = sizes_now(Lake(None, str(told.shop.lake)))
    assert sizes["unsubscribed/unsubscribed"] == 5
    told.shop.run(told.shop.world.as_of + timedelta(hours=1), steps=DECIDING)
    assert lists.records() == {*first, ("remove", "cy@x.io")}
    # ann's address and number, the new address, and who is gone.
    sizes = sizes_now(Lake(None, str(told.shop.lake)))
    assert sizes["unsubscribed/unsubscribed"] == 4
    anew = [row["decided_anew"] for row in read_tables(told.shop.lake, ["batches"])["batches"]]
    assert "1 of 1" in anew

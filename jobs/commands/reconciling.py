"""Reconcile: what a destination should hold, against what it was told and what it took of that.

What should be held follows from `_log/memberships`, what was told from `records`, what was taken
from `delivery_states` and `delivery_rows`. A value is all identifiers that are one at the
destination. What the vendor itself holds cannot be read back from any of them by address.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.markup import escape

from tactful.jobs.commands.answers import counted, fact_table
from tactful.jobs.commands.tables_here import Tables, lake_here
from tactful.jobs.errors import LakeError
from tactful.jobs.sending.outbox import Outbox
from tactful.jobs.settings.config import Config, Destination
from tactful.schemas.records import MEMBERSHIPS

COMES = ("add", "suppress")
MOST = 10
SHOULD = """
    SELECT audience, member_key, identifier_key, is_member, is_withheld FROM (
        SELECT *, row_number() OVER (
            PARTITION BY audience, member_key, identifier_key ORDER BY batch_id DESC) AS r
        FROM memberships WHERE destination = '{name}') AS numbered
    WHERE r = 1
"""
TOLD = """
    SELECT audience, record_id, identifier_keys, operation, batch_id, position
    FROM records WHERE destination = '{name}'
"""
ROWS = "SELECT record_id, name, state, at FROM delivery_rows WHERE destination = '{name}'"
# How a value stands, and what that means.
MEANINGS = {
    "in_order": "told as it should be, and taken",
    "written": "in files of the outbox, which somebody else uploads; nobody here knows whether",
    "waiting": "is to be told, in files that wait to be sent",
    "refused": "refused: was told as it should be, and not taken",
    "untold": "should be held, and was never told",
    "left_over": "should not be held, and the last record says that it is",
}


def reconcile(config: Config, name: str) -> dict[str, Any]:
    """How every value of a destination stands, and the records that would mend what is wrong."""
    destination, lake = destination_of(config, name)
    tables = Tables(lake)
    ends = _ends(tables, destination)
    found = list(_values(tables, destination, ends))
    if tables.damaged:
        raise LakeError(next(iter(tables.damaged.values())))
    standing = Counter(value["stands"] for value in found)
    mending = [value for value in found if value["stands"] in ("refused", "untold", "left_over")]
    return {
        "destination": name,
        "values": {stands: standing.get(stands, 0) for stands in MEANINGS},
        "unnamed": ends.unnamed,
        "mending": [_mended(value, destination) for value in mending],
    }


def destination_of(config: Config, name: str) -> tuple[Destination, Path]:
    """A destination by its name, and the folder its lake is read from (see `lake_here`).

    Raises: LakeError.
    """
    chosen = {destination.name: destination for destination in config.destinations}
    if name not in chosen:
        known = ", ".join(chosen) or "none is configured"
        raise LakeError(f"There is no destination {name}; choose among: {known}.")
    return chosen[name], lake_here(config.location)


def lines(facts: Mapping[str, Any]) -> Iterator[Any]:
    """The answer for people."""
    values = {MEANINGS[stands]: number for stands, number in facts["values"].items()}
    yield fact_table({escape(what): number for what, number in values.items()})
    mending, name = facts["mending"], escape(facts["destination"])
    if facts["unnamed"]:
        yield (
            f"Of the records that count as taken {name} refused {facts['unnamed']:,} and does not "
            "say which; its own pages may."
        )
    if not mending:
        number = facts["values"]
        if facts["unnamed"]:
            return
        if number["waiting"]:
            yield f"{name} is to be told {counted(number['waiting'], 'value')}: tactful send."
        elif number["written"]:
            yield f"All that {name} should hold stands in files of the outbox, to be uploaded."
        else:
            yield f"{name} was told all that it should hold."
        return
    yield f"{counted(len(mending), 'record')} would mend the rest:"
    for one in mending[:MOST]:
        what = f"{one['operation']} {', '.join(one['identifier_keys'])} ({one['why']})"
        yield escape(f"  {one['audience']}: {what}")
    if len(mending) > MOST:
        yield f"  and {len(mending) - MOST:,} more; --json lists all."
    if any(one["why"] == "refused" for one in mending):
        yield "What was refused is tried once more with: tactful send --again."


def _values(tables: Tables, destination: Destination, ends: Ends) -> Iterator[dict[str, Any]]:
    """Every value of which something is wrong or right, with its audience and identifiers."""
    newest = _newest_told(tables, destination.name)
    files = _states(tables, destination, ends)
    for (audience, _), rows in members_of(tables, destination.name).items():
        keys = sorted({row["identifier_key"] for row in rows})
        told = [newest[audience, key] for key in keys if (audience, key) in newest]
        last = max(told, key=lambda one: (one["batch_id"], one["position"]), default=None)
        is_wanted = any(row["is_member"] for row in rows) and not any(
            row["is_withheld"] for row in rows
        )
        is_told = last is not None and last["operation"] in COMES
        if not is_wanted and last is None:
            continue
        stands = "left_over" if is_told else "untold"
        if is_wanted == is_told:
            stands = files.get(last["record_id"], "written") if last else "in_order"
        yield {"audience": audience, "identifier_keys": keys, "is_wanted": is_wanted,
               "stands": stands, "told": last}  # fmt: skip


def members_of(tables: Tables, name: str) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """By audience and value the identifiers that are it at a destination, as they stand."""
    members: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in tables.ask(SHOULD.format(name=name), MEMBERSHIPS.path):
        members[row["audience"], row["member_key"]].append(row)
    return members


def _newest_told(tables: Tables, name: str) -> dict[tuple[str, str], dict[str, Any]]:
    """By audience and identifier the record that spoke of it last."""
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    told = tables.ask(TOLD.format(name=name), "records")
    for row in sorted(told, key=lambda one: (one["batch_id"], one["position"])):
        for key in row["identifier_keys"]:
            newest[row["audience"], key] = row
    return newest


@dataclass(frozen=True)
class Ends:
    """What a destination's files came to: the newest row of each, by name, and of the records in
    them those that it refused, each by its row. Of one that is not sent: nothing.
    """

    files: Mapping[str, Mapping[str, Any]]
    refused: Sequence[Mapping[str, Any]]

    @property
    def unnamed(self) -> int:
        """How many records of files that were taken it refused without a word on which."""
        taken = {name: row for name, row in self.files.items() if row["state"] == "accepted"}
        named = sum(row["name"] in taken for row in self.refused)
        return max(0, sum(row["refused_records"] or 0 for row in taken.values()) - named)


def _ends(tables: Tables, destination: Destination) -> Ends:
    if not destination.is_sent:
        return Ends({}, ())
    newest = {row["name"]: row for row in Outbox(tables.lake).states()
              if row["destination"] == destination.name}  # fmt: skip
    rows = tables.ask(ROWS.format(name=destination.name), "delivery_rows")
    # Of a file that was sent once more only what its last end says.
    refused = [
        row for row in rows
        if row["state"] == "rejected"
        and row["name"] in newest and row["at"] == newest[row["name"]]["at"]
    ]  # fmt: skip
    return Ends(newest, refused)


def _states(tables: Tables, destination: Destination, ends: Ends) -> dict[str, str]:
    """How each record stands: taken, refused or waiting. Of one that is not sent: nothing."""
    if not destination.is_sent:
        return {}
    outbox = Outbox(tables.lake)
    stands = {"accepted": "in_order", "rejected": "refused", "given_up": "refused"}
    found = {
        record["record_id"]: stands.get(ends.files.get(file.name, {}).get("state", ""), "waiting")
        for file in outbox.files(destination.name)
        for record in outbox.records_of(file)
    }
    refused = {row["record_id"] for row in ends.refused}
    return {key: "refused" if key in refused else state for key, state in found.items()}


def _mended(value: Mapping[str, Any], destination: Destination) -> dict[str, Any]:
    comes, goes = ("suppress", "unsuppress") if destination.is_opt_out_list else ("add", "remove")
    told = value["told"]
    return {
        "audience": value["audience"],
        "operation": comes if value["is_wanted"] else goes,
        "identifier_keys": value["identifier_keys"],
        "why": value["stands"],
        "record_id": told["record_id"] if told else None,
    }

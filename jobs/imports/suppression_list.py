"""A suppression list that another system kept: each row becomes the word that closed a channel."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from tactful.jobs.identity.keyed import keys_told
from tactful.jobs.imports.lists import PeopleList, Row, identifiers_of
from tactful.jobs.imports.told import Event, bring, with_id
from tactful.jobs.lake.lake import Lake
from tactful.jobs.settings.config import Config
from tactful.schemas.words import CLOSES, OPENS
from tactful.transforms.sources import ListForm

# What a row may say beside who is meant.
ALSO = ("occurred_at", "channel", "purpose")
STREAM_OF = {
    type_: stream for words in (CLOSES, OPENS) for stream, of in words.items() for type_ in of
}


def import_suppressions(
    lake: Lake,
    config: Config,
    people: PeopleList,
    *,
    type_: str,
    channel: str | None,
    at: datetime | None,
    form: ListForm | None = None,
    on_progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Land a list's rows as events of one type; the same list again is known and lands nothing.

    type_: what happened, such as unsubscribed. channel: where, unless a row says it. at: when,
    unless a row says it; else when the file was written. form: how another system writes it; a
    customer there may have said nothing of the kind, or something of several channels.
    """
    moment = (at or people.written_at).isoformat()
    common = {"type": type_, "source": people.path.name}
    common |= {"channel": channel} if channel else {}
    common |= {"bounce": "hard"} if type_ == "bounced" else {}
    opens = any(type_ in types for types in OPENS.values())
    of_form = f"|{','.join(form.columns)}" if form else ""
    text = f"{type_}|{channel}|{moment}|{people.content_hash}{of_form}"
    said = hashlib.sha256(text.encode()).hexdigest()
    nobody = rows = silent = 0

    def pieces() -> Iterator[list[Event]]:
        nonlocal nobody, rows, silent
        for piece in people.rows():
            told = [_told(row, form, opens) for row in piece]
            rows, silent = rows + len(piece), silent + sum(not those for those in told)
            events = [_event(row, common, moment) for those in told for row in those]
            nobody += _naming_nobody(lake, config, events)
            yield events

    brought = bring(
        lake, config, STREAM_OF[type_], pieces(), mark=said[:32], on_progress=on_progress
    )
    return {
        "list": str(people.path),
        "rows": rows + people.ragged["ragged"],
        **people.ragged,
        **({"rows_that_say_nothing": silent} if form else {}),
        "landed": brought.landed,
        "refused": brought.refused,
        "naming_nobody": nobody,
        "known_before": brought.known_before,
        "left_aside": [*people.left_aside],
    }


def _told(row: Row, form: ListForm | None, opens: bool) -> list[Row]:
    """What a row says, once for each channel that it tells of."""
    if form is None:
        return [row]
    # Spreadsheets are kept from reading a number so.
    who = {k: v.removeprefix("'") for k, v in row.items() if k not in form.columns}
    return [{**who, **those} for those in form.told(row, opens)]


def _event(row: Row, common: dict[str, str], moment: str) -> Event:
    beside = {key: value for key, value in row.items() if key in ALSO}
    told = {"occurred_at": moment, **common, **beside, "identifiers": identifiers_of(row, ALSO)}
    return with_id(told, "list")


def _naming_nobody(lake: Lake, config: Config, events: list[Event]) -> int:
    """How many rows hold no identifier that can be one, such as a phone of two digits."""
    told = [event["identifiers"] for event in events]
    keys = keys_told(lake, told, config).where(
        "size(identifier_keys) = 0 AND size(blocked_keys) = 0"
    )
    useless = {
        tuple((i.type, i.value) for i in row.identifiers)
        for row in keys.select("identifiers").collect()
    }
    return sum(tuple((i["type"], i["value"]) for i in ids) in useless for ids in told)

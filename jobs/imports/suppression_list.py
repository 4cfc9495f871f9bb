"""A suppression list that another system kept: each row becomes the word that closed a channel.

The words are events like all others, so they are told apart, accepted, explained and replayed like
them; the next run accepts them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from pyspark.sql import functions as F

from tactful.jobs import land
from tactful.jobs.errors import StepFailed
from tactful.jobs.identity.keyed import keys_told
from tactful.jobs.imports.lists import PeopleList, Row, identifiers_of
from tactful.jobs.lake.lake import Lake
from tactful.jobs.settings.config import Config, Source
from tactful.schemas.intake import RECEIVED
from tactful.schemas.words import CLOSES, OPENS

# What a row may say beside who is meant.
ALSO = ("occurred_at", "channel", "purpose")
STREAM_OF = {
    type_: stream for words in (CLOSES, OPENS) for stream, of in words.items() for type_ in of
}
FOLDER = "_imports"


def import_suppressions(
    lake: Lake,
    config: Config,
    people: PeopleList,
    *,
    type_: str,
    channel: str | None,
    at: datetime | None,
) -> dict[str, Any]:
    """Land a list's rows as events of one type; the same list again is known and lands nothing.

    type_: what happened, such as unsubscribed. channel: where, unless a row says it. at: when,
    unless a row says it; else when the file was written.
    """
    stream = STREAM_OF[type_]
    name, folder = f"_imported_{stream}", f"{lake.location}/{FOLDER}/{stream}"
    moment = (at or people.written_at).isoformat()
    common = {"type": type_, "source": people.path.name}
    common |= {"channel": channel} if channel else {}
    common |= {"bounce": "hard"} if type_ == "bounced" else {}
    said = hashlib.sha256(f"{type_}|{channel}|{moment}|{people.content_hash}".encode()).hexdigest()
    rows, nobody, files = 0, 0, []
    before = sum(_counts(lake, name, said[:32]))
    for number, piece in enumerate(people.rows()):
        events = list(_events(piece, common, moment))
        nobody += _naming_nobody(lake, config, events)
        files.append(f"{folder}/{said[:32]}-{number:05d}.json")
        text = "".join(json.dumps(event, ensure_ascii=False) + "\n" for event in events)
        lake.store.write_text(files[-1], text, keep=True, is_private=True)
        rows += len(events)
    alone = config.landing_only(name, Source(stream=stream, path=folder))
    failed = land.land(lake, alone)
    if failed:
        raise StepFailed(" ".join(failed.values()))
    for file in files:
        lake.store.remove(file)
    lake.remember(imported=sorted({*(lake.state() or {}).get("imported", ()), stream}))
    landed, refused = _counts(lake, name, said[:32])
    return {
        "list": str(people.path),
        "rows": rows,
        "landed": landed,
        "refused": refused,
        "naming_nobody": nobody,
        "known_before": before,
        "left_aside": [*people.left_aside],
    }


def _events(piece: list[Row], common: dict[str, str], moment: str) -> Iterator[dict[str, Any]]:
    for row in piece:
        beside = {key: value for key, value in row.items() if key in ALSO}
        event = {"occurred_at": moment, **common, **beside}
        event["identifiers"] = identifiers_of(row, ALSO)
        told = json.dumps({**event, "source": None}, sort_keys=True)
        yield {"event_id": f"list-{hashlib.sha256(told.encode()).hexdigest()[:32]}", **event}


def _naming_nobody(lake: Lake, config: Config, events: list[dict[str, Any]]) -> int:
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


def _counts(lake: Lake, name: str, said: str) -> tuple[int, int]:
    """How many of the list's rows are in the lake to be accepted, and how many to be refused."""
    mine = lake.store.read(RECEIVED).where(
        (F.col("source_name") == name) & F.col("source_position.file").contains(said)
    )
    is_refused = F.size("reasons") > 0
    return mine.agg(F.count_if(~is_refused), F.count_if(is_refused)).first()

"""The command `sample`: how the first rows of a file are understood, before any lake exists."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from tactful.jobs.commands.answers import counted
from tactful.jobs.commands.arguments import refused
from tactful.jobs.commands.refused_status import IN_PIECES
from tactful.jobs.connectors import needed
from tactful.jobs.lake.listing import File
from tactful.jobs.settings.config import Config, Source
from tactful.jobs.settings.transports import EARLIEST
from tactful.schemas.events import STREAMS
from tactful.transforms.identity.keys import hmac_pads
from tactful.transforms.sources import DIALECTS
from tactful.transforms.sources.one_event_by import ROWS
from tactful.transforms.sources.signals import with_signals

FORMATS = {".avro": "avro", ".csv": "csv", ".parquet": "parquet"}
# What says most of an event, in this order.
TOLD = (
    "order_id",
    "message_id",
    "contact_id",
    "attribute",
    "sku",
    "form",
    "query",
    "url",
    "channel",
)
SHOWN = 100
LONGEST = 60
MOST_LINES = 3


def source_of(
    config: Config, file: Path | None, *, name: str | None, dialect: str | None, stream: str | None
) -> Source:
    """What the rows are: as a source of the configuration says, or as the options do.

    file: none of a source that is no folder: of a topic its first records are shown.

    Raises: ConfigError.
    """
    if name is not None:
        for option, given in (("--dialect", dialect), ("--stream", stream)):
            if given:
                raise refused("--source", f"{option} beside it", "one of the two")
        if name not in config.sources:
            raise refused(
                "--source", f'"{name}"', ", ".join(config.sources) or "no source is there"
            )
        source: Source = config.sources[name]
        if source.is_files == (file is None):
            allowed = "one of its files" if source.is_files else f"none: {name} has no files"
            raise refused("FILE", f'"{file}"' if file else "nothing", allowed)
        return source
    if file is None:
        raise refused("FILE", "nothing", "a file, or --conf FILE --source NAME of a topic or table")
    dialect = dialect or "canonical"
    if dialect not in DIALECTS:
        raise refused("--dialect", f'"{dialect}"', ", ".join(DIALECTS))
    known = DIALECTS[dialect]
    if known.faults:
        raise refused(
            "--dialect", f'"{dialect}"', "--conf FILE --source NAME, which says its fields"
        )
    if known.streams and stream:
        raise refused("--stream", f'"{stream}"', f"none: {dialect} says it of each row")
    if not known.streams and stream not in STREAMS:
        raise refused("--stream", f'"{stream}"' if stream else "nothing", ", ".join(STREAMS))
    forms = (FORMATS.get(part.lower()) for part in file.suffixes)
    form = next((form for form in forms if form), "json")
    return Source(stream=stream, dialect=dialect, format=form, path=str(file.parent))


def sample(
    config: Config, file: Path | None, source: Source, rows: int, *, name: str | None = None
) -> Mapping[str, Any]:
    """Read the first rows of a file, topic or table as `run` would, and tell what each is.

    Nothing is written. name: the source's, where it is one of the configuration.

    Raises: ConfigError, where there is no such file, or it cannot be read.
    """
    if file is not None and not file.is_file():
        raise refused("FILE", f'"{file}"', "a file that is there")
    from tactful.jobs.session import open_session

    is_avro = bool(source.avro_schemas)
    spark = open_session("tactful-sample", connectors=needed({source.format}, avro_values=is_avro))
    found: list[Any] = []
    landed = 0
    # There is no lake and no secret yet; what is shown holds no such id.
    inner, outer = hmac_pads(os.urandom(32))
    pads = spark.createDataFrame([(inner, outer)], "inner binary, outer binary")
    keyed = {"pads": pads} if DIALECTS[source.dialect].is_keyed else {}

    def put(frame: Any) -> None:
        nonlocal landed
        first = frame.limit(rows).cache()
        landed = first.count()
        parsed = DIALECTS[source.dialect].parse(
            first,
            stream=source.stream,
            source_name="sample",
            max_row_bytes=config.intake.max_row_bytes,
            max_skew=config.intake.max_skew,
            **source.reading,
            **keyed,
        )
        events = with_signals(parsed, tcf_vendors=config.consent.tcf_vendors)
        found[:] = events.collect()

    if file is None:
        _put_first(spark, config, name or "", rows, put)
    else:
        _put_file(spark, file, source, put)
    return _facts(str(file or name), source, landed, found, config)


def _put_file(spark: Any, file: Path, source: Source, put: Callable[[Any], None]) -> None:
    from tactful.jobs.intake.landing_files import read_files

    state = file.stat()
    whole = File(str(file.resolve()), datetime.fromtimestamp(state.st_mtime, UTC), state.st_size)
    outcome = read_files(
        spark, [whole], put, form=source.format, folder=str(file.resolve().parent),
        csv=source.csv_form,
    )  # fmt: skip
    if outcome.unread:
        raise refused("FILE", next(iter(outcome.unread.values())), "a file that can be read")


def _put_first(
    spark: Any, config: Config, name: str, rows: int, put: Callable[[Any], None]
) -> None:
    """The first rows of a source that is no folder, from its begin, wherever `run` would begin."""
    from tactful.jobs.intake.feeds import FEEDS
    from tactful.jobs.intake.landing_files import JAVA_ERRORS, java_cause
    from tactful.jobs.intake.spans import Reading

    first = config.sources[name].model_copy(update={"starting_offsets": EARLIEST})
    changed = config.model_copy(update={"sources": {**config.sources, name: first}})
    reading, feed = Reading(spark, changed, name), FEEDS[first.format]
    frame = None
    try:
        there = feed.look(reading, {})
        for spans in there.batches[:1]:
            frame = feed.read(reading, feed.first(spans, rows), datetime.now(UTC))
        if frame is not None:
            put(frame)
    except (OSError, ValueError) as error:
        raise refused(f"sources.{name}", str(error), "what can be read") from error
    except JAVA_ERRORS as error:
        raise refused(f"sources.{name}", java_cause(error), "what can be read") from error
    if frame is None and there.troubles:
        part, why = next(iter(there.troubles.items()))
        raise refused(f"sources.{name}", f"{part}: {why}", "what can be read")


def _facts(
    file: str, source: Source, landed: int, found: list[Any], config: Config
) -> dict[str, Any]:
    good = [row for row in found if not row.reasons]
    unused = Counter(
        entry.type for row in good for entry in row.identifiers or ()
        if entry.type not in config.identity.types
    )  # fmt: skip
    types = Counter((row.stream, row.type) for row in good)
    reasons = Counter(reason for row in found for reason in row.reasons)
    return {
        "file": file,
        "dialect": source.dialect,
        "rows": landed,
        "events": len(found),
        "understood": len(good),
        "refused": len(found) - len(good),
        "types": [{"stream": s, "type": t, "events": n} for (s, t), n in types.most_common()],
        "reasons": [{"reason": reason, "events": n} for reason, n in reasons.most_common()],
        "unknown_types": dict(_unknown(found, DIALECTS[source.dialect].type_field)),
        "doubts": sorted(
            {doubt for row in found for doubt in row.doubts or () if doubt[-1] != ":"}
        ),
        "unused_identifiers": dict(unused),
        "nobody": sum(not row.identifiers for row in good),
        "in_pieces": any(map(_is_piece, found)),
        "silent_columns": _silent_columns(source, found),
        "first": [_shown(row) for row in found[:SHOWN]],
    }


def _is_piece(row: Any) -> bool:
    """Whether a refused row is the first or last line of an object written over several, or a
    list of them."""
    text = row.raw.strip()
    is_list = text.startswith("[") and text.endswith("]")
    return "malformed_json" in row.reasons and (is_list or text.rstrip(",") in ("{", "}", "[", "]"))


def _silent_columns(source: Source, found: list[Any]) -> dict[str, str]:
    """Columns that the configuration reads and no row says anything in, each with its field."""
    columns = DIALECTS[source.dialect].columns
    if columns is None:
        return {}
    told: set[str] = set()
    for row in found:
        try:
            each = json.loads(row.raw)
        except ValueError:
            continue
        if isinstance(each, dict):
            told |= each.keys()
            told |= {name for one in _rows_of(each) for name in one}
    return {name: field for name, field in columns(source.stream, source.fields).items()
            if told and name not in told}  # fmt: skip


def _rows_of(event: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The rows that an event of several was made of."""
    try:
        yield from json.loads(event.get(ROWS) or "[]")
    except (TypeError, ValueError):
        return


def _unknown(found: list[Any], field: str) -> Counter[str]:
    """What rows of unknown types say has happened, by the name that their sender uses."""
    names: Counter[str] = Counter()
    for row in found:
        if "unknown_type" in row.reasons:
            try:
                told = json.loads(row.raw).get(field)
            except ValueError:
                continue
            if told is not None:
                names[str(told)] += 1
    return names


def _shown(row: Any) -> dict[str, Any]:
    """One event; who it was only by the kinds of its identifiers."""
    told = [f"{name} {row[name]}" for name in TOLD if row[name] is not None]
    if row["amount"] is not None:
        told.append(f"amount {row['amount']}")
    if row.lines is not None:
        told.insert(1, counted(len(row.lines), "line") + _first_lines(row.lines))
    return {
        "stream": row.stream,
        "type": row.type,
        "occurred_at": row.occurred_at.astimezone(UTC).isoformat() if row.occurred_at else None,
        "says": ", ".join(told),
        "identifiers": [entry.type for entry in row.identifiers or ()],
        "reasons": list(row.reasons),
        "raw": row.raw if row.reasons else None,
    }


def _first_lines(lines: Any) -> str:
    """What the first lines of an order say, in whichever of their fields."""
    each = (
        " ".join(f"{name} {value}" for name, value in line.asDict().items() if value is not None)
        for line in lines[:MOST_LINES]
    )
    more = "; …" if len(lines) > MOST_LINES else ""
    return f" ({'; '.join(each)}{more})" if lines else ""


def render(facts: Mapping[str, Any]) -> Iterator[Any]:
    """The same as a page for people: what was understood, then what was not and why."""
    table = Table(box=None, pad_edge=False)
    for title in ("stream", "type", "when", "says", "who"):
        table.add_column(title, no_wrap=title in ("stream", "type", "when"))
    for row in facts["first"]:
        if not row["reasons"]:
            who = ", ".join(row["identifiers"]) or "nobody"
            when = (row["occurred_at"] or "")[:19]
            table.add_row(*map(escape, (row["stream"], row["type"], when, row["says"], who)))
    if table.row_count:
        yield table
    for row in facts["first"]:
        if row["reasons"]:
            raw = row["raw"] if len(row["raw"]) <= LONGEST else row["raw"][:LONGEST] + "…"
            yield f"[red]refused[/] {escape(', '.join(row['reasons']))}: {escape(raw)}"
    yield (
        f"{counted(facts['rows'], 'row')} gave {counted(facts['events'], 'event')}: "
        f"{facts['understood']:,} understood, {facts['refused']:,} refused."
    )
    for group in facts["reasons"]:
        yield f"Refused for {escape(group['reason'])}: {group['events']:,}"
    if facts["in_pieces"]:
        yield f"[yellow]It is no JSON of one object a line: {escape(IN_PIECES)}.[/]"
    for name, field in facts["silent_columns"].items():
        yield (
            f'[yellow]No row says anything in a column "{escape(name)}", which fields.'
            f"{escape(field)} reads.[/]"
        )
    for name, events in facts["unknown_types"].items():
        yield f'Nobody knows the type "{escape(name)}": {events:,}'
    for doubt in facts["doubts"]:
        yield f"[yellow]Nobody knows the word {escape(doubt)}; it is read as doubt.[/]"
    for kind, events in facts["unused_identifiers"].items():
        yield (
            f"[yellow]{counted(events, 'event')} name a {escape(kind)}, which links nobody without "
            f"\\[identity.types.{escape(kind)}].[/]"
        )
    if facts["nobody"]:
        yield f"[yellow]{counted(facts['nobody'], 'event')} name nobody.[/]"

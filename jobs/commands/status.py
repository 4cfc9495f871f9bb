"""How far a lake is, read from its files alone: on this machine without a session or a JVM."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JJavaError
from rich.markup import escape
from rich.table import Table as Sheet

from tactful.jobs.commands.audience_status import audience_sizes, orphaned, orphaned_lines
from tactful.jobs.commands.identity_status import (
    change_facts,
    change_lines,
    health_facts,
    health_lines,
    hub_facts,
    hub_lines,
    manual_facts,
    manual_lines,
)
from tactful.jobs.commands.known_status import known_facts, known_lines
from tactful.jobs.commands.parted_status import parted_facts, parted_lines
from tactful.jobs.commands.plan_status import plan_facts, plan_lines
from tactful.jobs.commands.quality_status import quality_facts, quality_lines
from tactful.jobs.commands.refused_status import refused_facts, refused_lines
from tactful.jobs.commands.sending_status import (
    sending_facts,
    sending_lines,
    undelivered,
    undelivered_lines,
)
from tactful.jobs.commands.silence_status import silence_facts, silence_lines
from tactful.jobs.commands.tables_here import Tables, lake_here, state_here
from tactful.jobs.intake.landing_status import file_facts, file_lines, listed_here
from tactful.jobs.intake.range_status import range_facts, range_lines
from tactful.jobs.lake import mirror
from tactful.jobs.lake.files import files_at
from tactful.jobs.lake.listing import Listing
from tactful.jobs.runs import may_run
from tactful.jobs.runs.batches import GATHER
from tactful.jobs.runs.failures import cause
from tactful.jobs.settings.config import Config
from tactful.schemas.intake import FILES, LANDED_RANGES
from tactful.schemas.table import FORMAT_VERSION
from tactful.schemas.words import CLOSES, CLOSING_TYPES, SIGNALS

LAST_BATCHES = """
    SELECT query, generation, batch_id, as_of, watermark,
           read_rows, accepted_rows, duplicate_rows, quarantined_rows
    FROM (SELECT *, row_number() OVER (PARTITION BY query, generation ORDER BY batch_id DESC) AS r
          FROM batches) AS numbered
    WHERE r = 1 ORDER BY query, as_of
"""
NEWEST_TICK = "SELECT max(as_of) AS as_of FROM ticks"
DOUBTS = """
    SELECT doubt, type, count(*) AS rows
    FROM (SELECT unnest(doubts) AS doubt, type FROM {stream} WHERE doubts IS NOT NULL) AS each_doubt
    GROUP BY doubt, type
"""
DOUBTED = ("messages", "profiles", "service")
MOST_DOUBTS = 10
MOST_TABLES = 5
SPEAKING = ("sent", "delivered", "opened", "clicked", "failed")
LEFT_OUT = "SELECT * FROM left_out ORDER BY destination"


def status(
    location: str | Path,
    sources: Mapping[str, str] | None = None,
    config: Config | None = None,
) -> dict[str, Any]:
    """What a lake holds, how far each query is, and what went wrong.

    sources: the folders of a configuration's sources; else those that the last run read.
    config: what the lake is to be run with, to tell whether `run` would refuse it.

    Raises: LakeError where there is no lake, LakeTooNew where a newer Tactful made it.
    """
    lake = lake_here(str(location))
    state = state_here(lake, is_configured=config is not None)
    tables = Tables(lake)
    as_of = tables.ask_one(NEWEST_TICK, "_log/ticks").get("as_of")
    # Lakes of an older format may never have had them.
    lost, unmade = (
        tables.missing(state.get("tables"))
        if state["format_version"] == FORMAT_VERSION
        else ([], [])
    )
    facts = {
        "lake": mirror.called(lake),
        "as_of": _utc(as_of),
        "files": file_facts(
            state.get("sources", {}) if sources is None else sources,
            lambda sql: tables.ask(sql, FILES.path),
            _listed,
        ),
        "ranges": range_facts(lambda sql: tables.ask(sql, LANDED_RANGES.path)),
        "rows": dict(tables.counts()),
        "batches": [_batch(row, as_of) for row in _last_batches(tables, state)],
        "identity": health_facts(tables),
        "hubs": hub_facts(tables),
        "identity_changes": change_facts(tables),
        "manual_links": manual_facts(tables),
        "known": known_facts(tables, config.business.currency if config else None),
        "silence": silence_facts(tables, as_of),
        "plans": plan_facts(tables, lake),
        "left_out": left_out(tables),
        "audiences": audience_sizes(lake),
        "without_audience": parted_facts(tables, config, as_of),
        "orphaned": orphaned(lake, config),
        "sending": sending_facts(tables),
        "doubts": _doubts(tables),
        "refused": refused_facts(tables, _dialects(config)),
        "quality": quality_facts(tables, state, config),
        "failures": {
            "replay": _replay(state),
            "held_back": state.get("held_back"),
            "refused_by_run": may_run.trouble(str(lake), config),
            "unfinished": list(_unfinished(lake)),
            "deliveries": [_plain(row) for row in undelivered(tables)],
            "reference": state.get("reference_troubles", {}),
            "missing_tables": lost,
        },
        "not_made_yet": unmade,
    }
    # Last, when every table has been asked.
    facts["failures"]["damaged_tables"] = dict(sorted(tables.damaged.items()))
    return facts


def _listed(folder: str) -> Listing | None:
    """What lies below a landing folder, wherever that is once a session reaches there."""
    spark = mirror.session()
    if spark is None:
        return listed_here(folder)
    try:
        files = files_at(folder, spark)
        return files.listed(files.location)
    except Py4JJavaError as error:
        raise OSError(cause(str(error))[1]) from error


def render(facts: Mapping[str, Any]) -> Iterator[Any]:
    """The status as sheets for a terminal."""
    yield f"[bold]{escape(facts['lake'])}[/] as of {facts['as_of'] or 'never run'}"
    yield _sheet(
        ("query", "batch", "as of", "lag", "read", "accepted", "duplicate", "quarantined"),
        (
            (b["query"], b["batch_id"], b["as_of"], _span(b["lag_seconds"]), b["read_rows"],
             b["accepted_rows"], b["duplicate_rows"], b["quarantined_rows"])
            for b in facts["batches"]
        ),
    )  # fmt: skip
    yield _sheet(
        ("source", "files seen", "landed", "refused", "waiting"),
        (
            (name, files["seen"], files["landed"], files["refused"], files["waiting"])
            for name, files in facts["files"].items()
        ),
    )
    if ranges := facts["ranges"]["read"]:
        yield _sheet(
            ("source", "part", "read until"),
            ((row["source_name"], row["part"], row["read_until"]) for row in ranges),
        )
    yield _sheet(("table", "rows"), facts["rows"].items())
    yield _sheet(("destination", "audience", "values"), (a.values() for a in facts["audiences"]))
    yield from health_lines(facts["identity"])
    yield from hub_lines(facts["hubs"])
    yield from change_lines(facts["identity_changes"])
    yield from manual_lines(facts["manual_links"])
    yield from known_lines(facts["known"])
    yield from silence_lines(facts["silence"])
    yield from file_lines(facts["files"])
    yield from range_lines(facts["ranges"])
    yield from plan_lines(facts["plans"])
    yield from left_out_lines(facts["left_out"])
    yield from parted_lines(facts["without_audience"])
    yield from orphaned_lines(facts["orphaned"])
    yield from sending_lines(facts["sending"])
    yield from _doubt_lines(facts["doubts"])
    yield from refused_lines(facts["refused"])
    yield from quality_lines(facts["quality"])
    if facts["not_made_yet"]:
        yield f"Not made yet: {', '.join(facts['not_made_yet'])}; the next run makes what is new."
    yield from _failure_lines(facts["failures"])


def _dialects(config: Config | None) -> dict[str, str]:
    return {name: source.dialect for name, source in (config.sources if config else {}).items()}


def _last_batches(tables: Tables, state: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The last batch of each query, on the checkpoint the lake now uses."""
    current = state.get("generations", {})
    newest = {
        row["query"]: row
        for row in tables.ask(LAST_BATCHES, "batches")
        if current.get(row["query"]) in (None, row["generation"])
    }
    return list(newest.values())


def _batch(row: Mapping[str, Any], as_of: datetime | None) -> dict[str, Any]:
    """A batch, and how far the newest event it read lies behind the lake's clock."""
    lag = None
    if as_of is not None and row["watermark"] is not None:
        lag = max((as_of - row["watermark"]).total_seconds(), 0.0)
    return {**_plain(row), "lag_seconds": lag}


def left_out(tables: Tables) -> list[dict[str, Any]]:
    """Who misses in each ad network's audience for want of consent, when last published."""
    return [_plain(row) for row in tables.ask(LEFT_OUT, "left_out")]


def left_out_lines(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The same as sentences; an audience that misses nobody is not worth one."""
    for row in rows:
        silent, refused = row["not_asked_persons"], row["withdrawn_persons"]
        if silent or refused:
            yield (
                f"Left out of {escape(row['destination'])} for want of consent to ads: "
                f"{silent + refused:,} of {row['wanted_persons']:,} persons "
                f"({silent:,} were never asked, {refused:,} withdrew it)"
            )


def _doubts(tables: Tables) -> dict[str, Any]:
    """How many words of closed values nobody knew, and the commonest of them."""
    found = [
        {"stream": stream, **row}
        for stream in DOUBTED
        for row in tables.ask(DOUBTS.format(stream=stream), stream, needs="doubts")
    ]
    found.sort(key=lambda row: (-row["rows"], row["stream"], row["doubt"], row["type"]))
    return {"rows": sum(row["rows"] for row in found), "words": found[:MOST_DOUBTS]}


def _unfinished(lake: Path) -> Iterator[dict[str, Any]]:
    """Batches that were begun and not committed: a run is at work, or was killed or failed."""
    folder = lake / "_checkpoints"
    queries = sorted(path for path in folder.glob("*") if path.is_dir())
    for query in (*queries, folder / GATHER):
        begun = [int(path.stem) for path in (query / "pins").glob("*.json") if path.stem.isdigit()]
        done = [
            int(path.name) for path in (query / "spark/commits").glob("*") if path.name.isdigit()
        ]
        if begun and max(begun) > max(done, default=-1):
            yield {"query": query.relative_to(folder).as_posix(), "batch_id": max(begun)}


def _replay(state: Mapping[str, Any]) -> dict[str, Any] | None:
    """A replay that was begun and has not come to its end, if there is one."""
    noted = state.get("replay")
    return {name: noted[name] for name in ("from", "as_of", "is_removed")} if noted else None


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {k: _utc(v) if isinstance(v, datetime) else v for k, v in row.items()}


def _utc(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return zoned.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _span(seconds: float | None) -> str:
    return "-" if seconds is None else str(timedelta(seconds=round(seconds)))


def _sheet(heads: Iterable[str], rows: Iterable[Iterable[Any]]) -> Sheet:
    sheet = Sheet(box=None, pad_edge=False, header_style="bold")
    for at, head in enumerate(heads):
        sheet.add_column(head, justify="left" if at == 0 else "right")
    for row in rows:
        sheet.add_row(*(f"{v:,}" if isinstance(v, int) else escape(str(v or "-")) for v in row))
    return sheet


def _doubt_lines(doubts: Mapping[str, Any]) -> Iterator[str]:
    """Each word that nobody knows, and what was made of it."""
    for row in doubts["words"]:
        field, _, word = row["doubt"].partition(":")
        said = f'says {field} "{escape(word)}"' if word else f"says no {field}"
        made = _made_of(row["type"], field)
        yield f"[yellow]{row['rows']:,} × {row['type']} {said}: {made}.[/]"
    rest = doubts["rows"] - sum(row["rows"] for row in doubts["words"])
    if rest:
        yield f"[yellow]{rest:,} more such words; see doubts in {', '.join(DOUBTED)}.[/]"


def _made_of(type_: str, field: str) -> str:
    """What Tactful made of a row of this type in which a word of this field is unknown."""
    if field == "bounce":
        return "taken as a hard bounce of its address" if type_ == "bounced" else "left aside"
    if type_ == "bounced":
        return "taken as that of its address" if field == "channel" else "taken as all purposes"
    if field in SIGNALS:
        return "taken as a no to ads"
    if type_ in CLOSING_TYPES:
        if type_ in CLOSES["messages"]:
            return "taken as all channels, marketing"
        return "taken as all channels and purposes"
    if type_ in SPEAKING:
        return "counted for every channel" if field == "channel" else "counted as marketing"
    return "left aside"


def _failure_lines(failures: Mapping[str, Any]) -> Iterator[str]:
    replay = failures["replay"]
    if replay is not None:
        yield (
            f"[red]A replay from {escape(replay['from'])} has not come to its end: it is at work, "
            f"or is to be run again (tactful replay --from {escape(replay['from'])}).[/]"
        )
    if failures["held_back"]:
        yield f"[red]{escape(failures['held_back'])}[/]"
    if failures["refused_by_run"]:
        yield f"[red]run would refuse this lake: {escape(failures['refused_by_run'])}[/]"
    yield from _table_lines(failures)
    for name, trouble in failures["reference"].items():
        text = escape(f"reference.{name} was not replaced, and rules go by what was there before")
        yield f"[yellow]{text}: {escape(trouble)}.[/]"
    for batch in failures["unfinished"]:
        place = f"Batch {batch['batch_id']} of query {batch['query']}"
        yield f"[yellow]{place} is not finished; a run is at work, or the next one repeats it.[/]"
    yield from undelivered_lines(failures["deliveries"])


def _table_lines(failures: Mapping[str, Any]) -> Iterator[str]:
    """The tables that are not there, or cannot be read and count as empty above."""
    missing = failures["missing_tables"]
    if missing:
        more = len(missing) - MOST_TABLES
        named = ", ".join(missing[:MOST_TABLES]) + (f" and {more} more" if more > 0 else "")
        yield (
            f"[red]Not there: {named}; put back from a copy what was lost, since the next run "
            "begins each of them empty.[/]"
        )
    for sentence in failures["damaged_tables"].values():
        yield f"[red]{escape(sentence)}[/]"

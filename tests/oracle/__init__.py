"""The independent oracle: DESIGN read as SQL, one query a table, plain enough to be believed.

It shares no code with the product. `compute` reads the same landing files and gives the rows
that every published table must hold. Rows are taken in by plain Python (`intake`, `identifiers`);
from the accepted events on, `sql/` holds the rules and `graph` what holds together.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.oracle.config import load
from tests.oracle.engine import PUBLISHED, decide, identify, open_database, rows
from tests.oracle.facts import Event, EventId
from tests.oracle.identifiers import Normaliser
from tests.oracle.inputs import put_events, put_network_values, put_reference, put_rules, put_types
from tests.oracle.intake import Row, take_in
from tests.oracle.reference import campaigns as known_campaigns
from tests.oracle.reference import contents as known_contents
from tests.oracle.reference import context as known_context
from tests.oracle.reference import lines_of
from tests.oracle.reference import products as known_products
from tests.oracle.reference import rates as known_rates

__all__ = [
    "Answer", "campaigns_of", "compute", "contents_of", "context_of", "landing_of", "load",
    "products_of", "rates_of",
]  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """What the lake must hold as of a moment.

    `tables` maps each published table's name to its rows; `accepted` holds (stream, event_id) of
    every accepted event, waiting ones included; `counts` are rows read, accepted, duplicate,
    quarantined and id_reused; `quarantined` are dictionaries with stream, source_name, event_id,
    raw and the set of reasons; `owners` tells whose each event up to `as_of` is, by its own
    identifiers; `names` gives each identifier_key the name that the identity cases use; `audiences`
    are pairs (destination, identifier_key) of all that each destination must hold.
    """

    tables: dict[str, list[dict[str, Any]]]
    accepted: set[EventId]
    waiting: set[EventId]
    counts: dict[str, int]
    quarantined: list[dict[str, Any]]
    owners: dict[EventId, str | None]
    names: dict[str, str]
    audiences: set[tuple[str, str]]


def compute(
    landing: Mapping[str, Iterable[Path]],
    config: Mapping[str, Any],
    secret: bytes,
    as_of: datetime,
    *,
    products: Iterable[Mapping[str, Any] | str | bytes] = (),
    rates: Iterable[Mapping[str, Any] | str | bytes] = (),
    contents: Iterable[Mapping[str, Any] | str | bytes] = (),
    campaigns: Iterable[Mapping[str, Any] | str | bytes] = (),
    context: Iterable[Mapping[str, Any] | str | bytes] = (),
    reused: Collection[str] = (),
) -> Answer:
    """Work out every published table from the landing files of each source.

    `config` is the user's configuration or the merged one: the defaults are laid below it either
    way. `products`, `rates` and the like are rows of their reference files, oldest first. `reused`
    names the raw rows that the product refused as `id_reused` (see `intake`).
    """
    config, as_of = load(config), as_of.astimezone(UTC)
    normaliser = Normaliser(config, secret)
    intake = take_in(landing, config, normaliser=normaliser, reused=reused)
    most = config["intake"]["max_row_bytes"]
    sold, refused = known_products(products, max_row_bytes=most)
    worth, refused_rates = known_rates(rates, max_row_bytes=most)
    said, refused_contents = known_contents(contents, max_row_bytes=most)
    run, refused_campaigns = known_campaigns(campaigns, max_row_bytes=most)
    days, refused_days = known_context(context, max_row_bytes=most)
    refused += [*refused_rates, *refused_contents, *refused_campaigns, *refused_days]
    events = [_event(row, normaliser) for row in intake.accepted]
    due = [event for event in events if event.occurred_at <= as_of]
    forms = [f for row in intake.accepted for f in normaliser.forms(row.fields["identifiers"])]
    with open_database() as db:
        put_events(db, due)
        put_types(db, config, as_of)
        put_rules(db, config, as_of)
        put_reference(db, products=sold, rates=worth, contents=said, campaigns=run, context=days)
        put_network_values(db, config, {*forms})
        identify(db)
        decide(db)
        tables = {name: rows(db, name) for name in PUBLISHED}
        owners = rows(db, "owned('events')")
        held = {(row["destination"], row["identifier_key"]) for row in rows(db, "audiences")}
    accepted = {event.id for event in events}
    return Answer(
        tables=tables,
        accepted=accepted,
        waiting=accepted - {event.id for event in due},
        counts=intake.counts,
        quarantined=[*map(_quarantined, intake.quarantined), *refused],
        owners={(row["stream"], row["event_id"]): row["person_id"] for row in owners},
        audiences=held,
        names={x.key: x.name for event in due for x in event.identifiers + event.blocked},
    )


def landing_of(config: Mapping[str, Any], base: Path) -> dict[str, list[Path]]:
    """The landing files of every configured source, its path taken from `base`.

    Every file below it counts that has something in it, unless it or a folder it lies in is called
    `.…` or `_…`, or it is half copied.
    """
    homes = {name: base / source["path"] for name, source in config["sources"].items()}
    return {
        name: sorted(filter(_is_landing_file(home), home.rglob("*")))
        for name, home in homes.items()
    }


def _is_landing_file(home: Path) -> Callable[[Path], bool]:
    def is_one(path: Path) -> bool:
        hidden = any(part[0] in "._" for part in path.relative_to(home).parts)
        half = path.name.endswith("._COPYING_")
        return not hidden and not half and path.is_file() and path.stat().st_size > 0

    return is_one


def products_of(config: Mapping[str, Any], base: Path) -> list[bytes]:
    """The rows of the products' reference files, where there are any, oldest first."""
    return _rows_of("products", config, base)


def rates_of(config: Mapping[str, Any], base: Path) -> list[bytes]:
    """The rows of the rates' reference files, likewise."""
    return _rows_of("rates", config, base)


def contents_of(config: Mapping[str, Any], base: Path) -> list[bytes]:
    """The rows of the contents' reference files, likewise."""
    return _rows_of("contents", config, base)


def campaigns_of(config: Mapping[str, Any], base: Path) -> list[bytes]:
    """The rows of the campaigns' reference files, likewise."""
    return _rows_of("campaigns", config, base)


def context_of(config: Mapping[str, Any], base: Path) -> list[bytes]:
    """The rows of the context's reference files, likewise."""
    return _rows_of("context", config, base)


def _rows_of(name: str, config: Mapping[str, Any], base: Path) -> list[bytes]:
    table = config.get("reference", {}).get(name)
    return [] if table is None else lines_of(base / table["path"])


def _event(row: Row, normaliser: Normaliser) -> Event:
    known = normaliser.read(row.fields["identifiers"])
    return Event(row.stream, row.fields, known.valid, known.blocked)


def _quarantined(row: Row) -> dict[str, Any]:
    return {
        "stream": row.stream,
        "source_name": row.source_name,
        "event_id": row.event_id,
        "raw": row.raw,
        "reasons": set(row.reasons),
    }

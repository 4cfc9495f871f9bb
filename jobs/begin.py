"""Begin: what a batch of the main query reads, what time it is for it, and what it decides anew."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from pyspark.sql import functions as F

from tactful.jobs.evidence import offers
from tactful.jobs.evidence.anew import SECTIONS, Anew, next_part
from tactful.jobs.lake.lake import Lake
from tactful.jobs.runs import gate, lag
from tactful.jobs.runs.backlog import gathered_before, has_read_all
from tactful.jobs.runs.batches import FUSED, Batch, Gathered, Hook, pin, read_pins, save_pins
from tactful.jobs.runs.pausing import ALL, paused
from tactful.jobs.settings.config import Config
from tactful.schemas.assignments import ASSIGNMENTS
from tactful.schemas.customers import CUSTOMER_SCORES, CUSTOMERS
from tactful.schemas.identity import IDENTIFIERS, LABELS, LINKS
from tactful.schemas.intake import WAITING
from tactful.schemas.models import MODELS
from tactful.schemas.plans import PLANS
from tactful.schemas.records import MEMBERSHIPS, RECORDS
from tactful.schemas.reference import CAMPAIGNS, CONTENTS, CONTEXT, PRODUCTS
from tactful.schemas.suppressions import DUE
from tactful.schemas.timeline import MESSAGE_KEYS, TIMELINE_LOG

# So far back the gaps between two runs say when the next one comes.
RECENT = timedelta(days=7)
LOOKED_UP = (
    LINKS,
    LABELS,
    TIMELINE_LOG,
    MESSAGE_KEYS,
    WAITING,
    DUE,
    MEMBERSHIPS,
    IDENTIFIERS,
    PRODUCTS,
    CAMPAIGNS,
    CONTENTS,
    CONTEXT,
    RECORDS,
    PLANS,
    ASSIGNMENTS,
    CUSTOMERS,
    CUSTOMER_SCORES,
    MODELS,
)


def begin(
    lake: Lake, config: Config, generation: str, batch_id: int, hook: Hook | None, *, confirm: bool
) -> tuple[Batch, Anew]:
    """Fix what the batch reads and what time it is for it, once; a repeat finds both.

    confirm: whether a changed rule may tell destinations of as many persons as it takes.
    """
    pins, is_repeated = pin(lake, FUSED, batch_id, LOOKED_UP, config.hash)
    if not is_repeated:
        # The clock's own row woke the query; what it said is remembered, and need not be looked
        # for among all that came with it.
        pins = _settled(lake, config, pins, as_of=lake.last_as_of(), confirm=confirm)
        save_pins(lake, FUSED, pins)
    return _opened(lake, generation, pins, hook), Anew(**pins["anew"])


def begin_preview(
    lake: Lake, config: Config, generation: str, batch_id: int, as_of: datetime
) -> tuple[Batch, Anew]:
    """The same for a batch of which nothing is kept; what it decides anew it decides at once."""
    pins, _ = pin(lake, FUSED, batch_id, LOOKED_UP, config.hash)
    pins = _settled(lake, config, pins, as_of=as_of, confirm=True)
    anew = Anew(**pins["anew"])
    return _opened(lake, generation, pins, None), anew.at_once() if anew.left else anew


def rules_of(lake: Lake, config: Config) -> str:
    """What a batch decides by: another word for it means that everybody is decided anew.

    Who an audience was found to hold already may have to leave it, so an import counts, too.
    """
    imports = (lake.state() or {}).get("imports")
    rules = _first_rules(lake, config)
    return f"{rules}/{imports}" if imports else rules


def _first_rules(lake: Lake, config: Config) -> str:
    """The same before anybody is known: the configuration, and the campaigns it says something of.

    A campaign that comes or is changed later is an occasion for everybody, as a rule is.
    """
    rules = config.hash_of(SECTIONS)
    named = sorted({o.campaign_id for o in config.activate if o.kind.caused_in and o.campaign_id})
    if not named:
        return rules
    rows = lake.store.read(CAMPAIGNS).where(F.col("campaign_id").isin(*named))
    told = rows.select(F.to_json(F.struct("*")).alias("row")).collect()
    text = "\n".join(sorted(row["row"] for row in told))
    return f"{rules}/{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _settled(
    lake: Lake, config: Config, pins: dict[str, Any], *, as_of: datetime | None, confirm: bool
) -> dict[str, Any]:
    """The pins of a new batch with its clock, the clock before, and its part of a changed rule."""
    batch_id = pins["batch_id"]
    earlier = read_pins(lake, FUSED, batch_id - 1) if batch_id else None
    anew = next_part(
        earlier,
        # Before the first batch nobody is known, so nobody can be decided again.
        rules=rules_of(lake, config) if earlier else _first_rules(lake, config),
        labels=lambda: lake.store.read(LABELS, pins["tables"][LABELS.id]).count(),
        number=lake.batches_before(FUSED) + batch_id,
        is_confirmed=confirm,
    )
    gathered = gathered_before(lake, batch_id)
    return {
        **pins,
        "gathered": asdict(gathered) if gathered else None,
        "as_of": as_of.isoformat() if as_of else None,
        "previous_as_of": earlier["as_of"] if earlier else None,
        "anew": asdict(anew),
        "may_speak": has_read_all(lake, batch_id),
        "replaced": offers.versions(pins["tables"], earlier["tables"] if earlier else None),
        "paused": paused(lake.store),
        "gaps": (gaps := _gaps(earlier, as_of)),
        "ahead_seconds": _ahead(config, gaps),
        "lagging": lag.lagging(lake, config, as_of=as_of) if as_of else {},
        "failing_tables": gate.tables_that_silence(lake, config),
    }


def _gaps(earlier: Mapping[str, Any] | None, as_of: datetime | None) -> dict[str, float]:
    """The longest gap between two ticks of the clock of each of the last days, in seconds.

    earlier: the pins of the batch before; None before the first.
    """
    known = dict((earlier or {}).get("gaps", {}))
    previous = (earlier or {}).get("as_of")
    if as_of is None or previous is None:
        return known
    gap = (as_of - datetime.fromisoformat(previous)).total_seconds()
    day = as_of.date().isoformat()
    known[day] = max(known.get(day, 0.0), gap)
    oldest = (as_of - RECENT).date().isoformat()
    return {day: longest for day, longest in sorted(known.items()) if day >= oldest}


def _ahead(config: Config, gaps: Mapping[str, float]) -> float:
    """How long it may be until the next run, in seconds, as far as that is known."""
    told = config.plans.emit_ahead
    return max(gaps.values(), default=0.0) if told is None else told.total_seconds()


def _opened(lake: Lake, generation: str, pins: Mapping[str, Any], hook: Hook | None) -> Batch:
    previous, gathered = pins["previous_as_of"], pins.get("gathered")
    is_silenced = pins.get("lagging") or pins.get("failing_tables")
    return Batch(
        lake,
        FUSED,
        generation,
        pins["batch_id"],
        pins["tables"],
        as_of=datetime.fromisoformat(pins["as_of"]),
        previous_as_of=datetime.fromisoformat(previous) if previous else None,
        hook=hook,
        before=lake.batches_before(FUSED),
        gathered=Gathered(**gathered) if gathered else None,
        may_speak=pins.get("may_speak", False),
        ahead=timedelta(seconds=pins.get("ahead_seconds", 0)),
        # While a source lags that may forbid something, or a table is not as it must be, it is as
        # if every policy were paused.
        paused=(ALL,) if is_silenced else tuple(pins.get("paused", ())),
        halted=tuple(pins.get("paused", ())),
        replaced=pins.get("replaced", {}),
    )

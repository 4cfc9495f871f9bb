"""Fitting: what plans weigh by is learned anew from everybody, every so often."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.jobs import propose
from tactful.jobs.lake.lake import Lake
from tactful.jobs.progress import Step
from tactful.jobs.settings.config import Config
from tactful.schemas.models import COMPLEMENT, MODELS, RESPONSE
from tactful.schemas.outcomes import OUTCOMES
from tactful.schemas.reference import PRODUCTS
from tactful.schemas.timeline import TIMELINE
from tactful.transforms.learned import complements, response_rates

FITS: Mapping[str, Callable[[Lake], DataFrame]] = {
    RESPONSE: lambda lake: response_rates(lake.store.read(OUTCOMES)),
    COMPLEMENT: lambda lake: complements(lake.store.read(TIMELINE), lake.store.read(PRODUCTS)),
}


def needed(config: Config, *, as_of: datetime) -> list[str]:
    """The models that any policy asks for which has something to say by now."""
    acting = propose.acting(config, as_of=as_of)
    asked = {one.kind.learns for one in acting}
    if any(one.value is not None for one in acting):
        asked.add(RESPONSE)
    return [name for name in FITS if name in asked]


def fit_if_due(
    lake: Lake,
    config: Config,
    *,
    as_of: datetime,
    on_progress: Callable[[str], None] = lambda _: None,
) -> bool:
    """Learn from what was published what plans weigh by, unless that was done lately.

    A batch reads the version that was there when it was first tried, so a fit changes nothing of
    what was decided before. Killed half-way it is due as before. Returns whether anything was
    learned.
    """
    names = needed(config, as_of=as_of)
    if not names:
        return False
    last = _last_fit(lake)
    is_known = {*names} <= {*last["models"]}
    if is_known and as_of - last["fitted_at"] < config.plans.refit_every:
        return False
    rows = reduce(DataFrame.unionByName, (FITS[name](lake) for name in names))
    told = {"fitted_at": F.lit(as_of), "version": F.lit(last["version"] + 1)}
    lake.overwrite(MODELS, MODELS.conform(rows.withColumns(told)))
    on_progress(Step("learned what plans weigh by", name="publish"))
    return True


def _last_fit(lake: Lake) -> dict[str, Any]:
    """When was learned last, what, and how often by then; the epoch where never."""
    found = (
        lake.store.read(MODELS)
        .agg(
            F.coalesce(F.unix_micros(F.max("fitted_at")), F.lit(0)).alias("micros"),
            F.coalesce(F.max("version"), F.lit(0)).alias("version"),
            F.collect_set("model").alias("models"),
        )
        .collect()[0]
    )
    fitted_at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=found.micros)
    return {"fitted_at": fitted_at, "version": found.version, "models": found.models}

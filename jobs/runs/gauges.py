"""Gauges: how a run goes, in numbers that Spark's own Prometheus servlet shows.

Spark keeps them as its accumulators' source, under names of the configuration's: a name holds the
source, query or destination that it is about, since Spark knows no labels. Names are fixed when the
run begins, so that a board finds each before anything has happened.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from tactful.jobs.runs.batches import ACCEPT, FUSED, Batch, Output
from tactful.jobs.runs.lag import ACCEPTED
from tactful.jobs.settings.config import Config
from tactful.schemas.plans import OUTCOMES, PLANS
from tactful.schemas.records import RECORDS
from tactful.schemas.table import Table

PATH = "/metrics/prometheus"
SERVLET = "spark.metrics.conf.*.sink.prometheusServlet"
# Of a batch: what it read and what became of that, as `batches` has it.
SUMMED = {
    ACCEPT: ("read_rows", "accepted_rows", "duplicate_rows", "quarantined_rows"),
    FUSED: ("read_rows", "affected_persons"),
}
# Of a destination's turn of sending.
OF_SENDING = ("accepted", "rejected", "given_up", "waiting", "refused_records")
# By the id of the application: what its context shows already.
_KEPT: dict[str, dict[str, Any]] = {}


def session_settings(config: Config) -> dict[str, str]:
    """What Spark has to be started with to show gauges; nothing where nobody asks for them."""
    if config.metrics.port is None:
        return {}
    return {
        "spark.ui.enabled": "true",
        "spark.ui.killEnabled": "false",
        "spark.ui.port": str(config.metrics.port),
        "spark.metrics.namespace": "tactful",
        f"{SERVLET}.class": "org.apache.spark.metrics.sink.PrometheusServlet",
        f"{SERVLET}.path": PATH,
    }


def address(spark: SparkSession) -> str | None:
    """Where they are shown; None where Spark shows nothing."""
    own = spark.sparkContext.uiWebUrl
    return own and f"{own}{PATH}/"


class Gauges:
    """The numbers of one run. Without `[metrics]` none is kept and nothing is counted."""

    def __init__(self, spark: SparkSession, config: Config) -> None:
        self._at: dict[str, Any] = {}
        if config.metrics.port is None:
            return
        self._at = _kept_by(spark, list(_names(config)))

    def batch_done(self, batch: Batch, outputs: Mapping[Table, Output]) -> None:
        """Add what a batch has done."""
        if not self._at or batch.query not in SUMMED:
            return
        query = batch.query
        self._add(f"{query}_batches", 1)
        self._set(f"{query}_batch_seconds", sum(batch.seconds.values()))
        for name in SUMMED[query]:
            self._add(f"{query}_{name}", batch.row.get(name) or 0)
        if batch.as_of is not None:
            self._set("decided_as_of_seconds", batch.as_of.timestamp())
        if isinstance(plans := outputs.get(PLANS), DataFrame):
            for row in plans.groupBy("outcome").agg(F.count("*").alias("rows")).collect():
                self._add(f"decisions_{row['outcome']}", row["rows"])
        if isinstance(records := outputs.get(RECORDS), DataFrame):
            for row in records.groupBy("destination").agg(F.count("*").alias("rows")).collect():
                self._add(f"records_{row['destination']}", row["rows"])

    def caught_up(self, state: Mapping[str, Any]) -> None:
        """Say until when each source was read to its end, and all of that accepted."""
        if self._at:
            for name, told in (state.get(ACCEPTED) or {}).items():
                self._set(f"source_{name}_read_until_seconds", _seconds(told))

    def sent(self, turns: Mapping[str, Mapping[str, Any]]) -> None:
        """Add what became of the files of destinations that are sent to."""
        if not self._at:
            return
        for destination, turn in turns.items():
            for name in OF_SENDING:
                change = self._set if name == "waiting" else self._add
                change(f"sent_{destination}_{name}", turn[name])
            self._set(f"sent_{destination}_is_stopped", float(turn["stopped"] is not None))

    def _add(self, name: str, number: float) -> None:
        if name in self._at:
            self._at[name].add(float(number))

    def _set(self, name: str, number: float) -> None:
        # In one step, so that nobody who reads meanwhile finds nothing.
        if name in self._at:
            self._at[name].add(float(number) - self._at[name].value())


def _kept_by(spark: SparkSession, names: Sequence[str]) -> dict[str, Any]:
    """Spark's own numbers by their names; a context takes each name once, whoever runs on it."""
    context, jvm = spark.sparkContext._jsc.sc(), spark.sparkContext._jvm
    kept = _KEPT.setdefault(context.applicationId(), {})
    new = {name: context.doubleAccumulator(name) for name in names if name not in kept}
    # The class has a method of the same name, so the one of its companion has to be asked for.
    source = getattr(jvm.org.apache.spark.metrics.source, "DoubleAccumulatorSource$")
    getattr(source, "MODULE$").register(context, jvm.PythonUtils.toScalaMap(new))
    kept |= new
    return {name: kept[name] for name in names}


def _names(config: Config) -> Iterator[str]:
    """Every gauge of a run, by its configuration."""
    for query, summed in SUMMED.items():
        yield from (f"{query}_{name}" for name in ("batches", "batch_seconds", *summed))
    yield "decided_as_of_seconds"
    yield from (f"source_{name}_read_until_seconds" for name in config.sources)
    yield from (f"decisions_{outcome}" for outcome in OUTCOMES)
    for destination in config.destinations:
        yield f"records_{destination.name}"
        if destination.is_sent:
            told = (*OF_SENDING, "is_stopped")
            yield from (f"sent_{destination.name}_{name}" for name in told)


def _seconds(told: str) -> float:
    return datetime.fromisoformat(told).timestamp()

"""The lake: where tables, logs, checkpoints and the outbox lie, and what it remembers of itself."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from tactful.jobs.errors import (
    CheckpointMismatch,
    IdentityChanged,
    LakeError,
)
from tactful.jobs.lake import names, secret
from tactful.jobs.lake.files import files_at
from tactful.jobs.lake.frames import small_frame
from tactful.jobs.lake.local_store import LocalStore
from tactful.jobs.lake.named_store import NamedStore
from tactful.jobs.lake.observer import Observer
from tactful.jobs.lake.spark_store import SparkStore
from tactful.jobs.lake.state import (
    STATE,
    read_json,
    read_state,
    refuse_half_done_replay,
    refuse_other_format,
    stored_state,
)
from tactful.jobs.lake.store import Store
from tactful.jobs.lake.systems import is_all_here, is_shared, reached
from tactful.jobs.settings.config import Config
from tactful.schemas.catalog import TABLES
from tactful.schemas.table import FORMAT_VERSION, Table
from tactful.transforms.identity.keys import hmac_pads

# How often a small file that another changes meanwhile is looked at anew.
TRIES = 20
REBUILD = "put a copy of it back, or rebuild with: tactful replay --from received"
# delta-rs alone would let a hundred commits pile up, each a file that the next run has to read.
KEPT = {"delta.logRetentionDuration": "interval 30 days", "delta.checkpointInterval": "20"}


class Lake:
    """One lake, opened with one session: paths, versions, reads, and its own small state.

    spark: None is enough for the paths, versions and state of a lake of this machine whose tables
    lie in its folder. tables_in: the catalog and schema in which a new lake's tables are made; one
    that is there remembers its own.
    """

    def __init__(
        self, spark: SparkSession | None, location: str, *, tables_in: str | None = None
    ) -> None:
        self.spark = spark
        self.store = open_store(spark, location, tables_in=tables_in)
        self.location = self.store.location
        self.observer = Observer()

    def checkpoint(self, query: str) -> str:
        """Spark's own folder of a query; what Tactful keeps of it lies beside, not inside."""
        return f"{self.location}/_checkpoints/{query}/spark"

    def beside_checkpoint(self, query: str, name: str) -> str:
        """A file or folder that Tactful itself keeps of a query; an empty name is that of all."""
        return f"{self.location}/_checkpoints/{query}/{name}"

    def outbox(self, destination: str) -> str:
        """The folder of a destination's files."""
        return f"{self.location}/outbox/{destination}"

    def close_outbox(self) -> None:
        """Make the folder of all outboxes, which only its owner may enter."""
        self.store.make_private(f"{self.location}/outbox")

    def overwrite(self, table: Table, rows: DataFrame, *, few: bool = False) -> None:
        """Put rows, in the table's columns, in the place of all that are there.

        few: whether they are so little that they may pass through this process.
        """
        self.store.overwrite(table, self.store.collected(rows, few=few))

    def remove(self, table: Table) -> None:
        """Take a table away, with what is remembered of its versions."""
        self.store.remove_table(table)
        folds = (self.state() or {}).get("folds", {})
        if table.id in folds:
            self.remember(folds={name: last for name, last in folds.items() if name != table.id})

    def state(self) -> dict[str, Any] | None:
        """What the lake knows of itself; None where there is no lake. Raises: LakeDamaged."""
        return read_state(self.store)

    def remember(self, **facts: Any) -> None:
        """Change what the lake knows of itself, in one move; what others change meanwhile stays.

        Raises: LeaseLost, where the lake is another run's by now.
        """
        place = f"{self.location}/{STATE}"
        for _ in range(TRIES):
            before = self.store.read_text(place)
            state = {**(self.state() or {}), **facts}
            text = json.dumps(state, indent=2, sort_keys=True) + "\n"
            self.store.confirm()
            if self.store.swap_text(place, before, text):
                return
        raise LakeError(
            f"{place} is changed by others again and again; see who else writes to the lake, then "
            "run the same command again."
        )

    def last_as_of(self) -> datetime | None:
        """What the decision clock said last; None before its first tick."""
        as_of = (self.state() or {}).get("as_of")
        return datetime.fromisoformat(as_of) if as_of else None

    def check(self, config: Config) -> None:
        """Refuse a lake that this software or this configuration must not write to.

        Raises: LakeTooNew, ReplayHalfDone, SecretRefused, IdentityChanged; nothing has been
        written by then.
        """
        state = self.state()
        if state is None:
            secret.find(self.location, config.lake.secret)
            self._refuse_what_a_lake_left()
            return
        self.check_owner(config, state)
        self._refuse_other_names(config, state)
        refuse_half_done_replay(state, self.location)
        if state["identity_hash"] != config.identity_hash:
            raise IdentityChanged(
                f"The identity section differs from the one the lake at {self.location} was "
                "stitched with; put it back, or rebuild with: tactful replay --from received."
            )

    def check_owner(self, config: Config, state: Mapping[str, Any]) -> None:
        """Refuse a lake of another format, or one whose keys were made with another secret."""
        refuse_other_format(state, self.location)
        found = secret.find(self.location, config.lake.secret)
        secret.refuse_another(
            found, state["secret_check"], lake_id=state["lake_id"], location=self.location
        )

    def _refuse_other_names(self, config: Config, state: Mapping[str, Any]) -> None:
        """Tables made anew under another name would be empty, and all that is known forgotten."""
        made, asked = names.schema_of(dict(state)), config.lake.tables_in
        if made != asked:
            made_in, asked_for = (
                f"in {name}" if name else "in its folder" for name in (made, asked)
            )
            raise LakeError(
                f"The lake at {self.location} keeps its tables {made_in}, and lake.catalog and "
                f"lake.schema ask for them {asked_for}; put them back, or make a new lake at "
                "another location from the same landing files."
            )

    def _refuse_what_a_lake_left(self) -> None:
        """A file that is there is kept, so a new lake would take another lake's for its own."""
        if self.store.names(f"{self.location}/_checkpoints"):
            raise LakeError(
                f"{self.location} holds a lake's tables and checkpoints, but not its {STATE}: put "
                "that file back from a copy, or move the whole folder away and land all files anew."
            )
        outbox = f"{self.location}/outbox"
        if any(self.store.names(f"{outbox}/{d}") for d in self.store.names(outbox)):
            raise LakeError(
                f"{outbox} holds the files of a lake that is no longer there; move them away."
            )

    def create(self, config: Config) -> None:
        """Make every table that is missing, empty, so that streams of any subset can start."""
        key = self.secret(config)
        if isinstance(self.store, NamedStore):
            self.store.refuse_forgotten()
        for table in TABLES.values():
            self.store.create(table, properties={**KEPT, **_skipping(table)})
        state = self.state() or {
            "format_version": FORMAT_VERSION,
            "lake_id": uuid.uuid4().hex,
            "created_at": datetime.now(UTC).isoformat(),
            "identity_hash": config.identity_hash,
            "generations": {},
        }
        state.setdefault("secret_check", secret.check_value(key, lake_id=state["lake_id"]))
        folders = config.landing_folders
        self.remember(
            **{
                **state,
                "configuration_hash": config.hash,
                "sources": folders,
                "tables": sorted(TABLES),
                **({"schema": config.lake.tables_in} if config.lake.tables_in else {}),
            }
        )

    def generation(self, query: str) -> str:
        """The life of a query's checkpoint: part of every transaction id it writes under.

        A new checkpoint with an old transaction id would be ignored for ever, and an old
        checkpoint under a new lake would write everything twice: both are refused here.

        Raises: CheckpointMismatch.
        """
        state = self.state()
        if state is None:
            raise LakeError(f"There is no lake at {self.location}; start one with: tactful run.")
        place = self.beside_checkpoint(query, "generation.json")
        found = read_json(self.store, place, way_out=REBUILD)
        known = state["generations"].get(query)
        if found is None and known is None:
            # Without an offset no batch was begun: that is no checkpoint, and goes at the start.
            if self.store.names(f"{self.checkpoint(query)}/offsets"):
                raise CheckpointMismatch(
                    f"The checkpoint of query {query} at {self.checkpoint(query)} was not made by "
                    "this lake; remove it, or rebuild with: tactful replay --from received."
                )
            known = uuid.uuid4().hex
            born = {"query": query, "generation": known, "lake_id": state["lake_id"]}
            self.store.write_text(place, json.dumps(born) + "\n")
            self.remember(generations={**state["generations"], query: known})
            return known
        if found is not None and known is None and found["lake_id"] == state["lake_id"]:
            # Killed between the two writes of a first start.
            self.remember(generations={**state["generations"], query: found["generation"]})
            return str(found["generation"])
        if found is None or (found["query"], found["generation"]) != (query, known):
            whose = "is missing" if found is None else f"belongs to query {found['query']}"
            raise CheckpointMismatch(
                f"The checkpoint of query {query} below {self.location}/_checkpoints {whose}; put "
                "the right one back, or rebuild with: tactful replay --from received."
            )
        return str(known)

    def batches_before(self, query: str) -> int:
        """How many batches of a query earlier checkpoints counted."""
        return int((self.state() or {}).get("batches_before", {}).get(query, 0))

    def pads(self, config: Config, spark: SparkSession | None = None) -> DataFrame:
        """The lake's secret as executors may have it: one broadcast row, never a literal (G8).

        spark: the session of what it is joined with, where that is another than the lake's.
        """
        inner, outer = hmac_pads(self.secret(config))
        pads = StructType.fromDDL("inner binary, outer binary")
        return small_frame(spark or self.spark, [{"inner": inner, "outer": outer}], pads)

    def secret(self, config: Config) -> bytes:
        """The secret, made on first use where the lake keeps its own."""
        found = secret.find(self.location, config.lake.secret)
        return secret.make(self.location) if found is None else found


def open_store(spark: SparkSession, location: str, *, tables_in: str | None = None) -> Store:
    """Choose, once, how what lies at a location is best dealt with."""
    here = reached(location, spark)
    state = None if spark is None else stored_state(files_at(location, spark))
    named = names.schema_of(state) if state else tables_in
    if named is not None and spark is not None:
        place = location if here is None else f"file:{here}"
        return NamedStore(spark, place, named, is_new=state is None)
    if here is None:
        return SparkStore(spark, location)
    if spark is None or (is_all_here(spark) and not is_shared(here)):
        return LocalStore(spark, here)
    return SparkStore(spark, f"file:{here}")


def _skipping(table: Table) -> dict[str, str]:
    names = table.skips_by()
    if not names:
        return {"delta.dataSkippingNumIndexedCols": "0"}
    return {"delta.dataSkippingStatsColumns": ",".join(names)}

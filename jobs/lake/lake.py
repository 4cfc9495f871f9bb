"""The lake: where tables, logs, checkpoints and the outbox lie, and what it remembers of itself."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import deltalake
import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructType

from tactful.jobs.errors import (
    CheckpointMismatch,
    IdentityChanged,
    LakeError,
    StepFailed,
)
from tactful.jobs.lake import files, private, secret
from tactful.jobs.lake.lookups import Lookups
from tactful.jobs.lake.state import (
    STATE,
    read_json,
    read_state,
    refuse_half_done_replay,
    refuse_other_format,
)
from tactful.jobs.session import frame_of, small_frame
from tactful.jobs.settings.config import Config
from tactful.schemas.catalog import TABLES
from tactful.schemas.table import FORMAT_VERSION, Table
from tactful.transforms.identity.keys import hmac_pads

REBUILD = "put a copy of it back, or rebuild with: tactful replay --from received"
# delta-rs alone would let a hundred commits pile up, each a file that the next run has to read.
KEPT = {"delta.logRetentionDuration": "interval 30 days", "delta.checkpointInterval": "20"}


class Part(NamedTuple):
    """Rows for one table, and the transaction under which they are written once, if under any."""

    rows: pa.Table
    application: str | None = None
    version: int = 0


class Lake:
    """One lake, opened with one session: paths, versions, reads, and its own small state."""

    def __init__(self, spark: SparkSession, location: str) -> None:
        self.spark = spark
        self.location = location.rstrip("/")
        self.lookups = Lookups()
        self._closed: dict[str, int] = {}

    def path(self, table: Table) -> str:
        return f"{self.location}/{table.path}"

    def checkpoint(self, query: str) -> str:
        """Spark's own folder of a query; what Tactful keeps of it lies beside, not inside."""
        return f"{self.location}/_checkpoints/{query}/spark"

    def beside_checkpoint(self, query: str, name: str) -> str:
        return f"{self.location}/_checkpoints/{query}/{name}"

    def outbox(self, destination: str) -> str:
        return f"{self.location}/outbox/{destination}"

    def close_outbox(self) -> None:
        """Make the folder of all outboxes, which only its owner may enter."""
        if files.is_local(self.location):
            private.make_folder(f"{self.location}/outbox")

    def version(self, table: Table) -> int:
        """The newest version of a table, from the names in its log."""
        return max(self._versions(table))

    def _versions(self, table: Table) -> list[int]:
        """The versions whose commits lie in the log; none where making it was cut short."""
        logged = files.names(self.spark, f"{self.path(table)}/_delta_log")
        return [int(name[:20]) for name in logged if name.endswith(".json")]

    def read(self, table: Table, version: int | None = None) -> DataFrame:
        """The table as it stands, or as it stood at a version."""
        reader = self.spark.read.format("delta")
        if version is not None:
            reader = reader.option("versionAsOf", version)
        return reader.load(self.path(table))

    def size(self, table: Table, version: int) -> int:
        """How many bytes a table's files had at a version; elsewhere than here, now."""
        if files.is_local(self.location):
            added = deltalake.DeltaTable(self.path(table), version=version).get_add_actions()
            return sum(pa.table(added)["size_bytes"].to_pylist())
        told = self.spark.sql(f"DESCRIBE DETAIL delta.`{self.path(table)}`").first()
        return int(told["sizeInBytes"])

    def append(self, table: Table, *parts: Part) -> None:
        """Append a few rows of this process in one commit, but no part that was written before.

        On the local disk without Spark: the same log entries in a tenth of the time, since Spark
        reads the whole log anew to look a transaction up, and plans a job for every file.
        """
        brought = [part for part in parts if part.rows.num_rows]
        if not brought:
            return
        if not files.is_local(self.location):
            for part in brought:
                rows = table.conform(frame_of(self.spark, part.rows))
                self.append_by_spark(table, rows, part.application, part.version)
            return
        delta = deltalake.DeltaTable(self.path(table))
        new = [part for part in brought if _last(delta, part) < part.version]
        if not new:
            return
        transactions = [
            deltalake.Transaction(p.application, p.version) for p in new if p.application
        ]
        deltalake.write_deltalake(
            delta,
            pa.concat_tables(_solid(part.rows, table) for part in new),
            mode="append",
            writer_properties=deltalake.WriterProperties(compression="ZSTD"),
            commit_properties=deltalake.CommitProperties(app_transactions=transactions),
        )
        self._close(table)

    def append_by_spark(
        self, table: Table, rows: DataFrame, application: str | None = None, version: int = 0
    ) -> None:
        """Append rows in the table's columns; none, where this version of the application has."""
        writer = rows.write.format("delta").mode("append")
        if application:
            writer = writer.option("txnAppId", application).option("txnVersion", version)
        writer.save(self.path(table))
        self._close(table)

    def overwrite(self, table: Table, rows: DataFrame) -> None:
        """Put rows, in the table's columns, in the place of all that are there."""
        rows.write.format("delta").mode("overwrite").save(self.path(table))
        self._close(table)

    def compact(self, table: Table, *, up_to: int) -> None:
        """Make few files of many small ones; their rows stay, and streams do not notice.

        up_to: the bytes of a file that is large enough to be left alone.
        """
        if files.is_local(self.location):
            deltalake.DeltaTable(self.path(table)).optimize.compact(target_size=up_to)
        else:
            self.spark.sql(f"OPTIMIZE delta.`{self.path(table)}`")
        self._close(table)

    def _close(self, table: Table) -> None:
        """Let nobody else read what was just written to a protected table of this machine (G8)."""
        if not table.is_protected or not files.is_local(self.location):
            return
        done = self._closed.get(table.id)
        if done is None:
            # Whatever an earlier process was killed behind, or an older version left open.
            private.close_tree(self.path(table))
            done = self.version(table)
        self._closed[table.id] = private.close_commits(self.path(table), after=done)

    def remove(self, table: Table) -> None:
        """Take a table of this machine away, with what is remembered of its versions."""
        self.remove_folder(self.path(table))
        self._closed.pop(table.id, None)
        folds = (self.state() or {}).get("folds", {})
        if table.id in folds:
            self.remember(folds={name: last for name, last in folds.items() if name != table.id})

    def stream(self, table: Table, **options: str) -> DataFrame:
        return self.spark.readStream.format("delta").options(**options).load(self.path(table))

    def remove_folder(self, path: str) -> None:
        """Take a folder of this machine away; that it is gone already is no error.

        Raises: StepFailed, where a part of it stays.
        """
        try:
            shutil.rmtree(path)
        except FileNotFoundError:
            return
        except OSError as error:
            raise StepFailed(
                f"{error.filename or path} cannot be removed ({(error.strerror or '').lower()}); "
                "see to that, then run the same command again."
            ) from error

    def state(self) -> dict[str, Any] | None:
        return read_state(self.spark, self.location)

    def remember(self, **facts: Any) -> None:
        """Change what the lake knows of itself, in one move."""
        state = {**(self.state() or {}), **facts}
        text = json.dumps(state, indent=2, sort_keys=True)
        files.write_text(self.spark, f"{self.location}/{STATE}", text + "\n")

    def last_as_of(self) -> datetime | None:
        """What the decision clock said last; None before its first tick."""
        told = (self.state() or {}).get("as_of")
        return datetime.fromisoformat(told) if told else None

    def check(self, config: Config) -> None:
        """Refuse a lake that this software or this configuration must not write to.

        Raises: LakeTooNew, ReplayHalfDone, SecretRefused, IdentityChanged; nothing has been
        written by then.
        """
        state = self.state()
        if state is None:
            secret.find(self.location, config.lake.secret)
            self._refuse_an_old_outbox()
            return
        self.check_owner(config, state)
        refuse_half_done_replay(state, self.location)
        if state["identity_hash"] != config.identity_hash:
            raise IdentityChanged(
                f"The identity section differs from the one the lake at {self.location} was "
                "stitched with; put it back, or rebuild with: tactful replay --from received."
            )

    def check_owner(self, config: Config, state: Mapping[str, Any]) -> None:
        """Refuse a lake of another format, or one whose keys were made with another secret."""
        refuse_other_format(state, self.location)
        told, known = secret.find(self.location, config.lake.secret), state.get("secret_check")
        if known is not None:
            secret.refuse_another(told, known, lake_id=state["lake_id"], location=self.location)

    def _refuse_an_old_outbox(self) -> None:
        """A file that is there is kept, so a new lake would take another lake's for its own."""
        outbox = f"{self.location}/outbox"
        if any(files.names(self.spark, f"{outbox}/{d}") for d in files.names(self.spark, outbox)):
            raise LakeError(
                f"{outbox} holds the files of a lake that is no longer there; move them away."
            )

    def create(self, config: Config) -> None:
        """Make every table that is missing, empty, so that streams of any subset can start."""
        told = self.secret(config)
        for table in TABLES.values():
            place = self.path(table)
            if table.is_protected and files.is_local(place):
                private.make_folder(place)  # before there is anything in it
            if self._versions(table):
                self._close(table)
                continue
            properties = {**KEPT, **_skipping(table)}
            if files.is_local(place):
                # delta-rs makes an empty table in milliseconds, Spark in a second each.
                deltalake.DeltaTable.create(
                    place,
                    schema=deltalake.Schema.from_json(table.struct().json()),
                    name=table.name,
                    description=table.doc,
                    partition_by=list(table.partitioned_by) or None,
                    configuration=properties,
                )
            else:
                empty = small_frame(self.spark, [], table.struct())
                writer = empty.write.format("delta").partitionBy(*table.partitioned_by)
                writer.options(description=table.doc, **properties).save(place)
            self._close(table)
        state = self.state() or {
            "format_version": FORMAT_VERSION,
            "lake_id": uuid.uuid4().hex,
            "created_at": datetime.now(UTC).isoformat(),
            "identity_hash": config.identity_hash,
            "generations": {},
        }
        state.setdefault("secret_check", secret.check_value(told, lake_id=state["lake_id"]))
        folders = {name: config.path(source.path) for name, source in config.sources.items()}
        self.remember(**{**state, "configuration_hash": config.hash, "sources": folders})

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
        found = read_json(self.spark, place, way_out=REBUILD)
        known = state["generations"].get(query)
        if found is None and known is None:
            if files.exists(self.spark, self.checkpoint(query)):
                raise CheckpointMismatch(
                    f"The checkpoint of query {query} at {self.checkpoint(query)} was not made by "
                    "this lake; remove it, or rebuild with: tactful replay --from received."
                )
            known = uuid.uuid4().hex
            born = {"query": query, "generation": known, "lake_id": state["lake_id"]}
            files.write_text(self.spark, place, json.dumps(born) + "\n")
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

    def pads(self, config: Config) -> DataFrame:
        """The lake's secret as executors may have it: one broadcast row, never a literal (G8)."""
        inner, outer = hmac_pads(self.secret(config))
        pads = StructType.fromDDL("inner binary, outer binary")
        return small_frame(self.spark, [{"inner": inner, "outer": outer}], pads)

    def secret(self, config: Config) -> bytes:
        """The secret, made on first use where the lake keeps its own."""
        told = secret.find(self.location, config.lake.secret)
        return secret.make(self.location) if told is None else told


def _skipping(table: Table) -> dict[str, str]:
    names = table.skips_by()
    if not names:
        return {"delta.dataSkippingNumIndexedCols": "0"}
    return {"delta.dataSkippingStatsColumns": ",".join(names)}


def _last(delta: deltalake.DeltaTable, part: Part) -> int:
    """The newest version that was written under a part's transaction; -1 before the first."""
    written = delta.transaction_version(part.application) if part.application else None
    return -1 if written is None else written


def _solid(rows: pa.Table, table: Table) -> pa.Table:
    """The same rows in the table's columns, and in buffers of their own: Java leaves out those of
    a list without elements, and Rust reads them.
    """
    named = rows.select(table.names).cast(to_arrow_schema(table.struct()))
    return named.take(pa.array(np.arange(rows.num_rows)))

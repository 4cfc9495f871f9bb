"""A store whose tables a catalog keeps by name; its small files lie in a folder as any lake's do.

Nothing here asks where a table's files are: in Unity Catalog nobody but the catalog may know. So
versions and what they brought come from a table's history, as SQL tells it.
"""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from tactful.jobs.errors import LakeDamaged, LakeError
from tactful.jobs.lake.names import in_catalog, quoted
from tactful.jobs.lake.spark_store import SparkStore, literal
from tactful.schemas.catalog import TABLES
from tactful.schemas.intake import FILES
from tactful.schemas.table import Table

# The property of each table that tells which lake it is of.
OWNER = "tactful.location"
OWN = {in_catalog(table) for table in TABLES.values()}
# What a version did that brought no rows of its own.
BROUGHT_NONE = ("OPTIMIZE", "VACUUM START", "VACUUM END")


class NamedStore(SparkStore):
    """`Store` by names: `catalog.schema.table`."""

    def __init__(
        self, spark: SparkSession, location: str, schema: str, *, is_new: bool = False
    ) -> None:
        super().__init__(spark, location)
        self.schema, self._is_new = schema, is_new

    def name(self, table: Table) -> str:
        """A table's name, each part of it in quotes."""
        return quoted(f"{self.schema}.{in_catalog(table)}")

    def is_there(self, table: Table) -> bool:
        """Whether the catalog has a table."""
        return bool(self.spark.catalog.tableExists(self.name(table)))

    def create(self, table: Table, *, properties: Mapping[str, str]) -> None:
        self.confirm()
        if self._is_new:
            self._begin()
        if self.is_there(table):
            self._widen(table)
        else:
            self._make(table, {**properties, OWNER: self.location})

    def _begin(self) -> None:
        """Make the schema where there is none; another lake's is refused.

        Raises: LakeError.
        """
        schema = quoted(self.schema)
        self.spark.sql(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        for row in self.spark.sql(f"SHOW TABLES IN {schema}").collect():
            place = f"{schema}.`{row['tableName']}`"
            told = self.spark.sql(f"SHOW TBLPROPERTIES {place}").collect()
            owner = {one["key"]: one["value"] for one in told}.get(OWNER)
            if owner != self.location and row["tableName"] in OWN:
                raise LakeError(
                    f"{self.schema} has a table {row['tableName']} that is not this lake's but "
                    f"{owner or 'of somebody else'}; choose another lake.schema."
                )
        self._is_new = False

    def refuse_forgotten(self) -> None:
        """Refuse a lake whose tables its catalog has no more, since new ones would be empty.

        Raises: LakeDamaged.
        """
        if not self._is_new and not self.is_there(FILES):
            raise LakeDamaged(
                f"The catalog has no tables of the lake at {self.location} in {self.schema}: start "
                "Spark with the metastore that they were made in, or make a new lake at another "
                "location from the same landing files."
            )

    def _make(self, table: Table, properties: Mapping[str, str]) -> None:
        columns = ", ".join(
            f"`{column.name}` {column.type} COMMENT {literal(column.doc)}"
            for column in table.columns
        )
        kept = ", ".join(
            f"{literal(name)} = {literal(value)}" for name, value in properties.items()
        )
        by = ", ".join(f"`{name}`" for name in table.partitioned_by)
        self.spark.sql(
            f"CREATE TABLE {self.name(table)} ({columns}) USING delta "
            + (f"PARTITIONED BY ({by}) " if by else "")
            + f"COMMENT {literal(table.doc)} TBLPROPERTIES ({kept})"
        )

    def _sql_name(self, table: Table) -> str:
        return self.name(table)

    def version(self, table: Table) -> int:
        newest = self.spark.sql(f"DESCRIBE HISTORY {self.name(table)} LIMIT 1").first()
        if newest is None:
            raise LakeDamaged(f"The catalog tells no history of {self.name(table)}.")
        return int(newest["version"])

    def read(self, table: Table, version: int | None = None) -> DataFrame:
        reader = self.spark.read
        if version is not None:
            reader = reader.option("versionAsOf", version)
        return reader.table(self.name(table))

    def stream(self, table: Table, **options: str) -> DataFrame:
        return self.spark.readStream.options(**options).table(self.name(table))

    def append_by_spark(
        self, table: Table, rows: DataFrame, application: str | None = None, version: int = 0
    ) -> None:
        self.confirm()
        writer = rows.writeTo(self.name(table))
        if application:
            writer = writer.option("txnAppId", application).option("txnVersion", str(version))
        writer.append()

    def _overwrite(self, table: Table, rows: DataFrame) -> None:
        if self._is_shaped_otherwise(table):
            writer = rows.to(table.struct()).write.format("delta").mode("overwrite")
            writer.option("overwriteSchema", "true").saveAsTable(self.name(table))
            return
        rows.writeTo(self.name(table)).overwrite(F.lit(True))

    def _replace_where(self, table: Table, rows: DataFrame, condition: str) -> None:
        rows.writeTo(self.name(table)).overwrite(F.expr(condition))

    def appended_rows(self, table: Table, *, since: int) -> int:
        told = self.spark.sql(f"DESCRIBE HISTORY {self.name(table)}")
        brought = told.where((F.col("version") >= since) & ~F.col("operation").isin(*BROUGHT_NONE))
        rows = brought.selectExpr("sum(CAST(operationMetrics['numOutputRows'] AS bigint))").first()
        return int(rows[0] or 0) if rows else 0

    def remove_table(self, table: Table) -> None:
        self.confirm()
        self.spark.sql(f"DROP TABLE IF EXISTS {self.name(table)}")

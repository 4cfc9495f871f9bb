"""A lake whose tables a catalog keeps: whose schema it is, and what it refuses."""

from __future__ import annotations

import uuid

import pytest

from tactful.jobs.errors import LakeDamaged, LakeError, PathRefused
from tactful.jobs.lake import systems
from tactful.jobs.lake.lake import Lake
from tactful.jobs.lake.named_store import NamedStore
from tactful.jobs.runs.may_run import refuse_paths, refuse_sending
from tactful.schemas.identity import LINKS
from tactful.schemas.intake import FILES
from tests.jobs.runs.test_pipeline import configured


@pytest.fixture
def schema(spark):
    name = f"spark_catalog.named_{uuid.uuid4().hex[:8]}"
    yield name
    spark.sql(f"DROP SCHEMA IF EXISTS {name} CASCADE")


def test_another_lakes_tables_are_refused(spark, schema, tmp_path) -> None:
    NamedStore(spark, f"file:{tmp_path}/one", schema, is_new=True).create(FILES, properties={})
    again = NamedStore(spark, f"file:{tmp_path}/one", schema, is_new=True)
    again.create(FILES, properties={})
    other = NamedStore(spark, f"file:{tmp_path}/other", schema, is_new=True)
    with pytest.raises(LakeError, match=r"has a table log_files that is not this lake's"):
        other.create(LINKS, properties={})


def test_tables_that_the_catalog_lost_are_not_made_anew(spark, schema, tmp_path) -> None:
    with pytest.raises(LakeDamaged, match="The catalog has no tables of the lake"):
        NamedStore(spark, f"file:{tmp_path}/lake", schema).refuse_forgotten()


def test_a_table_has_its_comments(spark, schema, tmp_path) -> None:
    store = NamedStore(spark, f"file:{tmp_path}/lake", schema, is_new=True)
    store.create(FILES, properties={"delta.checkpointInterval": "20"})
    told = {row["col_name"]: row for row in
            spark.sql(f"DESCRIBE TABLE EXTENDED {schema}.log_files").collect()}  # fmt: skip
    assert told["Comment"]["data_type"] == FILES.doc
    assert told["path"]["comment"] == next(c.doc for c in FILES.columns if c.name == "path")
    assert "delta.checkpointInterval=20" in told["Table Properties"]["data_type"]


def named(tmp_path, schema: str, **more):
    catalog, _, name = schema.partition(".")
    return configured(tmp_path, lake={"catalog": catalog, "schema": name}, **more)


def test_a_lake_keeps_its_tables_where_they_are(spark, schema, tmp_path) -> None:
    config = configured(tmp_path)
    lake = Lake(spark, config.location)
    lake.create(config)
    with pytest.raises(LakeError, match=r"in its folder, and lake\.catalog and lake\.schema ask"):
        Lake(spark, config.location).check(named(tmp_path, schema))


def test_a_catalog_that_forgets_is_refused(spark, schema, tmp_path) -> None:
    config = named(tmp_path, schema)
    with pytest.raises(PathRefused, match="keeps in memory and forgets"):
        refuse_paths(spark, config)
    fault = systems.catalog_fault("no_such.shop", spark)
    assert fault is not None and "does not reach" in fault


def test_what_is_sent_needs_tables_in_a_folder(schema, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HOOK", "k" * 24)
    config = named(tmp_path, schema, destinations=[
        {"name": "hook", "kind": "webhook", "policy": "unsubscribed", "deliver": "http",
         "endpoint": "https://example.com/x", "credential": "env:HOOK"}
    ])  # fmt: skip
    with pytest.raises(LakeError, match="kept by name in spark_catalog"):
        refuse_sending(config)

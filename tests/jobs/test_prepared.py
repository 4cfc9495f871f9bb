"""What set-up lays ready is used where it fits, and passed over where it does not."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from pyspark.version import __version__ as spark_version

from tactful.jobs import prepare, prepared
from tactful.jobs.connectors import AVRO, KAFKA
from tactful.jobs.session import LAUNCH, shipped_defaults

PACKAGES = shipped_defaults()[prepared.PACKAGES]
OURS = {**LAUNCH, **shipped_defaults()}


def laid_ready(place: Path, **otherwise: object) -> Path:
    (place / "jars").mkdir(parents=True)
    (place / "jars" / "delta.jar").touch()
    prepared.archive(place).touch()
    known = {"spark": spark_version, "jars": {PACKAGES: ["delta.jar"]}, **otherwise}
    prepared.note(place).write_text(json.dumps(known))
    return place


def test_jars_and_classes_stand_for_the_packages(tmp_path: Path) -> None:
    place = laid_ready(tmp_path)
    found = prepared.quickened(OURS, place=place)
    assert found[prepared.CLASS_PATH] == str(place / "jars" / "delta.jar")
    options = found[prepared.OPTIONS]
    assert options.startswith(LAUNCH[prepared.OPTIONS])
    assert options.endswith(f" -XX:SharedArchiveFile={place / 'classes.jsa'}")
    rest = {prepared.CLASS_PATH, prepared.OPTIONS}
    assert found.keys() - OURS.keys() == {prepared.CLASS_PATH}
    assert OURS.keys() - found.keys() == {prepared.PACKAGES, prepared.EXCLUDES}
    assert all(found[key] == OURS[key] for key in found.keys() - rest)
    os.remove(prepared.archive(place))
    assert prepared.quickened(OURS, place=place)[prepared.OPTIONS] == LAUNCH[prepared.OPTIONS]


@pytest.mark.parametrize(
    "otherwise",
    [
        {"jars": {"io.delta:delta-spark:1": ["delta.jar"]}},
        {"spark": "3.5"},
        {"jars": {PACKAGES: ["x.jar"]}},
        {"jars": ["delta.jar"]},
    ],
)
def test_what_was_made_for_another_spark_is_passed_over(tmp_path: Path, otherwise) -> None:
    assert prepared.quickened(OURS, place=laid_ready(tmp_path, **otherwise)) == OURS


def test_a_cluster_finds_its_packages_itself(tmp_path: Path) -> None:
    elsewhere = {**OURS, "spark.master": "spark://host:7077"}
    assert prepared.quickened(elsewhere, place=laid_ready(tmp_path)) == elsewhere
    assert prepared.quickened(OURS, place=tmp_path / "nothing") == OURS


def test_a_connector_that_is_not_laid_ready_is_looked_up_beside_the_jars(tmp_path: Path) -> None:
    jars = {PACKAGES: ["delta.jar"], AVRO.package: ["avro.jar"]}
    place = laid_ready(tmp_path, jars=jars)
    (place / "jars" / "avro.jar").touch()
    asked = ",".join((PACKAGES, AVRO.package, KAFKA.package))
    found = prepared.quickened({**OURS, prepared.PACKAGES: asked}, place=place)
    behind = [str(place / "jars" / name) for name in ("delta.jar", "avro.jar")]
    assert found[prepared.CLASS_PATH] == os.pathsep.join(behind)
    assert found[prepared.PACKAGES] == KAFKA.package
    assert found[prepared.EXCLUDES] == OURS[prepared.EXCLUDES]


@pytest.mark.parametrize(
    ("jar", "is_there"),
    [
        ("org.slf4j_slf4j-api-2.0.13.jar", True),
        ("com.fasterxml.jackson.core_jackson-core-2.13.5.jar", True),
        ("io.delta_delta-spark_4.1_2.13-4.4.0.jar", False),
        ("io.delta_delta-storage-4.4.0.jar", False),
        ("com.fasterxml.jackson.datatype_jackson-datatype-jdk8-2.13.5.jar", False),
    ],
)
def test_what_spark_has_itself_is_not_put_before_it(jar: str, is_there: bool) -> None:
    own = ["slf4j-api-2.0.17.jar", "jackson-core-2.20.0.jar", "delta-spark-notes-1.jar"]
    assert prepare._is_there(Path(jar), own) is is_there

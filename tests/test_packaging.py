"""What is shipped: every folder that holds code, in a zip that works where nothing is installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tactful.jobs import packing
from tactful.jobs.settings.config import load
from tactful.jobs.shipping import build

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("conf", "jobs", "schemas", "transforms")


@pytest.fixture(scope="module")
def setuptools():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
        "setuptools"
    ]


def test_packages_are_the_folders_on_disk(setuptools):
    mapping = setuptools["package-dir"]
    assert sorted(setuptools["packages"]) == sorted(mapping)
    holding_code = {
        file.parent.relative_to(ROOT).as_posix()
        for room in ROOMS
        for file in (ROOT / room).rglob("*.py")
    }
    assert sorted(mapping.values()) == sorted(holding_code)
    for package, folder in mapping.items():
        assert package == f"tactful.{folder.replace('/', '.')}"
        assert (ROOT / folder / "__init__.py").exists(), folder


def test_every_file_is_shipped(setuptools, tmp_path):
    """A data file that no pattern of `package-data` matches would be missing from the wheel."""
    archive = zipfile.ZipFile(build(target=tmp_path / "tactful.zip"))
    shipped = {name for name in archive.namelist() if not name.endswith("/")}
    on_disk = {
        f"tactful/{file.relative_to(ROOT).as_posix()}"
        for room in ROOMS
        for file in (ROOT / room).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert shipped == on_disk
    assert "tactful/" in archive.namelist()


def test_the_same_code_gives_the_same_bytes(tmp_path):
    one, two = build(target=tmp_path / "one.zip"), build(target=tmp_path / "two.zip")
    assert one.read_bytes() == two.read_bytes()


def test_a_pack_holds_all_that_a_driver_needs(tmp_path, monkeypatch):
    """Packages by pip, jars as Spark finds them: both are asked of, and neither fetched, here."""
    asked = []
    jar = tmp_path / "io.delta_delta-spark_4.1_2.13-4.4.0.jar"
    jar.write_bytes(b"jar")
    monkeypatch.setattr(packing, "_jars", lambda: [jar])
    place = packing.pack(
        tmp_path / "pack", install=lambda folder, names: asked.append((folder, list(names)))
    )
    [(folder, names)] = asked
    assert folder == place / "packages"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert names == project["dependencies"] and not any("pyspark" in name for name in names)
    assert sorted(path.name for path in place.iterdir()) == [
        "cli.py", "jars", "spark-defaults.conf", "tactful.zip",
    ]  # fmt: skip
    assert [path.name for path in (place / "jars").iterdir()] == [jar.name]
    kept = (place / "spark-defaults.conf").read_text()
    assert "spark.sql.session.timeZone" in kept and "spark.jars" not in kept


def test_everything_imports_from_the_zip(tmp_path):
    archive = build(target=tmp_path / "tactful.zip")
    script = """
import tactful.transforms.identity.keys, tactful.jobs.cli, tactful.schemas.catalog
from tactful.jobs.session import shipped_defaults
from tactful.jobs.settings.config import load
place = tactful.transforms.identity.keys.__file__
assert place.startswith(%r), place
assert shipped_defaults()["spark.sql.session.timeZone"] == "UTC"
assert load(environ={}).lake.location == "lake"
print("imported")
"""
    done = subprocess.run(
        [sys.executable, "-c", script % str(archive)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(archive)},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "imported\n", done.stderr


def test_spark_submit_runs_the_zip(tmp_path):
    """The zip differs from the installed code in one default, and the answer shows which ran."""
    copy = tmp_path / "copy"
    for room in ROOMS:
        shutil.copytree(ROOT / room, copy / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    defaults = copy / "conf" / "defaults.toml"
    defaults.write_text(defaults.read_text().replace('currency = "USD"', 'currency = "EUR"'))
    archive = build(copy, tmp_path / "tactful.zip")
    submit = Path(sys.executable).with_name("spark-submit")
    done = subprocess.run(
        [submit, "--py-files", archive, ROOT / "jobs" / "cli.py", "check", "--json"],
        cwd=tmp_path,
        env={**os.environ, "PYSPARK_PYTHON": sys.executable},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout.splitlines()[-1])
    assert facts["hash"] == load(settings=["business.currency=EUR"], environ={}).hash

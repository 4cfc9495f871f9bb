"""The bundle of Databricks, as far as its own models tell without a workspace."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from databricks.bundles.jobs import Job

from tactful.jobs.cli import app
from tactful.jobs.session import CLASSES, FEWEST_CLASSES

ROOT = Path(__file__).resolve().parents[1]
BUNDLE = yaml.safe_load((ROOT / "databricks.yml").read_text(encoding="utf-8"))
JOBS = BUNDLE["resources"]["jobs"]


@pytest.mark.parametrize("name", JOBS)
def test_a_job_is_one_that_databricks_knows(name):
    job = Job.from_dict(JOBS[name])
    assert job.max_concurrent_runs == 1, "a second one would find the lake held"
    assert (job.schedule is None) is (name == "tactful_continuous")
    [task], [cluster] = job.tasks, job.job_clusters
    assert task.job_cluster_key == cluster.job_cluster_key
    assert cluster.new_cluster.data_security_mode.value == "SINGLE_USER"
    assert int(cluster.new_cluster.spark_conf[CLASSES]) >= FEWEST_CLASSES
    wheel = task.python_wheel_task
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert wheel.package_name == project["name"] and wheel.entry_point in project["scripts"]
    assert wheel.parameters[0] in {command.callback.__name__ for command in app.registered_commands}
    assert ("--continuous" in wheel.parameters) is (name == "tactful_continuous")


def test_a_field_that_nobody_knows_would_be_found():
    with pytest.raises(ValueError, match="node_types"):
        Job.from_dict({"job_clusters": [{"new_cluster": {"node_types": "x"}}]})


def test_every_variable_is_declared_and_there_are_two_targets():
    used = set(re.findall(r"\$\{var\.(\w+)\}", (ROOT / "databricks.yml").read_text()))
    assert used == set(BUNDLE["variables"])
    assert {name: target["mode"] for name, target in BUNDLE["targets"].items()} == {
        "dev": "development",
        "prod": "production",
    }

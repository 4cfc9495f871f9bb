"""References: what a file names and never holds, from the environment or a scope of Databricks."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest

from tactful.jobs import references
from tactful.jobs.errors import SecretRefused
from tactful.jobs.lake import secret

LONG = "a secret of many bytes"


class Secrets:
    """As Databricks' own: what it has not, it raises of."""

    def get(self, scope: str, key: str) -> str:
        if (scope, key) != ("shop", "tactful"):
            raise RuntimeError(f"Secret does not exist with scope: {scope} and key: {key}")
        return LONG


@pytest.fixture
def databricks(monkeypatch):
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "17.3")
    runtime = ModuleType("databricks.sdk.runtime")
    runtime.dbutils = SimpleNamespace(secrets=Secrets())
    for name in ("databricks", "databricks.sdk"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "databricks.sdk.runtime", runtime)


def test_a_scope_is_read_where_databricks_runs(databricks, tmp_path):
    assert references.find("databricks:shop/tactful") == LONG
    assert references.missing("databricks:shop/tactful") is None
    assert secret.find(str(tmp_path), "databricks:shop/tactful") == LONG.encode()


def test_what_a_scope_has_not_is_said(databricks, tmp_path):
    found, _, hint = references.missing("databricks:shop/other")
    assert found == "no secret other in the scope shop"
    assert hint == "make it with: databricks secrets put-secret shop other"
    with pytest.raises(SecretRefused, match="in databricks:shop/other is empty"):
        secret.find(str(tmp_path), "databricks:shop/other")


def test_elsewhere_no_scope_is_read(monkeypatch):
    monkeypatch.delenv("DATABRICKS_RUNTIME_VERSION", raising=False)
    assert references.find("databricks:shop/tactful") == ""
    found, _, hint = references.missing("databricks:shop/tactful")
    assert "only a cluster of Databricks" in found and "env:" in hint


def test_a_runtime_without_a_workspace_is_no_crash(monkeypatch):
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "17.3")
    monkeypatch.setitem(sys.modules, "databricks.sdk.runtime", None)
    assert references.find("databricks:shop/tactful") == ""


@pytest.mark.parametrize("told", ["sk-live-1", "env:", "databricks:shop", "databricks:a b/c",
                                  "databricks:shop/a/b", "vault:x", None, 7])  # fmt: skip
def test_what_is_no_reference(told):
    assert not references.is_reference(told)
    assert references.find(told, {"": "x"}) == "" and references.missing(told, {}) is None


def test_a_variable_is_found_in_the_environment_that_is_told():
    assert references.find("env:KEY", {"KEY": "k"}) == "k"
    assert references.missing("env:KEY", {"KEY": " "}) == (
        "KEY unset or empty", "a variable that is set", "set the environment variable KEY",
    )  # fmt: skip

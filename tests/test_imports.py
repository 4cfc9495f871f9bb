"""Which room may import what: schemas <- transforms <- jobs, and no clock or disk below jobs."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).resolve().parents[1]
# Numbers in, labels out, on the driver only: the one exception (DESIGN 9).
ARRAYS = (
    "arrays",
    "components",
    *(f"sharing/{n}" for n in ("graph", "neutral", "newest", "first")),
)
COMPILED = {f"transforms/identity/{name}.py": {"numpy", "scipy"} for name in ARRAYS}
# What would make a transform depend on the machine, the moment or chance.
OUTER_WORLD = {"os", "pathlib", "random", "secrets", "socket", "subprocess", "tempfile", "time"}
MODULES = sorted(
    path.relative_to(ROOT).as_posix()
    for room in ("schemas", "transforms")
    for path in (ROOT / room).rglob("*.py")
)


def test_dependencies_point_one_way(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    code = lint_imports(no_cache=True, no_logo=True)
    assert code == 0, capsys.readouterr().out


@pytest.mark.parametrize("module", MODULES)
def test_schemas_and_transforms_need_only_pyspark(module):
    imported = set(_imported(ROOT / module))
    allowed = {"tactful", "pyspark", *sys.stdlib_module_names, *COMPILED.get(module, ())}
    assert imported - allowed == set()
    assert imported & OUTER_WORLD == set()


def _imported(path: Path):
    """The top-level name of everything a module imports, wherever the import stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} has a relative import"
            yield node.module.partition(".")[0]


# Whoever asks the JVM itself beside the lake; CONTRIBUTING names them, and nobody joins them.
ASK_THE_JVM = {
    "demo/world", "intake/avro_files", "intake/csv_files", "intake/kafka", "intake/landing_files",
    "intake/parquet_files", "intake/reference", "land", "prepare", "runs/gauges", "session",
}  # fmt: skip


def test_only_the_lake_asks_the_jvm_itself():
    asks = re.compile(r"\._jvm\b|\._jsc\b|\.sparkContext\b|\._active_spark_context\b|\._gateway\b")
    found = {
        path.relative_to(ROOT / "jobs").with_suffix("").as_posix()
        for path in (ROOT / "jobs").rglob("*.py")
        if asks.search(path.read_text(encoding="utf-8"))
    }
    assert {name for name in found if not name.startswith("lake/")} == ASK_THE_JVM

"""Which room may import what: schemas <- transforms <- jobs, and no clock or disk below jobs."""

from __future__ import annotations

import ast
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

"""Pack the code as `dist/tactful.zip` for `spark-submit --py-files`.

Not the wheel: Spark hands executors .zip and .egg only, and a wheel has no directory entries,
without which the namespace `tactful` cannot be imported from an archive.
"""

from __future__ import annotations

import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# One date for every entry: the same code gives the same bytes.
DATE = (2020, 1, 1, 0, 0, 0)


def build(root: Path = ROOT, target: Path | None = None) -> Path:
    """Write the archive of every package that `pyproject.toml` maps, and return its path."""
    target = target or root / "dist" / "tactful.zip"
    target.parent.mkdir(parents=True, exist_ok=True)
    entries = sorted(_entries(root))
    folders = {str(parent) for name, _ in entries for parent in Path(name).parents}
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for folder in sorted(folders - {"."}):
            archive.writestr(zipfile.ZipInfo(f"{folder}/", DATE), b"")
        for name, file in entries:
            entry = zipfile.ZipInfo(name, DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, file.read_bytes())
    return target


def _entries(root: Path) -> Iterator[tuple[str, Path]]:
    """(name in the archive, file) of every module and data file of the packages."""
    setuptools = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    for package in setuptools["packages"]:
        folder = root / setuptools["package-dir"][package]
        patterns = ["*.py", *setuptools.get("package-data", {}).get(package, [])]
        for file in {file for pattern in patterns for file in folder.glob(pattern)}:
            if file.is_file():
                inner = file.relative_to(folder).as_posix()
                yield f"{package.replace('.', '/')}/{inner}", file


if __name__ == "__main__":
    sys.stdout.write(f"{build()}\n")

"""Pack into `dist/pack` all that a driver needs where nothing is installed, and say how to start.

The driver's Python needs the packages of `pyproject.toml`; executors need none of them. Packages
are those of the Python that packs: take it to drivers of the same version and the same system.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path

from tactful.jobs import prepared
from tactful.jobs.connectors import S3
from tactful.jobs.prepare import resolved
from tactful.jobs.session import open_session, shipped_defaults
from tactful.jobs.shipping import ROOT, build

# What stands in `jars` needs no looking for.
LOOKED_FOR = (prepared.PACKAGES, prepared.EXCLUDES)
START = """{pack}
Start it with:
  PYTHONPATH={pack}/packages spark-submit --properties-file {pack}/spark-defaults.conf \\
      --jars "$(echo {pack}/jars/*.jar | tr ' ' ,)" --py-files {pack}/tactful.zip \\
      {pack}/cli.py run --conf my.toml
"""


def pack(target: Path, *, install: Callable[[Path, Sequence[str]], None] | None = None) -> Path:
    """Write code, packages and jars into a folder of their own, which is made anew.

    install: puts packages into a folder; pip does.
    """
    shutil.rmtree(target, ignore_errors=True)
    (target / "jars").mkdir(parents=True)
    build(target=target / "tactful.zip")
    shutil.copy2(ROOT / "jobs" / "cli.py", target / "cli.py")
    lines = (ROOT / "conf" / "spark-defaults.conf").read_text("utf-8").splitlines()
    kept = [line for line in lines if not line.startswith(LOOKED_FOR)]
    (target / "spark-defaults.conf").write_text("\n".join([*kept, ""]), encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    (install or _by_pip)(target / "packages", project["dependencies"])
    for jar in _jars():
        shutil.copy2(jar, target / "jars" / jar.name)
    return target


def _by_pip(folder: Path, packages: Sequence[str]) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--target", str(folder), *packages], check=True)


def _jars() -> list[Path]:
    """Delta's jars, and those of S3."""
    spark = open_session()
    own = {jar.name.rpartition("-")[0] for jar in Path(_home()).glob("*.jar")}
    delta = shipped_defaults()[prepared.PACKAGES]
    try:
        found = [
            *resolved(spark, delta, left_out=shipped_defaults()[prepared.EXCLUDES].split(",")),
            *resolved(spark, ",".join(S3.packages), left_out=S3.left_out),
        ]
    finally:
        spark.stop()
    # Spark's own jars would be hidden by another version of them.
    return [jar for jar in found if jar.name.partition("_")[2].rpartition("-")[0] not in own]


def _home() -> Path:
    import pyspark

    return Path(pyspark.__file__).parent / "jars"


if __name__ == "__main__":
    sys.stdout.write(START.format(pack=pack(ROOT / "dist" / "pack").relative_to(Path.cwd())))

"""Prepared: what set-up has laid ready, so that Spark starts in half the time or less.

Its jars lie in a folder, where each start would look them up anew, and an archive holds the classes
that a run loads, which a JVM maps into memory instead of reading and checking each of them. Nothing
depends on either: what is missing, or was made for another Spark, is passed over.
`python -m tactful.jobs.prepare` makes both.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from pyspark.version import __version__ as spark_version

PACKAGES = "spark.jars.packages"
EXCLUDES = "spark.jars.excludes"
CLASS_PATH = "spark.driver.extraClassPath"
OPTIONS = "spark.driver.extraJavaOptions"


def folder() -> Path:
    """Where it lies: with the Python that it was made for."""
    return Path(sys.prefix, "share", "tactful", "spark")


def archive(place: Path) -> Path:
    """The file of classes."""
    return place / "classes.jsa"


def quickened(settings: Mapping[str, str], *, place: Path | None = None) -> dict[str, str]:
    """The settings of a JVM that is about to start on this machine alone, with what is prepared.

    settings: as they are, where nobody but us has set any.
    """
    place = place or folder()
    first, *others = settings.get(PACKAGES, "").split(",")
    if not settings.get("spark.master", "").startswith("local"):
        return dict(settings)
    jars = jars_for(first, place=place)
    if not jars:
        return dict(settings)
    rest = {key: value for key, value in settings.items() if key not in (PACKAGES, EXCLUDES)}
    found = {package: jars_for(package, place=place) for package in others}
    if left := [package for package, of_package in found.items() if not of_package]:
        rest |= {PACKAGES: ",".join(left), EXCLUDES: settings.get(EXCLUDES, "")}
    # Behind the others: an archive of classes holds only where the path begins as it did.
    jars += [jar for of_package in found.values() for jar in of_package]
    rest[CLASS_PATH] = os.pathsep.join(dict.fromkeys(jars))
    if archive(place).exists():
        rest[OPTIONS] = f"{rest.get(OPTIONS, '')} -XX:SharedArchiveFile={archive(place)}".strip()
    return rest


def jars_for(package: str, *, place: Path) -> list[str]:
    """The jars that stand for a package; none where none lie ready for this Spark."""
    try:
        known = json.loads(note(place).read_text("utf-8"))
    except (OSError, ValueError):
        return []
    if not isinstance(known.get("jars"), dict) or known.get("spark") != spark_version:
        return []
    jars = [str(place / "jars" / name) for name in known["jars"].get(package, ())]
    return jars if all(map(os.path.exists, jars)) else []


def note(place: Path) -> Path:
    """The file that says for what all this was made."""
    return place / "prepared.json"

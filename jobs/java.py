"""Java: whether Spark will find one that it can run on, seen before anything starts."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from tactful.jobs.errors import SessionUnfit

OLDEST = 17
WANTED = "Java 17 or 21"
INSTALL = "(Debian, Ubuntu: openjdk-17-jre-headless)"
SECONDS = 20


def refuse_unfit() -> None:
    """Refuse a machine without a Java that Spark runs on, in one line.

    Where spark-submit has started us there is one already, and a `spark-env.sh` may choose one
    that nobody sees from here; then Spark itself has to find out.

    Raises: SessionUnfit.
    """
    if "PYSPARK_GATEWAY_PORT" in os.environ or _chosen_by_spark():
        return
    home = os.environ.get("JAVA_HOME")
    found = str(Path(home, "bin", "java")) if home else shutil.which("java")
    if found is None:
        raise SessionUnfit(f"There is no Java here: install {WANTED} {INSTALL}, or set JAVA_HOME.")
    if not (os.path.isfile(found) and os.access(found, os.X_OK)):
        raise SessionUnfit(
            f"JAVA_HOME is {home}, and there is no bin/java in it: set it to the folder of "
            f"{WANTED}, or unset it."
        )
    version = _version(found)
    if version is None:
        raise SessionUnfit(
            f"The Java at {found} does not start: install {WANTED} {INSTALL}, or set JAVA_HOME to "
            "the folder of one."
        )
    if _major(version) < OLDEST:
        raise SessionUnfit(
            f"The Java at {found} is {version}, which is too old: install {WANTED} {INSTALL}, or "
            "set JAVA_HOME to the folder of one."
        )


def _chosen_by_spark() -> bool:
    from pyspark.find_spark_home import _find_spark_home

    folder = os.environ.get("SPARK_CONF_DIR") or Path(_find_spark_home(), "conf")
    return Path(folder, "spark-env.sh").exists()


def _version(java: str) -> str | None:
    """Its version, from the file that lies beside it, or else by asking it; None where it fails."""
    release = Path(os.path.realpath(java)).parents[1] / "release"
    try:
        told = release.read_text(encoding="utf-8", errors="replace")
        if found := re.search(r'^JAVA_VERSION="?([0-9][0-9._]*)', told, re.M):
            return found.group(1)
    except OSError:
        pass
    try:
        asked = subprocess.run(
            [java, "-version"], capture_output=True, text=True, timeout=SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r'version "([0-9][0-9._]*)', asked.stderr + asked.stdout)
    return found.group(1) if found else None


def _major(version: str) -> int:
    """17 of "17.0.9"; before Java 9 it was "1.8.0"."""
    first, _, rest = version.partition(".")
    return int(re.match(r"[0-9]+", rest).group()) if first == "1" and rest else int(first)

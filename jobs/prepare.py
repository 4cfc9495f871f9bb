"""Prepare: lay ready what lets Spark start quickly, once, when everything is set up.

A JVM writes its archive of classes when it ends, of all that it has loaded by then. So a small lake
is run through every step, in processes of their own.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyspark
from py4j.protocol import Py4JJavaError
from pyspark import SparkContext
from pyspark.sql import SparkSession
from pyspark.version import __version__ as spark_version

from tactful.jobs import prepared
from tactful.jobs.connectors import CONNECTORS
from tactful.jobs.errors import TactfulError
from tactful.jobs.runs import pipeline
from tactful.jobs.session import LAUNCH, open_session, shipped_defaults
from tactful.jobs.settings.config import load

# An archive takes a quarter of a minute to write, more where much else goes on.
SECONDS_TO_END = 300
CONF = """
[lake]
location = "lake"
[sources.web]
stream = "clicks"
path = "clicks"
[sources.shop]
stream = "purchases"
path = "purchases"
[sources.mail]
stream = "messages"
path = "messages"
[sources.crm]
stream = "profiles"
path = "profiles"
[[caps]]
name = "weekly"
channels = ["email"]
limit = 1
window = "7d"
[[suppress]]
name = "bought_it"
when = "purchased"
match = "sku"
lasts = "30d"
[[destinations]]
name = "ads"
kind = "meta_custom_audience"
policy = "bought_it"
audience_id = "1"
[[destinations]]
name = "mail"
kind = "file"
policy = "unsubscribed"
"""


def main() -> None:
    """Make both anew; where that fails, Spark starts as it always did, and a line says why."""
    step = sys.argv[1:2]
    if step == ["jars"]:
        _lay_out_jars(Path(sys.argv[2]))
    elif step == ["classes"]:
        _write_classes(Path(sys.argv[2]))
    else:
        place = prepared.folder()
        shutil.rmtree(place, ignore_errors=True)
        print("Preparing Spark to start quickly (once; a minute or two) ...", file=sys.stderr)
        for name in ("jars", "classes"):
            command = [sys.executable, "-m", __spec__.name, name, str(place)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                why = (done.stderr.strip().splitlines() or ["it did not say why"])[-1]
                print(f"Not prepared, so Spark takes longer to start: {why}", file=sys.stderr)
                return


def _lay_out_jars(place: Path) -> None:
    """Copy the jars that Spark has found for its packages and does not have itself."""
    spark = open_session()
    found = {
        shipped_defaults()[prepared.PACKAGES]: [
            Path(urlsplit(jar).path) for jar in spark.conf.get("spark.jars").split(",")
        ]
    }
    for connector in CONNECTORS:
        # Few need them, so nobody waits for them; Spark looks for them where a source does.
        with suppress(Py4JJavaError):
            found[connector.package] = resolved(spark, connector.package)
    spark.stop()
    own = [jar.name for jar in Path(pyspark.__file__).parent.joinpath("jars").iterdir()]
    (place / "jars").mkdir(parents=True)
    jars: dict[str, list[str]] = {}
    for package, those in found.items():
        wanted = [jar for jar in those if not _is_there(jar, own)]
        for jar in wanted:
            shutil.copy2(jar, place / "jars" / jar.name)
        jars[package] = [jar.name for jar in wanted]
    known = {"spark": spark_version, "jars": jars}
    prepared.note(place).write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")


def resolved(spark: SparkSession, package: str, *, left_out: Iterable[str] = ()) -> list[Path]:
    """The jars of a package and of all that it needs, found as Spark finds its own.

    left_out: what it says that it needs, and is not to be had, each as group:artifact.
    """
    jvm: Any = spark._jvm
    ivy = jvm.org.apache.spark.util.MavenUtils
    nothing = jvm.scala.Option.empty()
    out = jvm.java.io.PrintStream(jvm.java.io.OutputStream.nullOutputStream())
    without = jvm.org.apache.spark.api.python.PythonUtils.toSeq(jvm.java.util.ArrayList())
    for name in left_out:
        without = without.appended(name)
    with as_file(files("tactful.conf") / "ivysettings.xml") as told:
        settings = ivy.loadIvySettings(str(Path(told).resolve()), nothing, nothing, out)
    found = ivy.resolveMavenCoordinates(package, settings, nothing, True, without, False, out)
    return [Path(found.apply(at)) for at in range(found.size())]


def _is_there(jar: Path, own: list[str]) -> bool:
    """Whether Spark has this jar, in whatever version; its own would be hidden by another.

    Spark names a found jar by its group, too: org.slf4j_slf4j-api-2.0.13.jar.
    """
    artifact = jar.name.partition("_")[2].rpartition("-")[0]
    return any(name.rpartition("-")[0] == artifact for name in own)


def _write_classes(place: Path) -> None:
    """Take a small lake through a run and a second one, and let the JVM keep what it has loaded."""
    written = prepared.archive(place).with_suffix(".part")
    options = f"{LAUNCH[prepared.OPTIONS]} -XX:ArchiveClassesAtExit={written}"
    spark = open_session(**{prepared.OPTIONS: options})
    with tempfile.TemporaryDirectory(prefix="tactful-") as folder:
        _run_twice(Path(folder))
    process = SparkContext._gateway.proc
    spark.stop()
    process.stdin.close()
    process.wait(SECONDS_TO_END)
    if not written.exists():
        raise TactfulError("Java wrote no archive of classes.")
    written.replace(prepared.archive(place))


def _run_twice(folder: Path) -> None:
    conf = folder / "first.toml"
    conf.write_text(CONF, encoding="utf-8")
    for part in ("a", "b"):
        for stream, rows in _events(part):
            landing = folder / stream
            landing.mkdir(exist_ok=True)
            text = "".join(json.dumps(row) + "\n" for row in rows)
            (landing / f"{part}.json").write_text(text, encoding="utf-8")
        pipeline.run(load(conf, environ={}))


def _events(part: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A few events of each stream, of two customers who know each other."""
    number = 0

    def event(kind: str, *who: tuple[str, str], **more: Any) -> dict[str, Any]:
        nonlocal number
        number += 1
        identifiers = [{"type": kind, "value": value} for kind, value in who]
        at = f"2026-01-01T{number:02d}:00:00Z"
        common = {"event_id": f"{part}{number}", "type": kind, "occurred_at": at}
        return {**common, "identifiers": identifiers, **more}

    ann = (("customer_id", "ann"), ("email", "ann@example.com"))
    ben = (("customer_id", "ben"), ("anonymous_id", "tablet"))
    line = {"line_id": "1", "sku": "jeans", "quantity": 1, "unit_price": 40}
    mail = {"message_id": f"m{part}", "channel": "email", "purpose": "marketing"}
    yield (
        "clicks",
        [
            event("login", *ann, ("anonymous_id", "tablet")),
            event("product_view", ("anonymous_id", "tablet"), sku="jeans"),
            event("login", *ben),
        ],
    )
    order = {"order_id": f"o{part}", "currency": "GBP"}
    yield (
        "purchases",
        [
            event("order_placed", *ann, **order, lines=[line]),
            event("order_placed", *ben, **{**order, "order_id": f"p{part}"}, lines=[line]),
            event("order_returned", order_id=f"p{part}"),
        ],
    )
    yield (
        "messages",
        [
            event("sent", *ann, **mail, skus=["jeans"]),
            event("opened", message_id=f"m{part}"),
            event("unsubscribed", ("email", "ann@example.com"), channel="email"),
        ],
    )
    yield (
        "profiles",
        [
            event("consent_granted", *ann, channel="ad", purpose="marketing"),
            event("consent_withdrawn", *ben),
        ],
    )


if __name__ == "__main__":
    main()

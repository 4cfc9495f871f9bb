"""S3 as one process here keeps it, behind Hadoop's own connector with few of its jars.

moto for every day; s3proxy, a process of its own that keeps objects as files, where others are
killed.
"""

from __future__ import annotations

import os
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from moto.server import ThreadedMotoServer
from pyspark.sql import SparkSession

from tactful.jobs.connectors import S3
from tactful.jobs.prepare import resolved
from tests.broker import free_ports

BUCKET = "lakes"
# Without the second it asks for annotations that its own version of them lacks.
PROXY = "org.gaul:s3proxy:4.1.0,com.fasterxml.jackson.core:jackson-annotations:2.21"
SETTINGS = {
    "fs.s3a.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
    "fs.s3a.access.key": "tests",
    "fs.s3a.secret.key": "tests",
    "fs.s3a.path.style.access": "true",
    "fs.s3a.connection.ssl.enabled": "false",
    "fs.s3a.endpoint.region": "us-east-1",
}


@contextmanager
def a_server() -> Iterator[str]:
    """A server of S3 with one empty bucket; yields its address."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    urlopen(Request(f"{address}/{BUCKET}", method="PUT", headers={"Host": f"{host}:{port}"}))
    try:
        yield address
    finally:
        server.stop()


@contextmanager
def a_proxy(spark: SparkSession, folder: Path) -> Iterator[tuple[str, Path]]:
    """Another server of S3: its address, and the folder in which its one bucket lies as files."""
    bucket = folder / "objects" / BUCKET
    bucket.mkdir(parents=True)
    (port,) = free_ports(1)
    address = f"http://127.0.0.1:{port}"
    told = {
        "s3proxy.endpoint": address, "s3proxy.authorization": "none",
        "jclouds.provider": "filesystem-nio2", "jclouds.filesystem.basedir": bucket.parent,
    }  # fmt: skip
    settings = folder / "s3proxy.properties"
    settings.write_text("".join(f"{name}={value}\n" for name, value in told.items()))
    jars = os.pathsep.join(map(str, resolved(spark, PROXY)))
    java = ("java", "-Xmx512m", "-DLOG_LEVEL=warn", "-cp", jars)
    main = ("org.gaul.s3proxy.Main", "--properties", str(settings))
    with (folder / "s3proxy.log").open("wb") as log:
        process = subprocess.Popen([*java, *main], stdout=log, stderr=log)
    try:
        until = time.monotonic() + 60
        while not _answers(address):
            alive = process.poll() is None and time.monotonic() < until
            assert alive, (folder / "s3proxy.log").read_text()[-2000:]
            time.sleep(0.2)
        yield address, bucket
    finally:
        process.kill()
        process.wait()


def _answers(address: str) -> bool:
    try:
        urlopen(f"{address}/{BUCKET}", timeout=2).close()
    except HTTPError:
        return True
    except OSError:
        return False
    return True


@contextmanager
def s3_for(spark: SparkSession) -> Iterator[str]:
    """Lets a session that runs reach such a server; yields the bucket's URI."""
    jvm: Any = spark._jvm
    conf = spark._jsc.hadoopConfiguration()
    jars = [jar.as_uri() for jar in resolved(spark, ",".join(S3.packages), left_out=S3.left_out)]
    urls = spark.sparkContext._gateway.new_array(jvm.java.net.URL, len(jars))
    for at, jar in enumerate(jars):
        urls[at] = jvm.java.net.URI.create(jar).toURL()
    # Hadoop keeps one instance for the bucket, so tasks without that class loader find it too.
    conf.setClassLoader(jvm.java.net.URLClassLoader(urls, conf.getClassLoader()))
    with a_server() as address:
        for name, value in {**SETTINGS, "fs.s3a.endpoint": address}.items():
            conf.set(name, value)
        uri = f"s3a://{BUCKET}"
        jvm.org.apache.hadoop.fs.FileSystem.get(jvm.java.net.URI.create(uri), conf)
        yield uri
        jvm.org.apache.hadoop.fs.FileSystem.get(jvm.java.net.URI.create(uri), conf).close()


def a_place(bucket: str) -> str:
    """A folder there that nobody else uses."""
    return f"{bucket}/{uuid.uuid4().hex[:8]}"

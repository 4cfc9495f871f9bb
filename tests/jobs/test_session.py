"""The session: what its start prints, and frames of what this process holds, in pieces."""

from __future__ import annotations

import os

import pyarrow as pa
import pytest
from pyspark import SparkContext

from tactful.jobs import session
from tactful.jobs.session import frame_of

SMALL = "spark.sql.execution.arrow.localRelationThreshold"


@pytest.mark.parametrize(("piece", "pieces"), [(2**30, None), (2**17, 8)])
def test_a_large_frame_is_cut_into_pieces(
    spark, monkeypatch, piece: int, pieces: int | None
) -> None:
    """Less than 48 MB would be one piece anyway, so the test asks for none to be that little."""
    monkeypatch.setattr(session, "PIECE_BYTES", piece)
    spark.conf.set(SMALL, "0b")
    try:
        frame = frame_of(spark, pa.table({"number": pa.array(range(2**17), pa.int64())}))
        assert frame.rdd.getNumPartitions() == (pieces or spark.sparkContext.defaultParallelism)
        counted = frame.selectExpr("count(*)", "count(DISTINCT number)", "max(number)").first()
    finally:
        spark.conf.unset(SMALL)
    assert tuple(counted) == (2**17, 2**17, 2**17 - 1)


def test_what_a_starting_jvm_prints_is_not_ours(monkeypatch, capfd) -> None:
    """Ivy tells of its settings where `--json` prints its summary; a program would stumble."""
    monkeypatch.setattr(SparkContext, "_gateway", None)
    monkeypatch.delenv("PYSPARK_GATEWAY_PORT", raising=False)
    with session._quiet_launch():
        os.write(1, b":: loading settings ::\n")
        os.write(2, b"WARN\n")
    print("{}")
    assert capfd.readouterr() == ("{}\n", "")
    with pytest.raises(ValueError), session._quiet_launch():
        os.write(1, b"no such jar\n")
        raise ValueError
    assert capfd.readouterr() == ("", "no such jar\n")

"""On a standalone cluster: executors that have our archive and little else label what one would."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench/stitching.py"
WORLD = ("--identifiers=20000", "--links=24000")
# Of ten thousand a shard, so that there are several.
IN_SHARDS = ("--in-shards", "--executors=2", "--shard-identifiers=10000")


@pytest.mark.faults
def test_two_workers_label_as_the_driver_does() -> None:
    """Two workers of one core; their Python has numpy, scipy, pyarrow and the archive."""
    once, in_shards = told(*WORLD), told(*WORLD, *IN_SHARDS)
    assert in_shards["Executors"] == "2"
    assert in_shards["All labels in one number"] == once["All labels in one number"]


def told(*options: str) -> dict[str, str]:
    """What the bench says of a run, by its names."""
    done = subprocess.run(
        [sys.executable, BENCH, *options], capture_output=True, text=True, timeout=3600
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(re.findall(r"^([^|:\n]+): (\S+)\.$", done.stdout, re.MULTILINE))

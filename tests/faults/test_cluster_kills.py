"""G2 and G11 on a cluster with the lake in a bucket: workers and drivers die, two start at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests import worlds
from tests.cluster import Cluster, standalone
from tests.faults.partner import PARTNER, assert_every_record_is_in_one_file
from tests.faults.test_random_kills import half_done
from tests.product import Shop
from tests.s3 import BUCKET, a_proxy
from tests.test_cluster_s3 import submission

SECONDS = 1_500
LAKE = f"s3a://{BUCKET}/lake"


class BucketShop(Shop):
    """A shop whose lake lies in a bucket, the objects of which are files here."""

    def __init__(self, folder: Path, bucket: Path) -> None:
        world = worlds.make(11)
        folder.mkdir()
        super().__init__(replace(world, config={**world.config, "destinations": [PARTNER]}), folder)
        self._lake = bucket / "lake"

    @property
    def lake(self) -> Path:
        return self._lake


class Submitted:
    """One `tactful run` by spark-submit, in a process group of its own."""

    def __init__(self, shop: Shop, cluster: Cluster, address: str, name: str) -> None:
        as_of = shop.world.as_of.isoformat()
        command = ("run", "--as-of", as_of, "--json", "--set", f"lake.location={LAKE}")
        started = submission(shop.folder, cluster.url, address, *command, conf=shop.conf)
        self._said = shop.folder / f"{name}.out"
        with self._said.open("wb") as out:
            self.process = subprocess.Popen(
                **started, stdout=out, stderr=out, start_new_session=True
            )

    def until(self, done: Callable[[], bool]) -> None:
        """Wait until something is so while it runs."""
        ends = time.monotonic() + SECONDS
        while not done():
            assert self.process.poll() is None, f"it ended before\n{self.said[-3000:]}"
            assert time.monotonic() < ends, "it hangs"
            time.sleep(0.1)

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    @property
    def said(self) -> str:
        return self._said.read_text(errors="replace")

    def ended(self) -> tuple[int, dict[str, Any]]:
        """Its exit code, and what it said in JSON."""
        code = self.process.wait(SECONDS)
        told = [line for line in self.said.splitlines() if line.startswith("{")]
        assert told, self.said[-3000:]
        return code, json.loads(told[-1])


def is_deciding(lake: Path) -> bool:
    """Whether a batch of the main query has begun and not ended."""
    return any("fused" in str(path) for path in half_done(lake))


@pytest.mark.faults
def test_workers_and_drivers_die(spark, tmp_path: Path) -> None:
    work = tmp_path / "cluster"
    work.mkdir()
    with (
        a_proxy(spark, tmp_path) as (address, bucket),
        standalone(work, workers=2, memory="2g") as cluster,
    ):
        shop = BucketShop(tmp_path / "shop", bucket)
        first, second, third = worlds.split(shop.world, 3, seed=7)

        shop.land(first)
        run = Submitted(shop, cluster, address, "a worker dies")
        run.until(lambda: is_deciding(shop.lake))
        cluster.kill_a_worker()
        code, told = run.ended()
        assert code == 0, told
        cluster.start()

        shop.land(second)
        run = Submitted(shop, cluster, address, "the driver dies")
        run.until(lambda: is_deciding(shop.lake))
        run.kill()

        shop.land(third)
        two = [Submitted(shop, cluster, address, f"two at once {number}") for number in (1, 2)]
        ended = [one.ended() for one in two]
        codes = sorted(code for code, _ in ended)
        assert codes in ([0, 0], [0, 1]), ended
        for code, told in ended:
            if code:
                assert "holds" in told["error"] or "held" in told["error"], told

        code, told = Submitted(shop, cluster, address, "the last").ended()
        assert code == 0, told
    shop.assert_converged()
    assert_every_record_is_in_one_file(shop.lake)

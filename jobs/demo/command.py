"""The demo: a retailer's autumn, every step, and a report to open."""

from __future__ import annotations

import os
import shutil
import time
import tomllib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from tactful.jobs import java
from tactful.jobs.demo import spoken
from tactful.jobs.demo.sent import KEY, send_to_doubles
from tactful.jobs.demo.world import UNTIL, generate, secret_of
from tactful.jobs.errors import LakeError
from tactful.jobs.progress import Step
from tactful.jobs.runs import may_run, pipeline
from tactful.jobs.session import open_session
from tactful.jobs.settings.config import Config, load
from tactful.schemas.plans import ACTIVATIONS

OURS = "demo_truth"


@dataclass
class DemoSummary:
    """What the demo made, and how long each part took."""

    report: str
    events: int
    households: int
    published: list[str]
    outbox: dict[str, int]
    sent: dict[str, int]
    seconds: dict[str, float] = field(default_factory=dict)
    events_per_second: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def demo(
    folder: Path, *, seed: int, on_progress: Callable[[str], None] = lambda _: None
) -> DemoSummary:
    """Write the retailer's data, run every step over it, and write the report."""
    from tactful.jobs.report import page

    folder = folder.resolve()
    # Before anything of an earlier demo is taken away.
    java.refuse_unfit()
    may_run.refuse_held(str(folder))
    _clear(folder)
    seconds: dict[str, float] = {}
    started = time.monotonic()

    def lap(name: str) -> None:
        nonlocal started
        seconds[name] = round(time.monotonic() - started, 1)
        started = time.monotonic()

    on_progress(Step("start Spark"))
    spark = open_session()
    lap("session")
    on_progress(Step("write a retailer's autumn: the Complete Journey data, and what it lacks"))
    made = generate(spark, folder=folder, seed=seed)
    lap("data")
    config = demo_config(folder, seed=seed)
    ran = pipeline.run(config, as_of=UNTIL, on_progress=on_progress)
    seconds.update(ran.seconds)
    started = time.monotonic()
    on_progress(Step("what is said next"))
    say(config)
    lap("say")
    on_progress(Step("send to doubles of the two networks"))
    sent = send(folder, seed=seed, on_progress=on_progress)
    lap("send")
    on_progress(Step("report"))
    target = folder / "report.html"
    page.write(folder, truth=folder / OURS, target=target, config=config, generated=asdict(made))
    lap("report")
    work = sum(ran.seconds.values())
    return DemoSummary(
        report=str(target),
        events=made.total,
        households=made.households,
        published=ran.published,
        outbox=_outbox(folder),
        sent={name: turn["accepted"] for name, turn in sent.items()},
        seconds=seconds,
        events_per_second=round(made.total / work, 1) if work else 0.0,
    )


def say(config: Config) -> None:
    """Say what is worth saying next, a day behind the data's end.

    One batch. All tables but that of what is said stay those of the data's own end: what they would
    tell of some customers a day later takes as long as telling it of everybody.
    """
    pipeline.run(config, as_of=spoken.DECIDED_AT, steps=("fused", "publish"), only=(ACTIVATIONS,))


def send(
    folder: Path, *, seed: int, on_progress: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Send what was told to Google and Meta, as if at the moment at which it was last decided.

    The configuration that runs and the one of the file stay alike: its outbox is for whoever takes
    it, and where the doubles listen is known here alone.
    """
    with as_file(files("tactful.conf") / "demo.toml") as conf:
        entries = tomllib.loads(conf.read_text("utf-8"))["destinations"]
    return send_to_doubles(
        lambda told: demo_config(folder, seed=seed, destinations=told),
        entries,
        at=spoken.DECIDED_AT,
        on_progress=on_progress,
    )


def demo_config(
    folder: Path, *, seed: int, destinations: list[dict[str, Any]] | None = None
) -> Config:
    """`conf/demo.toml`, with its paths below the folder and the secret that the seed gives.

    destinations: in place of its own ones.
    """
    os.environ["TACTFUL_DEMO_SECRET"] = secret_of(seed)
    with as_file(files("tactful.conf") / "demo.toml") as conf:
        plain = load(conf)
        below = {
            "lake": {"location": str(folder)},
            "sources": {
                name: {"path": _moved(s.path, folder)} for name, s in plain.sources.items()
            },
            "reference": {
                name: {"path": _moved(r.path, folder)} for name, r in plain.reference.items()
            },
        }
        told = {} if destinations is None else {"destinations": destinations}
        return load(conf, overrides={**below, **told}, environ={**os.environ, **KEY})


def _moved(path: str, folder: Path) -> str:
    return str(folder / Path(path).relative_to("../demo-lake"))


def _clear(folder: Path) -> None:
    """Start from nothing, but never delete a folder that the demo did not make."""
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not (folder / OURS).exists() and not (folder / "landing").exists():
        raise LakeError(
            f"{folder} exists and was not made by the demo; name another folder with --lake, or "
            "remove it yourself."
        )
    shutil.rmtree(folder)


def _outbox(folder: Path) -> dict[str, int]:
    """Files per destination."""
    outbox = folder / "outbox"
    return (
        {d.name: len(list(d.iterdir())) for d in sorted(outbox.iterdir())}
        if outbox.exists()
        else {}
    )

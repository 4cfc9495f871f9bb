"""Send: what batches committed goes out, a thread a destination, so that none waits for another."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import httpx2

from tactful.jobs import references
from tactful.jobs.errors import LakeError, QualityGate, SendingHeld
from tactful.jobs.lake.lake import Lake
from tactful.jobs.lake.local_files import held
from tactful.jobs.progress import Step
from tactful.jobs.runs import gate
from tactful.jobs.sending.journal import FOLDER, Journal
from tactful.jobs.sending.outbox import Outbox, lake_of_outbox
from tactful.jobs.sending.sender import Sender, Turn
from tactful.jobs.sending.told import Tables
from tactful.jobs.sending.wire import TIMEOUT, Pace, Wire
from tactful.jobs.settings.config import Config, Destination
from tactful.jobs.settings.sending import unusable
from tactful.jobs.why.texts import visible

LOCK = "_lock"
AT_ONCE = 8
LONGEST = 600


def send(
    config: Config,
    *,
    only: Sequence[str] = (),
    again: bool = False,
    on_progress: Callable[[str], None] = lambda _: None,
    environ: Mapping[str, str] = os.environ,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    patience: float = 1.0,
    timeout: httpx2.Timeout = TIMEOUT,
    stop: threading.Event | None = None,
) -> dict[str, Any]:
    """Send all that waits for destinations with deliver = "http"; by destination what became of it.

    only: these destinations. again: try once more what was rejected or given up, and whoever
    asked to be left alone. patience,
    timeout: how long to wait before a repeat, as a multiple of what is usual, and for an answer.
    stop: once it is set, each destination ends behind the call that it is at.

    Raises: LakeError, SendingHeld; QualityGate, where it waits for tables to be as they must.
    """
    chosen, halt = _chosen(config, only), stop or threading.Event()
    place = lake_of_outbox(config)
    lake = Lake(None, str(place))
    state = lake.state()
    if state is None:
        raise LakeError(f"There is no lake at {place}; start one with: tactful run.")
    if (why := gate.stops_sending(state, config)) is not None:
        raise QualityGate(why)
    with _alone(place) as is_alone:
        if not is_alone:
            raise SendingHeld(f"Another process sends the outbox of {place} now; wait for it.")
        outbox, journal = Outbox(place), Journal(place)
        delays = {name: d.sink.http.delay for name, d in chosen.items() if d.sink.http}
        tables = Tables(lake, journal, outbox, delays)
        tables.tell()
        waiting = outbox.pending(chosen, again=again, begun=_begun(journal))

        wire_to = _wires(chosen, environ, patience=patience, timeout=timeout)
        done, files = count(1), sum(map(len, waiting.values()))

        def on_file() -> None:
            number = next(done)
            line = f"sent {number:,} of {files:,} files"
            on_progress(Step(line, name="send", done=number, total=files, unit="files"))

        def turn(name: str) -> Turn:
            if wrong := unusable(chosen[name].credential, chosen[name].sink, environ):
                return Turn(waiting=len(waiting[name]), stopped=f"its credential is {wrong[0]}")
            on_progress(Step(f"send {len(waiting[name]):,} files to {name}", name="send"))
            wire = wire_to(name)
            # Each thread its own reader: it holds one batch of records at a time.
            mine = Outbox(place)
            sender = Sender(
                chosen[name],
                mine,
                journal,
                tables,
                wire,
                lake_id=state["lake_id"],
                now=now,
                stop=halt,
                again=again,
                on_file=on_file,
            )
            with contextlib.closing(wire):
                return sender.turn(waiting[name])

        try:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                try:
                    turns = dict(zip(waiting, pool.map(turn, waiting), strict=True))
                except BaseException:
                    halt.set()
                    raise
        finally:
            tables.tell()
    return {name: asdict(turns.get(name, Turn())) for name in chosen}


def stopped_sentences(sent: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """A sentence on each destination that could not be told all."""
    return {
        name: f"Destination {name} could not be told all: {visible(turn['stopped'], LONGEST)}; "
        f"{turn['waiting']:,} of its files wait, and the next run or tactful send goes on."
        for name, turn in sent.items()
        if turn["stopped"]
    }


def _begun(journal: Journal) -> set[tuple[str, str]]:
    """The files that are on their way, whatever end they came to before they were tried anew."""
    return {(one.destination, one.name) for one in journal.all() if not one.is_over}


def _chosen(config: Config, only: Sequence[str]) -> dict[str, Destination]:
    sent = {d.name: d for d in config.destinations if d.is_sent}
    for name in only:
        if name not in sent:
            known = ", ".join(sent) or "none has"
            raise LakeError(
                f'There is no destination {name} with deliver = "http"; choose among: {known}.'
            )
    return {name: d for name, d in sent.items() if not only or name in only}


def _wires(
    chosen: Mapping[str, Destination],
    environ: Mapping[str, str],
    *,
    patience: float,
    timeout: httpx2.Timeout,
) -> Callable[[str], Wire]:
    """How each destination is reached; those of one account share what it takes in a second.

    What one credential opens at one vendor is one account.
    """
    paces: dict[tuple[str, str | None, str], Pace] = {}
    lock = threading.Lock()

    def wire(name: str) -> Wire:
        destination = chosen[name]
        assert destination.sink.http is not None
        credential = references.find(destination.credential, environ)
        account = (destination.kind, destination.endpoint, credential)
        with lock:
            pace = paces.setdefault(
                account, Pace(destination.sink.http.per_second, patience=patience)
            )
        return Wire(destination, credential, pace, patience=patience, timeout=timeout)

    return wire


@contextlib.contextmanager
def _alone(place: Path) -> Iterator[bool]:
    """Hold the right to send of a lake."""
    (place / FOLDER).mkdir(mode=0o700, exist_ok=True)
    with held(place / FOLDER / LOCK) as free:
        yield free

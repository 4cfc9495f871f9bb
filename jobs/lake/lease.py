"""The lease of a lake: whoever wrote its newest numbered file is its one writer (G11).

To take the lake, to go on holding it and to leave it are the same move: make the file with the next
number, where there is none yet. Every store lets just one of several makers do that, so no two ever
hold one number, and whoever finds a higher number than their own has lost the lake. How old a file
is, the store's own clock says. A process that the system stops and continues later may not notice
before its next look: that is the limit of any lease.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import re
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tactful.jobs import ending
from tactful.jobs.errors import LakeHeld, LeaseLost

if TYPE_CHECKING:
    from tactful.jobs.lake.files import Files

FOLDER = "_lease"
NAME = re.compile(r"(\d{20})\.json")
# For so long a lease holds without a word of its holder.
SECONDS = 180.0
# Of that: how often its holder renews it, and when one that could not ends itself.
RENEWALS, TRIED = 9, 2 / 3
# Whoever has the turn to change a small file and says no word for so long is gone.
TURN = 60.0
# How often a file that is gone before it is read is looked for anew.
LOOKS = 10
Say = Callable[[str], None]
# What this process holds now, by the tokens it wrote.
_ours: set[str] = set()


class Holder(NamedTuple):
    """Whoever wrote a file to keep others out: a lease, or the turn to change a small file."""

    token: str
    who: str
    since: str
    machine: str
    process: str
    seconds: float = 0.0
    is_over: bool = False
    number: int = 0

    @classmethod
    def new(cls) -> Holder:
        """This process, from now on."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        own = (_machine(), _process(os.getpid()))
        return cls(uuid.uuid4().hex, _who(), now, *own, seconds=SECONDS)

    @classmethod
    def read(cls, text: str, number: int = 0) -> Holder:
        """Who wrote a text; of one that is damaged all that is known is that somebody did."""
        try:
            told: dict[str, Any] = json.loads(text)
            return cls(**{**told, "number": number})
        except (ValueError, TypeError):
            return cls("", "a process that did not say who it is", "a time it did not say", "", "")

    def text(self, *, is_over: bool = False) -> str:
        """What is written down of it."""
        told = {**self._asdict(), "is_over": is_over}
        del told["number"]
        return json.dumps(told) + "\n"

    def is_dead(self, *, is_alone: bool = False) -> bool:
        """Whether the holder is known to be no more, since it was at work on this machine.

        is_alone: whether a lock of this machine that every holder takes is ours.
        """
        if self.machine != _machine():
            return False
        if self.process == _process(os.getpid()):
            return self.token not in _ours
        namespace, pid, _ = self.process.split("/")
        is_seen = namespace == _namespace()
        return is_alone or (is_seen and _process(int(pid)) != self.process)

    def error(self, location: str) -> LakeHeld:
        """That the lake cannot be had, for the caller to raise."""
        return LakeHeld(
            f"Another run holds the lake at {location} since {self.since}: {self.who}; wait for "
            "it, or stop it."
        )


class Lease:
    """The right to write to a lake, renewed by a thread of its own until it is given back."""

    def __init__(self, files: Files, holder: Holder, *, began: float) -> None:
        self._files, self._holder, self._renewed_at = files, holder, began
        self._turn, self._is_over = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        self._thread.start()

    def confirm(self) -> None:
        """Raises: LeaseLost, where the lake is another's by now; asked before every commit."""
        with self._turn:
            is_late = time.monotonic() - self._renewed_at >= self._holder.seconds
            if is_late or not self._is_newest():
                raise self._lost()

    def release(self) -> None:
        """Give the lake back; whoever could not be told waits until the lease ends by itself."""
        self._is_over.set()
        self._thread.join()
        with contextlib.suppress(Exception):
            self._next(is_over=True)

    def _keep(self) -> None:
        """Renew it again and again; end the process where that was not possible for too long."""
        pause = self._holder.seconds / RENEWALS
        while not self._is_over.wait(pause):
            began = time.monotonic()
            try:
                with self._turn:
                    is_ours = self._next()
                    self._renewed_at = began if is_ours else self._renewed_at
            except Exception:
                if time.monotonic() - self._renewed_at < self._holder.seconds * TRIED:
                    pause = min(1.0, self._holder.seconds / RENEWALS)
                    continue
                is_ours = False
            if not is_ours:
                if not self._is_over.is_set():
                    ending.end(str(self._lost()), code=LeaseLost.exit_code)
                return
            pause = self._holder.seconds / RENEWALS

    def _next(self, *, is_over: bool = False) -> bool:
        """Make the file with the next number; whether it is ours."""
        number = self._holder.number + 1
        text = self._holder.text(is_over=is_over)
        if not self._files.create_text(_place(self._files, number), text):
            found = newest(self._files)
            if found is None or found.token != self._holder.token:
                return False
            number = found.number  # made in a try whose answer was lost
        before, self._holder = self._holder.number, self._holder._replace(number=number)
        _tidy(self._files, up_to=number - 1 if is_over else before - 1)
        return True

    def _is_newest(self) -> bool:
        """Whether the newest lease is ours; a try whose answer was lost may have made one more."""
        highest = _highest(self._files)
        if highest == self._holder.number:
            return True
        found = newest(self._files)
        return found is not None and found.token == self._holder.token

    def _lost(self) -> LeaseLost:
        with contextlib.suppress(Exception):
            found = newest(self._files)
            if found is not None and found.token != self._holder.token and not found.is_over:
                return LeaseLost(
                    f"The lake at {self._files.location} was taken by another run since "
                    f"{found.since}: {found.who}; this one has ended, and that one goes on."
                )
        return LeaseLost(
            f"The lease of the lake at {self._files.location} could not be renewed in time; see "
            "whether the store can be reached and its folder _lease is there, then run again."
        )


@contextlib.contextmanager
def leased(files: Files, *, is_alone: bool, say: Say = lambda _: None) -> Iterator[Lease]:
    """Hold a lake; where another may hold it, wait until that shows. Raises: LakeHeld.

    is_alone: whether a lock of this machine that every holder takes is ours.
    """
    while True:
        found, began = newest(files), time.monotonic()
        if found and not found.is_over and not found.is_dead(is_alone=is_alone):
            _wait(files, found, say)
            began = time.monotonic()
        own = Holder.new()._replace(number=found.number + 1 if found else 1)
        if files.create_text(_place(files, own.number), own.text()):
            break
    with at_work(own):
        lease = Lease(files, own, began=began)
        try:
            _tidy(files, up_to=own.number - 1)
            yield lease
        finally:
            lease.release()


@contextlib.contextmanager
def at_work(own: Holder) -> Iterator[None]:
    """Let this process know what of its own it holds, so that what it left is told from it."""
    _ours.add(own.token)
    try:
        yield
    finally:
        _ours.discard(own.token)


def newest(files: Files, folder: str = FOLDER) -> Holder | None:
    """Whoever wrote the newest lease, be it over or not; None where there never was any."""
    for _ in range(LOOKS):
        number = _highest(files, folder)
        if not number:
            return None
        text = files.read_text(_place(files, number, folder))
        if text is not None:
            return Holder.read(text, number)
    return None


def holder(files: Files) -> Holder | None:
    """Whoever holds a lake, as far as that can be told without a word of one's own."""
    found = newest(files)
    if found is None or found.is_over or found.is_dead():
        return None
    written = files.written_at(_place(files, found.number))
    age = 0.0 if written is None else (datetime.now(UTC) - written).total_seconds()
    return found if age < found.seconds else None


def now(files: Files, folder: str) -> datetime:
    """What time it is by the clock of a store."""
    probe = f"{folder}/.{uuid.uuid4().hex}.now"
    files.create_text(probe, "")
    found = files.written_at(probe)
    files.remove(probe)
    return found or datetime.now(UTC)


@contextlib.contextmanager
def in_turn(files: Files, folder: str) -> Iterator[None]:
    """Have the turn to change a small file; whoever says no word for `TURN` seconds loses it.

    By the same move as a lake is held: nobody takes away what another may have made meanwhile.
    """
    own = Holder.new()
    with at_work(own):
        while True:
            found = newest(files, folder)
            if found is None or found.is_over or found.is_dead() or _is_old(files, found, folder):
                number = found.number + 1 if found else 1
                made = files.create_text(_place(files, number, folder), own.text())
                # A number that was outdone and tidied away since is no turn.
                if made and _highest(files, folder) == number:
                    break
            else:
                time.sleep(0.1)
        try:
            yield
        finally:
            # Where another has taken it since, it is theirs to give back.
            over = own.text(is_over=True)
            if files.create_text(_place(files, number + 1, folder), over):
                _tidy(files, up_to=number, folder=folder)


def _is_old(files: Files, found: Holder, folder: str) -> bool:
    written = files.written_at(_place(files, found.number, folder))
    if written is None:
        return False  # outdone since
    return (now(files, f"{files.location}/{folder}") - written).total_seconds() > TURN


def _wait(files: Files, found: Holder, say: Say) -> None:
    """Return once a lease has run out. Raises: LakeHeld, where its holder renews it."""
    written = files.written_at(_place(files, found.number))
    age = (now(files, f"{files.location}/{FOLDER}") - written).total_seconds() if written else 0.0
    left = found.seconds - age
    if left > 0:
        say(
            f"The lake is held since {found.since}: {found.who}; waiting for at most {left:.0f} s "
            "to see whether that is still at work"
        )
    until = time.monotonic() + left
    while time.monotonic() < until:
        time.sleep(min(1.0, found.seconds / RENEWALS / 4, max(0.0, until - time.monotonic())))
        seen = newest(files)
        if seen is None or seen.is_over:
            return
        if seen.number != found.number:
            raise seen.error(files.location)


def _place(files: Files, number: int, folder: str = FOLDER) -> str:
    return f"{files.location}/{folder}/{number:020d}.json"


def _highest(files: Files, folder: str = FOLDER) -> int:
    """The number of the newest lease; 0 before the first."""
    names = map(NAME.fullmatch, files.names(f"{files.location}/{folder}"))
    return max((int(name[1]) for name in names if name), default=0)


def _tidy(files: Files, *, up_to: int, folder: str = FOLDER) -> None:
    """Take away what newer numbers have outdone."""
    for name in files.names(f"{files.location}/{folder}"):
        found = NAME.fullmatch(name)
        if found and int(found[1]) <= up_to:
            files.remove(f"{files.location}/{folder}/{name}")


def _who() -> str:
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = f"user {os.getuid()}"
    return f"{user} on {socket.gethostname()}, process {os.getpid()}"


@cache
def _machine() -> str:
    """This machine since it was started, whatever it or a container on it is called."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    return boot.read_text().strip() if boot.exists() else f"{uuid.getnode():x}"


def _namespace() -> str:
    """Whose numbers of processes these are; a container has its own."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def _process(pid: int) -> str:
    """A process of this machine, so that another one of its number is another; "" for none."""
    began, stat = "", Path(f"/proc/{pid}/stat")
    try:
        if Path("/proc/self").exists():
            # Behind the name, which may hold anything: what it does, and as the 22nd when it began.
            told = stat.read_text().rpartition(")")[2].split()
            if told[0] == "Z":
                return ""
            began = told[19]
        else:
            os.kill(pid, 0)
    except PermissionError:
        pass
    except OSError:
        return ""
    return f"{_namespace()}/{pid}/{began}"

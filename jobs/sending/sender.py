"""One destination's turn: its files in order, each call once answered, until one has to wait."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tactful.jobs.errors import TactfulError
from tactful.jobs.sending.journal import Journal, Progress
from tactful.jobs.sending.outbox import File, Outbox
from tactful.jobs.sending.told import Tables
from tactful.jobs.sending.wire import Again, Wire, key_of
from tactful.jobs.settings.config import Destination
from tactful.transforms.sinks.http import ACCEPTED, FORBIDDEN, REJECTED, Answer, Call, without

GIVEN_UP = "given_up"
STOPPED = "the run was asked to stop"
UNTHOUGHT = "something failed here that should not"
log = logging.getLogger(__name__)


@dataclass
class Turn:
    """What became of a destination's files, and why it stopped before the last of them, if so."""

    accepted: int = 0
    rejected: int = 0
    given_up: int = 0
    waiting: int = 0
    refused_records: int = 0
    stopped: str | None = None


class Sender:
    """Sends the files of one destination."""

    def __init__(
        self,
        destination: Destination,
        outbox: Outbox,
        journal: Journal,
        tables: Tables,
        wire: Wire,
        *,
        lake_id: str,
        now: Callable[[], datetime],
        stop: threading.Event,
        again: bool = False,
        on_file: Callable[[], None] = lambda: None,
    ) -> None:
        """again: whether to call it although it asked to be left alone. on_file: is told of each
        file that came to its end.
        """
        self.destination, self.outbox, self.journal = destination, outbox, journal
        self.tables, self.wire, self.lake_id, self.now = tables, wire, lake_id, now
        self.stop, self.again, self.on_file = stop, again, on_file

    def turn(self, files: Sequence[File]) -> Turn:
        """Send what can be sent now; what comes behind a file that has to wait waits with it."""
        turn = Turn()
        for number, file in enumerate(files):
            if self.stop.is_set():
                turn.waiting, turn.stopped = len(files) - number, STOPPED
                break
            try:
                progress = self.journal.open(file)
                why = self._resting(progress) or (
                    None if progress.is_over else self._sent(progress, file)
                )
            except TactfulError as error:
                why = str(error).rstrip(".")
            except Exception as error:  # what nobody thought of must not stop the others
                why = f"{UNTHOUGHT} ({type(error).__name__} in {file.name}); please report it"
                log.debug("%s of %s", file.name, file.destination, exc_info=True)
            if why is not None:
                turn.waiting, turn.stopped = len(files) - number, why
                break
            setattr(turn, progress.state, getattr(turn, progress.state) + 1)
            turn.refused_records += len(progress.refused) + progress.unnamed
            self.on_file()
        return turn

    def _resting(self, progress: Progress) -> str | None:
        if self.again or not progress.not_before:
            return None
        if self.now() < datetime.fromisoformat(progress.not_before):
            until = f"it asked to be left alone until {progress.not_before}"
            return f"{until} (tactful send --again calls it all the same)"
        return None

    def _sent(self, progress: Progress, file: File) -> str | None:
        """Bring one file to its end; why not, where it has to wait."""
        progress.first_tried_at = progress.first_tried_at or self.now().isoformat()
        progress.not_before = None
        before = self.wire.calls
        try:
            stopped = self._all_calls(progress, file)
        except Again as again:
            stopped = again.said
            if again.wait:
                wait = timedelta(seconds=again.wait)
                progress.not_before = (self.now() + wait).isoformat()
        finally:
            progress.calls += self.wire.calls - before
        if stopped is None:
            self._end(progress, ACCEPTED if self._any_taken(progress) else REJECTED)
            return None
        progress.response = stopped
        first = datetime.fromisoformat(progress.first_tried_at)
        if self.now() - first >= self.destination.give_up_after:
            self._end(progress, GIVEN_UP)
            return None
        self.journal.write(progress)
        return stopped

    def _end(self, progress: Progress, state: str) -> None:
        progress.state, progress.ended_at = state, self.now().isoformat()
        self.journal.write(progress)

    def _any_taken(self, progress: Progress) -> bool:
        return len(progress.refused) + progress.unnamed < progress.records

    def _all_calls(self, progress: Progress, file: File) -> str | None:
        """Make every call that is still to be made; why it stopped, where one may not go on."""
        http, operation = self.wire.http, file.operation
        progress.state = "retrying"
        if http.look is not None and operation == "suppress" and progress.closed is None:
            if stopped := self._look(progress, file):
                return stopped
        elif http.look is not None and operation == "unsuppress" and progress.kept is None:
            progress.kept = self._not_ours(file)
        if http.look is not None or self.again:
            # On the disk before the first call: what we close must not be found closed after a
            # kill, and what is tried once more is on its way.
            self.journal.write(progress)
        calls = self._calls(progress, file)
        for number in range(progress.done, len(calls)):
            if self.stop.is_set():
                return STOPPED
            answer, refused = self._one_call(calls[number], file, str(number))
            progress.response = answer.said or progress.response
            if answer.state == FORBIDDEN:
                return answer.said or "its credential is refused"
            if answer.state == REJECTED:
                refused |= {row: "rejected" for row in calls[number].rows if row not in refused}
            progress.refused |= {str(row): why for row, why in refused.items()}
            progress.unnamed += answer.unnamed if answer.state == ACCEPTED else 0
            progress.done = number + 1
            if progress.done < len(calls):  # Behind the last one its end is written.
                self.journal.write(progress)
        return None

    def _one_call(self, call: Call, file: File, key: str) -> tuple[Answer, dict[int, str]]:
        """Make one call, and once more without the records that it failed for alone."""
        refused: dict[int, str] = {}
        whole: Call | None = call
        while True:
            named = ",".join(map(str, sorted(refused)))
            answer = self.wire.send(whole, self._key(file, key, named))
            refused |= answer.refused
            if answer.state != REJECTED or not answer.refused:
                return answer, refused
            whole = without(self.wire.http, whole, answer.refused)
            if whole is None:
                return answer, refused

    def _calls(self, progress: Progress, file: File) -> list[Call]:
        """The calls of a file, without the records that are to stay closed."""
        text, rows = self.outbox.text(file), list(range(file.records))
        if progress.kept:
            records = self.outbox.records_of(file)
            rows = [row for row in rows if row not in set(progress.kept)]
            text = self.destination.sink.body(
                [records[row]["payload"] for row in rows],
                operation=file.operation, audience=file.audience,
                record_ids=[records[row]["record_id"] for row in rows], **self.destination.options,
            )  # fmt: skip
        if not rows:
            return []
        return self.wire.http.calls(text, file.operation, self.destination.options, rows)

    def _look(self, progress: Progress, file: File) -> str | None:
        """Find out who is closed there before we close them; why it stopped, where it did."""
        http = self.wire.http
        assert http.look is not None and http.closed is not None
        payloads = {n: record["payload"] for n, record in enumerate(self.outbox.records_of(file))}
        found: set[int] = set()
        for call in http.look(self.destination.options, payloads):
            answer, said = self.wire.ask(call, self._key(file, "look", call.path))
            if answer.state != ACCEPTED:
                return answer.said or "it does not say who opted out there"
            found |= http.closed(said, call, payloads)
        progress.closed = sorted(found)
        return None

    def _not_ours(self, file: File) -> list[int]:
        """The records of those whom we did not close there: they stay closed."""
        self.tables.tell()
        ours = self.outbox.closed_by_us(self.destination.name)
        records: Iterable[dict[str, Any]] = self.outbox.records_of(file)
        return [n for n, one in enumerate(records) if not ours & set(one["identifier_keys"])]

    def _key(self, file: File, *parts: str) -> str:
        return key_of(self.lake_id, file.destination, file.name, *parts)

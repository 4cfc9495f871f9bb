"""The journal: how far each file is on its way, on the disk before and after every call.

One small file a file of the outbox, below `<lake>/sending/<destination>/`, in which no row is more
than its number. Once a file has come to its end and tables say so, its journal goes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tactful.jobs.errors import LakeDamaged
from tactful.jobs.lake.local_files import LocalFiles
from tactful.jobs.sending.outbox import File

FOLDER = "sending"


@dataclass
class Progress:
    """How far one file is.

    closed: numbers of the records found closed before, None where nobody has looked yet. kept: of
    those not opened again. done: how many of its calls came to an end. refused: why, by number.
    """

    destination: str
    name: str
    audience: str
    operation: str
    records: int
    state: str = "written"
    calls: int = 0
    first_tried_at: str | None = None
    not_before: str | None = None
    closed: list[int] | None = None
    kept: list[int] | None = None
    done: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    unnamed: int = 0
    response: str | None = None
    ended_at: str | None = None

    @property
    def is_over(self) -> bool:
        """Whether it came to an end."""
        return self.ended_at is not None


class Journal:
    """All journals of one lake."""

    def __init__(self, lake: Path) -> None:
        self.folder = lake / FOLDER
        self.files = LocalFiles(str(lake))

    def open(self, file: File) -> Progress:
        """How far a file is; at its beginning where nothing was written of it."""
        place = self._place(file.destination, file.name)
        text = self.files.read_text(str(place))
        if text is None:
            return Progress(
                file.destination, file.name, file.audience, file.operation, file.records
            )
        return _read(place, text)

    def write(self, progress: Progress) -> None:
        """Bring it to the disk itself."""
        place = self._place(progress.destination, progress.name)
        text = json.dumps(asdict(progress), sort_keys=True) + "\n"
        self.files.write_text(str(place), text, is_private=True)

    def forget(self, progress: Progress) -> None:
        """It is in the tables, so nobody needs it here."""
        self.files.remove(str(self._place(progress.destination, progress.name)))

    def all(self) -> Iterator[Progress]:
        """Every file that is on its way, or came to an end that no table tells yet."""
        for destination in self.files.names(str(self.folder)):
            for name in self.files.names(str(self.folder / destination)):
                place = self.folder / destination / name
                text = self.files.read_text(str(place))
                if text is not None:
                    yield _read(place, text)

    def _place(self, destination: str, name: str) -> Path:
        return self.folder / destination / f"{name}.journal"


def _read(place: Path, text: str) -> Progress:
    try:
        return Progress(**json.loads(text))
    except (TypeError, ValueError) as error:
        raise LakeDamaged(
            f"{place} is damaged; remove it, and that file is sent once more from its beginning."
        ) from error

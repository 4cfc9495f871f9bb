"""Small files on a file system that answers instead of failing."""

from __future__ import annotations

import pytest

from tactful.jobs.errors import StepFailed
from tactful.jobs.lake import files


class System:
    """A file system of Hadoop's that does what it is asked, or says that it did not."""

    def __init__(self, *, renames: bool = True, removes: bool = True) -> None:
        self.there: dict[str, bytes] = {}
        self.renames, self.removes = renames, removes

    def exists(self, path: str) -> bool:
        return path in self.there

    def create(self, path: str, overwrite: bool) -> System:
        self.opened = path
        self.there[path] = b""
        return self

    def write(self, content: bytes) -> None:
        self.there[self.opened] += content

    def close(self) -> None: ...

    def rename(self, old: str, new: str) -> bool:
        if not self.renames or new in self.there:
            return False
        self.there[new] = self.there.pop(old)
        return True

    def delete(self, path: str, recursive: bool) -> bool:
        return self.removes and self.there.pop(path, None) is not None


@pytest.fixture
def on(monkeypatch):
    def on(system: System) -> System:
        monkeypatch.setattr(files, "_hadoop", lambda spark, path: (system, path))
        monkeypatch.setattr(files, "_beside", lambda spark, path, ending: f"{path}.{ending}")
        return system

    return on


PLACE = "shop://lake/outbox/file"


def test_a_file_is_written_and_replaced(on) -> None:
    system = on(System())
    assert files.write_text(None, PLACE, "one")
    assert files.write_text(None, PLACE, "two")
    assert system.there == {PLACE: b"two"}
    assert not files.write_text(None, PLACE, "three", keep=True)
    assert system.there == {PLACE: b"two"}


@pytest.mark.parametrize("keep", [True, False])
def test_a_rename_that_was_refused_is_an_error(on, keep: bool) -> None:
    on(System(renames=False))
    with pytest.raises(StepFailed, match=r"did not rename .* to .*file"):
        files.write_text(None, PLACE, "one", keep=keep)


def test_whoever_is_second_keeps_the_first_ones_file(on) -> None:
    system = on(System())
    system.there[PLACE] = b"first"
    seen = iter([False, True])
    system.exists = lambda path: next(seen)
    assert not files.write_text(None, PLACE, "second", keep=True)
    assert system.there == {PLACE: b"first"}


def test_a_removal_that_was_refused_is_an_error(on) -> None:
    system = on(System(removes=False))
    files.remove(None, PLACE)
    system.there[PLACE] = b""
    with pytest.raises(StepFailed, match="did not remove"):
        files.remove(None, PLACE)

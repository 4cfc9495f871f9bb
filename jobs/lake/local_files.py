"""Files on this machine's disk: no session, rights of their own, and a lock that dies with us."""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from tactful.jobs.errors import StepFailed
from tactful.jobs.lake import lease, listing, private

# Of a lake's runs on this machine just one holds this file, beside the lease that all stores have.
LOCK = "_lock"
# What the user's umask leaves of it.
ANYONE = 0o666


class LocalFiles:
    """`Files` of this machine."""

    def __init__(self, location: str) -> None:
        self.location = location
        self._lease: lease.Lease | None = None

    def read_text(self, path: str) -> str | None:
        try:
            return Path(path).read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            return None

    def first_bytes(self, path: str, count: int) -> bytes:
        with open(path, "rb") as file:
            return file.read(count)

    def read_through(self, path: str) -> None:
        with open(path, "rb") as file:
            while file.read(1 << 20):
                pass

    def write_text(
        self, path: str, text: str, *, keep: bool = False, is_private: bool = False
    ) -> bool:
        place = Path(path)
        if is_private:
            private.make_folder(place.parent)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
        return _put(place, text, mode=private.FILE if is_private else ANYONE, keep=keep)

    def create_text(self, path: str, text: str) -> bool:
        return self.write_text(path, text, keep=True)

    def move(self, source: str, target: str, *, is_private: bool = False) -> bool:
        if is_private:
            private.make_folder(Path(target).parent)
            private.close(source)
        else:
            Path(target).parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(source, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        try:
            # Unlike a rename, a link never takes another's place.
            os.link(source, target)
        except FileExistsError:
            return False
        finally:
            Path(source).unlink()
        return True

    def swap_text(self, path: str, old: str | None, new: str) -> bool:
        import fcntl

        place = Path(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(
            place.with_name(f".{place.name}.turn"), os.O_RDWR | os.O_CREAT, private.FILE
        )
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            return self.read_text(path) == old and _put(place, new, mode=ANYONE, keep=False)
        finally:
            os.close(handle)

    def written_at(self, path: str) -> datetime | None:
        try:
            return datetime.fromtimestamp(os.stat(path).st_mtime, UTC)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def exists(self, path: str) -> bool:
        return Path(path).exists()

    def names(self, path: str) -> list[str]:
        folder = Path(path)
        found = os.listdir(folder) if folder.is_dir() else []
        return sorted(name for name in found if not name.startswith("."))

    def remove(self, path: str) -> None:
        try:
            if os.path.isdir(path):
                shutil.rmtree(path)
            else:
                Path(path).unlink(missing_ok=True)
        except FileNotFoundError:
            return
        except OSError as error:
            raise StepFailed(
                f"{error.filename or path} cannot be removed ({(error.strerror or '').lower()}); "
                "see to that, then run the same command again."
            ) from error

    def make_private(self, path: str) -> None:
        private.make_folder(path)

    def listed(self, path: str) -> listing.Listing:
        return listing.walked(os.path.abspath(path))

    def may_read(self, path: str) -> bool:
        return os.access(path, os.R_OK)

    def gone(self, paths: Iterable[str], *, named: Iterable[str]) -> set[str]:
        return {path for path in (*paths, *named) if not os.path.lexists(path)}

    def holder(self) -> lease.Holder | None:
        import fcntl

        try:
            with open(Path(self.location) / LOCK, "r+b") as handle:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            pass
        except BlockingIOError:
            return lease.newest(self) or lease.Holder.read("")
        return lease.holder(self)

    @contextlib.contextmanager
    def locked(self, say: lease.Say = lambda _: None) -> Iterator[None]:
        Path(self.location).mkdir(parents=True, exist_ok=True)
        with held(Path(self.location) / LOCK) as free:
            if not free:
                raise (lease.newest(self) or lease.Holder.read("")).error(self.location)
            with lease.leased(self, is_alone=True, say=say) as self._lease:
                try:
                    yield
                finally:
                    self._lease = None

    def confirm(self) -> None:
        if self._lease is not None:
            self._lease.confirm()


@contextlib.contextmanager
def held(lock: Path) -> Iterator[bool]:
    """Hold a lock file of this machine, where nobody else does; the lock dies with the process."""
    import fcntl

    with open(lock, "a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def _put(place: Path, text: str, *, mode: int, keep: bool) -> bool:
    """Put a text in place in one move; whether that was done, which `keep` forbids over another."""
    if keep and place.exists():
        return False
    part = place.with_name(f".{place.name}.{uuid.uuid4().hex}.part")
    try:
        write_whole(part, text.encode("utf-8"), mode=mode)
        if not keep:
            os.replace(part, place)
            return True
        # Unlike a rename, a link never takes another's place.
        with contextlib.suppress(FileExistsError):
            os.link(part, place)
            return True
        return False
    finally:
        part.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes, *, mode: int) -> None:
    """Write a new file of this machine to the disk itself, with these rights from the start."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(handle)


def save_names(folder: Path) -> None:
    """Bring what was just named in a folder of this machine to the disk itself."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

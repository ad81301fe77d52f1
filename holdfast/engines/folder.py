"""Large contents in a folder of this machine: write, fsync, rename, fsync of the folder.

obstore's local store does not fsync, so a content could be lost in a power cut after its row was committed.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from holdfast.errors import NotFound
from holdfast.ids import BlobId

RECENT_S = 600
"""Longer than any message takes from its content being put to its row being committed."""


class FolderStore:
    """Files named by their content's SHA-256, in 256 folders."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, id_: BlobId, data: bytes) -> None:
        target = self._place(id_)
        if not _touch(target):
            temporary = target.with_name(f".{target.name}.{os.getpid()}.{os.urandom(4).hex()}")
            try:
                with temporary.open("wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(temporary, target)
            finally:
                temporary.unlink(missing_ok=True)
        # Also where it was there: whoever put it may not have come this far.
        sync_folder(target.parent)

    def adopt(self, id_: BlobId, file: Path) -> None:
        target = self._place(id_)
        if not _touch(target):
            try:
                os.link(file, target)
                os.utime(target)
            except FileExistsError:
                pass
            except OSError:  # another file system, or one without links
                self.put(id_, file.read_bytes())
                return
        sync_folder(target.parent)

    def read(self, id_: BlobId, start: int, length: int) -> bytes:
        try:
            with self._file(id_).open("rb") as file:
                file.seek(start)
                return file.read(length)
        except FileNotFoundError:
            raise NotFound("blob", id_.hex(), "its row is there and its content is not") from None

    def has(self, id_: BlobId) -> bool:
        return self._file(id_).exists()

    def delete(self, id_: BlobId) -> None:
        file = self._file(id_)
        aside = file.with_name(f".{file.name}.{os.getpid()}.{os.urandom(4).hex()}")
        try:
            os.rename(file, aside)
        except FileNotFoundError:
            return
        # Somebody may have put the same content just now, for a row that is not committed yet: then it stays.
        if time.time() - aside.stat().st_mtime < RECENT_S:
            try:
                os.link(aside, file)
            except FileExistsError:
                pass
        aside.unlink()

    def _file(self, id_: BlobId) -> Path:
        name = id_.hex()
        return self._folder / name[:2] / name[2:]

    def _place(self, id_: BlobId) -> Path:
        file = self._file(id_)
        if not file.parent.exists():
            file.parent.mkdir(exist_ok=True)
            sync_folder(self._folder)
        return file


def _touch(file: Path) -> bool:
    """Mark a content as wanted again; False if it is not there."""
    try:
        os.utime(file)
    except FileNotFoundError:
        return False
    return True


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

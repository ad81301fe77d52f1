"""Large contents in a folder of this machine: write, fsync, rename, fsync of the folder.

obstore's local store does not fsync, so a content could be lost in a power cut after its row was committed.
"""

from __future__ import annotations

import os
from pathlib import Path

from holdfast.errors import NotFound
from holdfast.ids import BlobId


class FolderStore:
    """Files named by their content's SHA-256, in 256 folders."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, id_: BlobId, data: bytes) -> None:
        target = self._place(id_)
        if target.exists():
            return
        temporary = target.with_name(f".{target.name}.{os.getpid()}.{os.urandom(4).hex()}")
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
        sync_folder(target.parent)

    def adopt(self, id_: BlobId, file: Path) -> None:
        target = self._place(id_)
        try:
            os.link(file, target)
        except FileExistsError:
            return
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
        self._file(id_).unlink(missing_ok=True)

    def _file(self, id_: BlobId) -> Path:
        name = id_.hex()
        return self._folder / name[:2] / name[2:]

    def _place(self, id_: BlobId) -> Path:
        file = self._file(id_)
        if not file.parent.exists():
            file.parent.mkdir(exist_ok=True)
            sync_folder(self._folder)
        return file


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

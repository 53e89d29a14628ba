"""Files that are whole or absent: writing aside and renaming, hashing, the cache folder."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kzoo.errors import KzooError

_CHUNK_BYTES = 1 << 20


def cache_folder(*parts: str) -> Path:
    """Return the folder for large derived files: `$KZOO_CACHE`, else the user's cache folder.

    The folder is not made here; who writes into it makes it.
    """
    import platformdirs

    root = os.environ.get("KZOO_CACHE") or platformdirs.user_cache_dir("kzoo")
    return Path(root).expanduser().joinpath(*parts)


def slug(name: str) -> str:
    """Return a name as part of a file's: its letters, digits, dots and underscores, hyphens for the rest."""
    return "-".join(re.findall(r"[\w.]+", name))


def data_slug(data: str) -> str:
    """Return a data set's name, or the last part of a folder's path, as part of a file's name."""
    return slug(data if data.startswith("house/") else Path(data).name)


def write_atomic(path: Path, content: bytes | str) -> None:
    """Write `content` beside `path`, flush it to disk, and rename it over `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = content.encode("utf-8") if isinstance(content, str) else content
    handle, aside = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        Path(aside).chmod(0o644)
        Path(aside).replace(path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise


@contextmanager
def folder_written_aside(target: Path) -> Iterator[Path]:
    """Yield an empty folder beside `target`; when the block ends well, it becomes `target`.

    The folder's name starts with a dot, so nothing that polls for version numbers sees it. When
    the block raises, the folder is removed and `target` stays as it was.

    Raises:
        KzooError: if `target` exists already, before or after the block.
    """
    if target.exists():
        raise KzooError(f"{target} exists already; nothing was written")
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent))
    try:
        aside.chmod(0o755)
        yield aside
        try:
            aside.rename(target)
        except OSError as error:
            raise KzooError(f"{target} appeared while it was being written") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def sha256_of_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def sha256_of_folder(folder: Path) -> str:
    """Return one SHA-256 over the relative names and the bytes of all files below `folder`."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode("utf-8") + b"\0")
        digest.update(bytes.fromhex(sha256_of_file(path)))
    return digest.hexdigest()

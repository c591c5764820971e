"""Writing files so that a reader finds the old one or the new one, never half.

A temporary file in the same folder is written, flushed and synced, then renamed over
the target; last the folder is synced, so that the rename survives a power cut.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from pathlib import Path
from typing import Any

from steepest.core.errors import DataError

_TEMPORARY = re.compile(r"\.(.+)\.[a-z0-9_]{8}\.tmp")
"""What `write_atomic` calls a file while it is being written."""


def write_atomic(path: str | Path, data: bytes) -> None:
    """Write `data` to `path`, whole or not at all.

    Args:
        path: the file; folders on the way are made.
        data: its new content.

    Raises:
        DataError: the file cannot be written, or not made safe against a power cut.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_atomic(f"{folder}/note.txt", b"kept")
    ...     Path(f"{folder}/note.txt").read_bytes()
    b'kept'
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.name}.", suffix=".tmp"
        )
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror}).") from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o666 & ~_umask())  # mkstemp makes files private
        Path(name).replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror}).") from error
    finally:
        Path(name).unlink(missing_ok=True)


def make_folder(path: Path) -> None:
    """Make a folder in one that is there, safe against a power cut.

    Args:
        path: the folder; it may be there already.

    Raises:
        DataError: it cannot be made.
    """
    if path.is_dir():
        return
    try:
        path.mkdir(exist_ok=True)
        _sync_folder(path.parent)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror}).") from error


def put_in_place(path: Path, target: Path) -> None:
    """Rename a whole file over another, at one stroke and safe against a power cut.

    Args:
        path: the file.
        target: its new name in the same folder.

    Raises:
        DataError: the folder cannot be written.
    """
    try:
        path.replace(target)
        _sync_folder(target.parent)
    except OSError as error:
        raise DataError(f"{target}: cannot be written ({error.strerror}).") from error


def written_for(name: str) -> str | None:
    """The file that a leftover of a killed `write_atomic` was to become.

    Args:
        name: the name of any file.

    Returns:
        A file name, or None for what is no leftover.

    >>> written_for(".run.json.k3x_0abz.tmp")
    'run.json'
    """
    found = _TEMPORARY.fullmatch(name)
    return None if found is None else found[1]


def write_json(path: str | Path, content: dict[str, Any]) -> str:
    """Write plain data as JSON, with a checksum of itself that `read_json` asks for.

    Args:
        path: the file.
        content: numbers (finite), texts, lists and dicts, with a "schema".

    Returns:
        The checksum, as `digest` gives it.

    Raises:
        DataError: the file cannot be written.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = write_json(f"{folder}/a.json", {"schema": "a/1", "n": 2})
    ...     read_json(f"{folder}/a.json", schema="a/1")
    {'schema': 'a/1', 'n': 2}
    """
    checksum = digest(content)
    sealed = {**content, "sha256": checksum}
    text = json.dumps(sealed, indent=1, allow_nan=False, ensure_ascii=False)
    write_atomic(path, _encode(text + "\n"))
    return checksum


def read_json(path: str | Path, *, schema: str) -> dict[str, Any]:
    """Read what `write_json` wrote and prove that it is unchanged.

    Args:
        path: the file.
        schema: the schema it must be of, such as "steepest.run/1".

    Returns:
        The content, without its checksum.

    Raises:
        DataError: missing, not JSON, of another schema, or changed since.

    >>> read_json("absent.json", schema="a/1")
    Traceback (most recent call last):
    steepest.core.errors.DataError: absent.json: cannot be read (No such file ...).
    """
    path = Path(path)
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: damaged, it is not JSON ({error}).") from error
    found = content.get("schema") if isinstance(content, dict) else None
    if found != schema:
        raise DataError(
            f"{path}: schema {found!r}, but this version reads {schema!r}; "
            "save it again with this version of steepest."
        )
    if content.pop("sha256", None) != digest(content):
        raise DataError(
            f"{path}: damaged, its checksum does not match; restore it from a copy."
        )
    return content


def sha256(data: bytes) -> str:
    """The SHA-256 of some bytes in hexadecimal (FIPS 180-4).

    Args:
        data: any bytes.

    >>> sha256(b"")[:8]
    'e3b0c442'
    """
    return hashlib.sha256(data).hexdigest()


def digest(content: dict[str, Any]) -> str:
    """The checksum of plain data: the SHA-256 of its JSON with sorted keys.

    Args:
        content: as for `write_json`.

    >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    True
    """
    return sha256(_encode(json.dumps(content, sort_keys=True, ensure_ascii=False)))


def _encode(text: str) -> bytes:
    # A path that is no proper text reaches us as lone surrogates; json reads them.
    return text.encode(errors="surrogatepass")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

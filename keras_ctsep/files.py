"""Files that appear whole or not at all."""

import contextlib
import os
import pathlib
import shutil
import tempfile
import uuid


@contextlib.contextmanager
def write_whole(path):
    """Yields a temporary path next to `path`, and renames it to `path` on success.

    A reader sees the old file or the new one, never a part of either. After an error no temporary
    file remains. The temporary name has the ending of `path`, because writers choose a format by
    it. It may become a file or a folder; a folder does not replace an existing one.

    Args:
        path: the finished file or folder. Its parent folder is made when missing.

    Returns:
        A context manager that yields the temporary `pathlib.Path`.

    Example:
    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> with write_whole(folder / "classes.txt") as temporary:
    ...     _ = temporary.write_text("jump")
    >>> sorted(file.name for file in folder.iterdir())
    ['classes.txt']
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{uuid.uuid4().hex[:8]}-{path.name}")
    try:
        yield temporary
        _flush_to_disk(temporary)
        os.replace(temporary, path)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary)
        else:
            temporary.unlink(missing_ok=True)


def _flush_to_disk(path):
    # A rename may reach the disk before the bytes do: after a power cut the file would be empty.
    if path.is_file():
        with open(path, "r+b") as file:  # Windows flushes only what may be written
            os.fsync(file.fileno())


def require_writable(folder):
    """Makes a folder if it is missing, and raises unless files can be written into it.

    Called before long work, so that its results are not lost.

    Args:
        folder: str or path-like.

    Raises:
        OSError: when nothing can be written there.

    Example:
    >>> import tempfile
    >>> require_writable(tempfile.mkdtemp() + "/pictures")
    """
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass

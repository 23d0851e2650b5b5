"""Files that appear whole or not at all, and files that are elsewhere."""

import contextlib
import errno
import os
import pathlib
import re
import shutil
import sys
import tempfile
import uuid

import keras


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


def is_remote(path):
    """True for an address that `fsspec` opens, such as `s3://...` or `zip://...::...`.

    Example:
    >>> is_remote("s3://bucket/jump.mp4"), is_remote("videos/jump.mp4")
    (True, False)
    """
    path = os.fspath(path)
    return ("://" in path or "::" in path) and not os.path.exists(path)


def file_name(path):
    """Returns the name of a file, or of what is at an address.

    Example:
    >>> file_name("runs/last.keras"), file_name("https://host/last.keras?token=1.2")
    ('last.keras', 'last.keras')
    """
    path = os.fspath(path)
    if not is_remote(path):
        return pathlib.Path(path).name
    first, *others = path.split("::")
    address = first if "://" in first else others[-1]
    return re.split("[?#]", address)[0].rpartition("/")[2]


def import_fsspec(path):
    """Returns the module `fsspec`, or says which file needs it and how it is installed."""
    try:
        import fsspec
    except ImportError as error:
        raise ModuleNotFoundError(
            f"{path} needs fsspec: pip install 'keras_ctsep[remote]'"
        ) from error
    return fsspec


@contextlib.contextmanager
def local_file(path):
    """Yields a local file with the content of `path`.

    That is the file itself, or a temporary copy of what is at an address. Errors about the copy
    name the address.

    Args:
        path: a file, or an address that `fsspec` opens (`s3://...`, `hf://...`, `https://...`).
            `simplecache::s3://...` keeps a copy for the next time.

    Returns:
        A context manager that yields a path, with the ending of `path`.

    Raises:
        ValueError: when the address cannot be read.

    Example:
    >>> with local_file("runs/last.keras") as path:
    ...     path
    'runs/last.keras'
    """
    path = os.fspath(path)
    if not is_remote(path):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, file_name(path))
        _download(path, copy)
        try:
            yield copy
        except ValueError as error:
            raise ValueError(str(error).replace(copy, path)) from error


def _download(address, copy):
    fsspec = import_fsspec(address)
    progress = keras.utils.Progbar(None, unit_name="byte")

    def show(size, value, **kwargs):
        progress.target = size
        progress.update(value)

    try:
        file_system, name = fsspec.core.url_to_fs(address)
        callback = fsspec.callbacks.Callback(hooks={"show": show})
        with contextlib.redirect_stdout(sys.stderr):  # results go to the other stream
            file_system.get_file(name, copy, callback=callback)
    except Exception as error:  # each file system raises errors of its own
        reason = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, FileNotFoundError):  # which may say the name again, and no more
            reason = os.strerror(errno.ENOENT)
        raise ValueError(f"{address}: Expected a file that can be read. Received: {reason}") from (
            error
        )

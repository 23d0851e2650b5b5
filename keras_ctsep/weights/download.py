"""Files of published weights: downloaded once, checked, and kept."""

import contextlib
import hashlib
import os
import pathlib
import sys

import keras

from keras_ctsep.files import write_whole
from keras_ctsep.weights.torch_file import ENDINGS, read_torch_checkpoint


def download(row):
    """Returns the file of published weights, which is downloaded the first time.

    Those of this package are in it. Others are kept in the folder `models` of Keras, `~/.keras` or
    what KERAS_HOME names. Whatever is there is used only if its SHA-256 begins as published, or
    where its authors publish none, if it is a whole checkpoint.

    Args:
        row: a `keras_ctsep.weights.published.Published`.

    Returns:
        A `pathlib.Path`.

    Raises:
        ValueError: when the file cannot be downloaded, or is another one.
    """
    if row.is_in_package:
        return pathlib.Path(__file__).with_name(row.address)
    home = os.environ.get("KERAS_HOME") or os.path.join("~", ".keras")
    name = row.address.rpartition("/")[2]
    if not name.endswith(ENDINGS):
        name += ENDINGS[0]  # which says how it is read
    path = pathlib.Path(home).expanduser() / "models" / name
    if path.is_file() and _fault(path, row) is None:
        return path
    # Under another name until it is known to be whole and right.
    with write_whole(path) as temporary:
        folder = {"cache_dir": temporary.parent, "cache_subdir": ""}
        try:
            with contextlib.redirect_stdout(sys.stderr):  # results go to the other stream
                keras.utils.get_file(temporary.name, row.address, **folder)
        except Exception as error:  # Keras raises a bare Exception when it cannot download.
            raise ValueError(
                f'weights="{row.name}" of {row.network}: Expected to download {row.address}. '
                f"Without a connection, put that file at {path}. Received: {error}"
            ) from error
        fault = _fault(temporary, row)
        if fault:
            raise ValueError(f"{row.address}: The file is not used and not kept. Expected {fault}")
    return path


def _fault(path, row):
    """Returns what is wrong with a file, or None."""
    if not row.sha256:
        try:
            read_torch_checkpoint(path)
        except ValueError as error:
            return f"a whole checkpoint. Received: {str(error).removeprefix(f'{path}: ')}"
        return None
    # `get_file` itself compares whole digests, and the first digits alone are published.
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if not digest.startswith(row.sha256):
        return f"a SHA-256 that begins with {row.sha256}. Received: {digest[:16]}"
    return None

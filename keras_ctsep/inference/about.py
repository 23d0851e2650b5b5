"""What the file of a model has beside its network: classes, clips and versions, as JSON."""

import json
import zipfile

ABOUT = "keras_ctsep.json"  # the name of that JSON, in every format


def append_about(path, about):
    """Adds the JSON to a zip archive, or as one behind the end of another file.

    `.keras` files are archives. A LiteRT file may have one behind it, in which TensorFlow Lite
    keeps its associated files.
    """
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(ABOUT, about_text(about))


def read_about(path):
    """Returns what `append_about` added, or an empty dict.

    Raises:
        OSError, zipfile.BadZipFile: when the file is missing, or has no archive.
        ValueError: when it has another JSON.
    """
    with zipfile.ZipFile(path) as archive:
        if ABOUT not in archive.namelist():
            return {}
        return json.loads(archive.read(ABOUT))


def about_text(about):
    """Returns the JSON, in ASCII because names may have letters that a format does not take."""
    return json.dumps(about, indent=2)

"""What the file of a model has beside its network: classes, clips and versions, as JSON."""

import contextlib
import json
import os
import zipfile

from keras_ctsep.files import local_file
from keras_ctsep.weights.published import is_name, published_like

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
        ValueError: when it has another JSON, or another file of that name.
    """
    with zipfile.ZipFile(path) as archive:
        if ABOUT not in archive.namelist():
            return {}
        about = json.loads(archive.read(ABOUT))
    if not isinstance(about, dict):
        raise ValueError(f"{ABOUT} in it is of another kind")
    return about


def about_weights(network, weights):
    """Returns how clips are cut for weights, and the names of their classes, as a dict.

    Args:
        network: name of the network function.
        weights: a `.keras` file that a `VideoClassifier` wrote, which has both inside; or the name
            of published weights; or another file: then the clips are as published for the network,
            for one of this package alone those of R(2+1)D, and there are no names.
    """
    if os.fspath(weights).endswith(".keras"):
        with local_file(weights) as file, contextlib.suppress(OSError, zipfile.BadZipFile):
            if about := read_about(file):
                return about
    row = published_like(network, weights)
    return {"clips": row.clips} | ({"class_names": row.class_names} if is_name(weights) else {})


def about_text(about):
    """Returns the JSON, in ASCII because names may have letters that a format does not take."""
    return json.dumps(about, indent=2)

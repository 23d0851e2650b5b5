"""Names of classes from text files."""

import pathlib

from keras_ctsep.weights import kinetics400_class_names, kinetics600_class_names


def read_class_names(path):
    r"""Reads the names of classes from a text file with a line for each.

    Args:
        path: the file. Bytes that are no UTF-8 come back as they were, as in names of files.

    Returns:
        list of str.

    Raises:
        OSError: when the file cannot be read.

    Example:
    >>> import pathlib, tempfile
    >>> from keras_ctsep.inference import read_class_names
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "classes.txt"
    >>> _ = path.write_text("jump\nrun\n")
    >>> read_class_names(path)
    ['jump', 'run']
    """
    text = pathlib.Path(path).read_bytes().decode("utf-8-sig", "surrogateescape")
    # Not `splitlines`: a name may have one of the other characters that it splits at.
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]


def names_beside(weights, num_classes):
    """Returns names for the classes of a file of weights, or raises.

    Args:
        weights: the file; the names are in `classes.txt` next to it, or are Kinetics-400's or
            Kinetics-600's.
        num_classes: number of classes of its head.

    Raises:
        ValueError: when neither has that many.
    """
    classes = pathlib.Path(weights).with_name("classes.txt")
    beside = read_class_names(classes) if classes.exists() else []
    for names in (beside, list(kinetics400_class_names()), list(kinetics600_class_names())):
        if names and len(names) == num_classes:
            return names
    raise ValueError(
        f"{weights}: Expected a head, and {classes} with a line for each of its classes. "
        f"Received: {num_classes} classes, {len(beside)} lines"
    )

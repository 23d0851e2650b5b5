"""Lists of videos in csv files, as people have them."""

import csv
import io
import os
import pathlib

from keras_ctsep.data.annotations.annotations import from_names
from keras_ctsep.data.annotations.listing import is_video, read_text

# Words of headings, in lower case; of several in one line the first one here is taken.
_PATH_WORDS = ("path", "video_path", "file", "filename", "file_name", "video", "video_name", "clip")
_LABEL_WORDS = ("label", "class", "class_name", "category", "action", "target")


def read_csv(path, class_names=None):
    r"""Reads a csv file of videos and their classes, with or without a line of headings.

    The file is in UTF-8, UTF-16 or Latin-1. Commas, semicolons or tabs separate its cells, and
    paths have `/` or `\\`. The columns are `path,label` in either order. Headings are `path`,
    `video_path`, `file`, `filename`, `video` or `clip`, and `label`, `class`, `category` or
    `action`; with headings the file may have other columns.

    Args:
        path: the csv file. Relative paths in it start at its folder; addresses such as
            `s3://bucket/video.mp4` do not change.
        class_names: sequence of str, the order of the classes; a test file needs the one of the
            training file. `None`: the labels of this file, sorted (by value if they are numbers).

    Returns:
        `Annotations`. Files that are missing stay in it.

    Raises:
        ValueError: for a file that is no text, a line without two cells, a label outside
            `class_names`, or when no video of the list exists.

    Example:
    >>> import pathlib, tempfile
    >>> from keras_ctsep.data import read_csv
    >>> data = pathlib.Path(tempfile.mkdtemp())
    >>> (data / "a.mp4").touch()
    >>> _ = (data / "train.csv").write_text("path,label\na.mp4,run\na.mp4,jump\n")
    >>> read_csv(data / "train.csv").class_names
    ('jump', 'run')
    """
    path = pathlib.Path(path)
    rows = _read_rows(path)
    heading = _find_heading([cell.lower() for cell in rows[0][1]]) if rows else None
    path_column, label_column = heading or (0, 1)
    num_columns = len(rows[0][1]) if heading else 2
    for number, row in rows:
        if len(row) != num_columns or not (row[path_column] and row[label_column]):
            raise ValueError(f"{path}:{number}: Expected path,label. Received: {','.join(row)}")
    entries = [(row[path_column], row[label_column]) for _, row in rows[bool(heading) :]]
    if not heading:
        if sum(is_video(second) - is_video(first) for first, second in entries) > 0:
            entries = [(name, label) for label, name in entries]
        if _is_unknown_heading(entries, path.parent, class_names):
            del entries[0]
    paths = [_locate(path.parent, name) for name, _ in entries]
    return from_names(paths, [label for _, label in entries], class_names, path)


def _read_rows(path):
    """Returns the number and the cells of each line that is not empty."""
    text = read_text(path)
    first_line = text.partition("\n")[0]
    delimiter = max(",;\t", key=first_line.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows = ((lines.line_num, [cell.strip() for cell in row]) for row in lines)
    return [(number, row) for number, row in rows if any(row)]


def _find_heading(cells):
    """Returns the columns of the path and of the label, or `None` if the line is no heading."""
    columns = [
        next((cells.index(word) for word in words if word in cells), None)
        for words in (_PATH_WORDS, _LABEL_WORDS)
    ]
    return None if None in columns else columns


def _is_unknown_heading(entries, folder, class_names):
    """Whether the first line is a heading in other words: no file, and a label of its own."""
    if len(entries) < 2:
        return False
    name, label = entries[0]
    return (
        not is_video(name)
        and "://" not in name
        and not os.path.exists(_locate(folder, name))
        and label not in (class_names or [label for _, label in entries[1:]])
        and any("://" in other or os.path.exists(_locate(folder, other)) for other, _ in entries)
    )


def _locate(folder, name):
    """Returns the path of a video that a list in `folder` names."""
    path = str(folder / name)
    # The disk is asked for odd names alone: a list may have 500,000 lines, and the disk be far.
    if ("://" not in name and "\\" not in name) or os.path.exists(path):
        return path
    return name if "://" in name else str(folder / name.replace("\\", "/"))

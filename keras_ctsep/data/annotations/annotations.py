"""Which videos there are and what they show: lists of paths and labels."""

import csv
import dataclasses
import os
import pathlib

import numpy as np

from keras_ctsep.data.annotations.groups import group_of
from keras_ctsep.data.annotations.listing import (
    check_subset,
    is_video,
    require_some_file,
    sub_folders,
)


@dataclasses.dataclass(frozen=True, eq=False)
class Annotations:
    """Paths of videos with one label each.

    Args:
        paths: sequence of str, the video files.
        labels: sequence of int, the class of each, `0 .. len(class_names) - 1`.
        class_names: sequence of str.

    Raises:
        ValueError: without a video, or for labels that do not belong to the paths or classes.

    Example:
    >>> from keras_ctsep.data import Annotations
    >>> clips = Annotations(["a.avi", "b.avi"], [1, 0], ["jump", "run"])
    >>> len(clips), clips.class_names[clips.labels[0]]
    (2, 'run')
    """

    paths: tuple
    labels: np.ndarray
    class_names: tuple

    def __post_init__(self):
        labels = np.array(self.labels, dtype="int64").reshape(-1)
        labels.setflags(write=False)
        for name, value in (
            ("paths", tuple(os.fspath(path) for path in self.paths)),
            ("labels", labels),
            ("class_names", tuple(self.class_names)),
        ):
            object.__setattr__(self, name, value)
        if not self.paths:
            raise ValueError("Expected at least one video. Received: no paths")
        if len(labels) != len(self.paths):
            raise ValueError(
                "Expected one label for each path. "
                f"Received: {len(labels)} labels for {len(self.paths)} paths"
            )
        if labels.min() < 0 or labels.max() >= len(self.class_names):
            raise ValueError(
                f"Expected labels in 0..{len(self.class_names) - 1}, one for each class name. "
                f"Received: labels from {labels.min()} to {labels.max()}"
            )

    def __len__(self):
        return len(self.paths)


def from_names(paths, labels, class_names, source):
    """Makes `Annotations` out of labels that are class names, read from the file `source`."""
    if class_names is None:
        numbers = all(label.isdecimal() for label in labels)
        class_names = sorted(set(labels), key=int if numbers else None)
    index = {name: i for i, name in enumerate(class_names)}
    unknown = sorted(set(labels) - set(index))
    if unknown:
        raise ValueError(
            f"{source}: Expected labels among {len(index)} class names. Received: {unknown[0]!r}"
        )
    require_some_file(paths, source)
    return Annotations(paths, [index[label] for label in labels], class_names)


def read_folder(directory, subset="train", test_fraction=0.25, seed=0):
    """Reads a folder that has one folder of videos for each class, and splits it.

    The split is drawn for each class by itself, over groups of clips (see `group_of`), so that
    clips of one UCF101 source video stay together; files without a group number are split one by
    one. Equal arguments give equal splits.

    Args:
        directory: folder with `<class>/<video>`; the classes are in alphabetical order.
        subset: `"train"`, `"test"` or `"all"`.
        test_fraction: float between 0 and 1, the part of each class's groups that is for testing;
            at least one group of a class, and never all of them.
        seed: int, draws the groups for testing.

    Returns:
        `Annotations`.

    Raises:
        ValueError: for a folder without videos, for a class that has too few groups to split.

    Example:
    >>> import pathlib, tempfile
    >>> from keras_ctsep.data import read_folder
    >>> data = pathlib.Path(tempfile.mkdtemp())
    >>> (data / "jump").mkdir()
    >>> for number in range(8):
    ...     (data / "jump" / f"{number}.mp4").touch()
    >>> len(read_folder(data, "train")), len(read_folder(data, "test"))
    (6, 2)
    """
    check_subset(subset, ("train", "test", "all"))
    if not 0 < test_fraction < 1:
        raise ValueError(
            f"Expected test_fraction between 0 and 1. Received: test_fraction={test_fraction}"
        )
    paths, labels, class_names = [], [], []
    for folder in sub_folders(directory):
        files = sorted(name for name in os.listdir(folder) if is_video(name))
        if not files:
            continue
        if subset != "all":
            test_groups = _draw_groups(folder, files, test_fraction, (seed, len(class_names)))
            wanted = subset == "test"
            files = [name for name in files if (group_of(folder / name) in test_groups) == wanted]
        paths += [str(folder / name) for name in files]
        labels += [len(class_names)] * len(files)
        class_names.append(folder.name)
    if not paths:
        raise ValueError(
            f"Expected folders with videos, <class>/<video>. Received: no video in {directory}"
        )
    return Annotations(paths, labels, class_names)


def read_csv(path, class_names=None):
    r"""Reads a csv file with the columns `path,label`, with or without a line of headings.

    Args:
        path: the csv file. Relative paths in it start at its folder; addresses such as
            `s3://bucket/video.mp4` stay as they are.
        class_names: sequence of str, the order of the classes; a test file needs the one of the
            training file. `None`: the labels of this file, sorted (by value if they are numbers).

    Returns:
        `Annotations`.

    Raises:
        ValueError: for a line without two cells, a label outside `class_names`, or when no video
            of the list exists.

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
    with open(path, newline="", encoding="utf-8-sig") as file:
        rows = [(n, [cell.strip() for cell in row]) for n, row in enumerate(csv.reader(file), 1)]
    rows = [(n, row) for n, row in rows if any(row)]
    if rows and [cell.lower() for cell in rows[0][1]] == ["path", "label"]:
        del rows[0]
    for number, row in rows:
        if len(row) != 2 or not all(row):
            raise ValueError(f"{path}:{number}: Expected path,label. Received: {','.join(row)}")
    names = [name if "://" in name else str(path.parent / name) for _, (name, _) in rows]
    labels = [label for _, (_, label) in rows]
    return from_names(names, labels, class_names, path)


def _draw_groups(folder, files, test_fraction, seed):
    groups = sorted({group_of(folder / name) for name in files})
    if len(groups) < 2:
        raise ValueError(
            f"Expected videos of two sources or more in {folder}, to train on some and test on "
            f"others. Received: {len(files)} videos of one source"
        )
    num_test = min(max(round(test_fraction * len(groups)), 1), len(groups) - 1)
    return set(np.random.default_rng(seed).permutation(groups)[:num_test])

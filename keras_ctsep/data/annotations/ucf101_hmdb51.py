"""Readers for the lists that come with UCF101 and HMDB51."""

import os
import pathlib
import re

from keras_ctsep.data.annotations.annotations import Annotations
from keras_ctsep.data.annotations.groups import check_split
from keras_ctsep.data.annotations.listing import (
    check_subset,
    find_class_folders,
    find_lists,
    read_lines,
    require_some_file,
)


def read_ucf101(directory, split=1, subset="train", annotations=None):
    """Reads one side of a split of UCF101, or of a data set in its layout.

    The class of a video is its folder; folders and files are found whatever their case, because
    the archive has files `v_HandStandPushups_*` in `HandstandPushups`.

    Args:
        directory: folder with `<class>/v_<class>_gXX_cYY.avi`.
        split: int, 1 to 3 for UCF101: reads `trainlist01.txt`, `testlist01.txt`.
        subset: `"train"` or `"test"`.
        annotations: folder of the lists and `classInd.txt`. `None` looks in `directory` and for a
            folder `ucfTrainTestlist` inside it and next to it.

    Returns:
        `Annotations`, classes in the order of `classInd.txt`. Files that are missing stay in it.

    Raises:
        ValueError: for missing or damaged lists, a class without a folder, a split that has clips
            of one source video on both sides, or when none of the videos exists.

    Reference:
        - [UCF101: A Dataset of 101 Human Actions Classes From Videos in The Wild](
          https://arxiv.org/abs/1212.0402)

    Example:
    >>> import pathlib, tempfile
    >>> from keras_ctsep.data import read_ucf101
    >>> data = pathlib.Path(tempfile.mkdtemp())
    >>> (data / "Jump").mkdir()
    >>> (data / "Jump" / "v_Jump_g01_c01.avi").touch()
    >>> _ = (data / "classInd.txt").write_text("1 Jump")
    >>> _ = (data / "testlist01.txt").write_text("Jump/v_Jump_g01_c01.avi")
    >>> read_ucf101(data, split=1, subset="test").class_names
    ('Jump',)
    """
    check_subset(subset, ("train", "test"))
    lists = find_lists(directory, annotations, "traintestlist", r"classInd\.txt")
    class_names = _read_class_index(lists / "classInd.txt")
    names = {
        side: _read_ucf_list(lists / f"{side}list{split:02d}.txt", class_names)
        for side in ("train", "test")
        if side == subset or (lists / f"{side}list{split:02d}.txt").exists()
    }
    if len(names) == 2:
        check_split([name for name, _ in names["train"]], [name for name, _ in names["test"]])
    folders = find_class_folders(directory, class_names, lists)
    files = {folder: {name.lower(): name for name in os.listdir(folder)} for folder in folders}
    paths, labels = [], []
    for name, label in names[subset]:
        there = files[folders[label]]
        name = pathlib.PurePosixPath(name).name
        # The name as written, if it is there, wins over one that differs by case.
        name = name if name in there.values() else there.get(name.lower(), name)
        paths.append(str(folders[label] / name))
        labels.append(label)
    require_some_file(paths, lists / f"{subset}list{split:02d}.txt")
    return Annotations(paths, labels, class_names)


def read_hmdb51(directory, split=1, subset="train", annotations=None):
    r"""Reads one side of a split of HMDB51.

    Args:
        directory: folder with `<class>/<video>.avi`.
        split: int, 1 to 3: reads `<class>_test_split1.txt` of every class.
        subset: `"train"` (tag 1 in the lists) or `"test"` (tag 2); videos with tag 0 are unused.
        annotations: folder of the lists. `None` looks in `directory` and for a folder with
            "split" in its name inside it and next to it.

    Returns:
        `Annotations`, classes in alphabetical order. Files that are missing stay in it.

    Raises:
        ValueError: for missing or damaged lists, a class without a folder, or when none of the
            videos exists.

    Reference:
        - [HMDB: A large video database for human motion recognition](
          https://doi.org/10.1109/ICCV.2011.6126543)

    Example:
    >>> import pathlib, tempfile
    >>> from keras_ctsep.data import read_hmdb51
    >>> data = pathlib.Path(tempfile.mkdtemp())
    >>> (data / "wave").mkdir()
    >>> (data / "wave" / "a.avi").touch()
    >>> _ = (data / "wave_test_split1.txt").write_text("a.avi 1 \nb.avi 2 \nc.avi 0 \n")
    >>> len(read_hmdb51(data, split=1, subset="train"))
    1
    """
    check_subset(subset, ("train", "test"))
    pattern = rf"(.+)_test_split{split}\.txt"
    lists = find_lists(directory, annotations, "split", pattern)
    files = sorted((m[1], m[0]) for m in map(re.compile(pattern).fullmatch, os.listdir(lists)) if m)
    class_names = [class_name for class_name, _ in files]
    folders = find_class_folders(directory, class_names, lists)
    wanted = {"train": "1", "test": "2"}[subset]
    paths, labels = [], []
    for label, (_, file) in enumerate(files):
        for number, line in read_lines(lists / file):
            name, _, tag = line.rpartition(" ")
            if not name or tag not in ("0", "1", "2"):
                raise ValueError(
                    f"{lists / file}:{number}: Expected a name and 0, 1 or 2. Received: {line}"
                )
            if tag == wanted:
                paths.append(str(folders[label] / name.strip()))
                labels.append(label)
    require_some_file(paths, lists)
    return Annotations(paths, labels, class_names)


def _read_class_index(path):
    numbers, names = [], []
    for _, line in read_lines(path):
        number, _, name = line.partition(" ")
        numbers.append(number)
        names.append(name.strip())
    if not names or numbers != [str(i + 1) for i in range(len(names))] or not all(names):
        raise ValueError(f"{path}: Expected lines `1 Name`, `2 Name`, ... Received: {numbers[:5]}")
    return names


def _read_ucf_list(path, class_names):
    """Reads lines `Class/file.avi 3` or `Class/file.avi` as (name, label)."""
    index = {name.lower(): label for label, name in enumerate(class_names)}
    entries = []
    for number, line in read_lines(path):
        name, _, tag = line.rpartition(" ")
        if not (name and tag.isdecimal()):
            name, tag = line, ""
        name = name.strip().replace("\\", "/")
        class_name = pathlib.PurePosixPath(name).parent.name
        label = index.get(class_name.lower())
        if label is None:
            raise ValueError(
                f"{path}:{number}: Expected a class of classInd.txt as folder. Received: {line}"
            )
        if tag and int(tag) != label + 1:
            raise ValueError(
                f"{path}:{number}: Expected label {label + 1}, that of {class_name} in "
                f"classInd.txt. Received: {line}"
            )
        entries.append((name, label))
    return entries

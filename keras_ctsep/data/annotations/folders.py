"""Folders that have a folder of videos for each class."""

import collections
import os
import pathlib
import warnings

from keras_ctsep.data.annotations.annotations import Annotations
from keras_ctsep.data.annotations.groups import group_of, hold_out
from keras_ctsep.data.annotations.listing import (
    SIDE_NAMES,
    check_subset,
    is_video,
    sort_classes,
    sub_folders,
)


def read_folder(directory, subset="train", test_fraction=0.25, seed=1, class_names=None):
    """Reads a folder that has one folder of videos for each class, and splits it.

    If it has folders `train` and `test` or `val` (`valid`, `validation`), each with the folders of
    the classes, these are the sides. Otherwise each class is split at random over groups of clips
    (see `hold_out`), so that clips of one UCF101 source video stay together; files without a group
    number are split one by one. Equal arguments return equal splits.

    Files with other endings than those of videos, and files in deeper folders, are left out and
    counted in one warning, which also names classes without videos.

    Args:
        directory: folder with `<class>/<video>`, or `<side>/<class>/<video>`.
        subset: `"train"`, `"test"`, `"all"`, or `"val"` where there is such a folder. Where there
            are folders `train` and `val` only, `"test"` reads `val`.
        test_fraction: float between 0 and 1, the part of each class's groups that is for testing;
            at least one group of a class, and never all of them. Unused for folders of sides.
        seed: int, draws the groups for testing; `split` of `read_videos`, with its default.
        class_names: sequence of str, the order of the classes, e.g. those of a model; the folder
            may have fewer. `None`: the folder's own, sorted (by value if they are numbers).

    Returns:
        `Annotations`.

    Raises:
        ValueError: for a folder without videos, a class outside `class_names`, a class that has
            too few groups to split, or a side that does not exist.

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
    check_subset(subset, ("train", "val", "test", "all"))
    if not 0 < test_fraction < 1:
        raise ValueError(
            f"Expected test_fraction between 0 and 1. Received: test_fraction={test_fraction}"
        )
    directory = pathlib.Path(directory)
    sides = find_sides(directory)
    if sides:
        roots = sides.values() if subset == "all" else [_choose_side(sides, subset, directory)]
        found = {side: _list_videos(side) for side in sides.values()}
        known = [name for files in found.values() for name in files]
        videos = _label([found[root] for root in roots], known, class_names, directory)
    elif subset == "val":
        raise ValueError(
            f"Expected a folder {directory}/val; `hold_out` takes videos for validation from the "
            f"training side. Received: subset={subset!r}"
        )
    else:
        found = _list_videos(directory)
        videos = _label([found], found, class_names, directory)
        if subset != "all":
            _check_groups(videos, directory)
            videos = hold_out(videos, test_fraction, seed)[subset == "test"]
    return videos


def find_sides(directory):
    """Returns the folders of the sides by name: none, or the one for training and another."""
    names = {folder.name.lower(): folder for folder in sub_folders(directory)}
    sides = {
        side: next((names[word] for word in words if word in names), None)
        for side, words in SIDE_NAMES.items()
    }
    # A class may be called "train": its folder has the videos themselves.
    sides = {side: folder for side, folder in sides.items() if folder and _has_classes(folder)}
    return sides if "train" in sides and len(sides) > 1 else {}


def _has_classes(folder):
    if any(is_video(name) for name in os.listdir(folder)):
        return False
    return any(is_video(name) for inner in sub_folders(folder) for name in os.listdir(inner))


def _choose_side(sides, subset, directory):
    if subset == "test" and "test" not in sides:
        return sides["val"]
    if subset not in sides:
        raise ValueError(
            f"Expected a folder {directory}/{subset}; `hold_out` takes videos for validation from "
            f"the training side. Received: folders {', '.join(sides)}"
        )
    return sides[subset]


def _list_videos(directory):
    """Returns a dict from the name of each class to its videos, and warns of what it left out."""
    found, empty = {}, []
    left_out = collections.Counter()
    for name in os.listdir(directory):
        if is_video(name) and os.path.isfile(directory / name):
            left_out["videos outside the folders of classes"] += 1
    for folder in sub_folders(directory):
        files = []
        for name in sorted(os.listdir(folder)):
            if os.path.isdir(folder / name):
                if deeper := _count_videos(folder / name):
                    left_out[f"videos in {folder.name}/{name}"] += deeper
            elif is_video(name):
                files.append(str(folder / name))
            elif not name.startswith("."):
                left_out[f"*{os.path.splitext(name)[1].lower()}"] += 1
        if files:
            found[folder.name] = files
        else:
            empty.append(folder.name)
    told = [f"{count} {what}" for what, count in left_out.most_common()]
    told = told[:10] + [f"{len(told) - 10} other kinds"] * (len(told) > 10)
    if told or (empty and found):
        warnings.warn(
            f"{directory}: left out {', '.join(told) or 'no file'}; classes without videos: "
            f"{', '.join(empty) or 'none'}",
            stacklevel=3,
        )
    return found


def _count_videos(folder):
    return sum(is_video(name) for _, _, files in os.walk(folder) for name in files)


def _label(parts, known, class_names, directory):
    """Makes `Annotations` of dicts from class to videos; `known` are the folder's classes."""
    unknown = sort_classes(set(known) - set(known if class_names is None else class_names))
    if unknown:
        raise ValueError(
            f"{directory}: Expected folders among {len(class_names)} class names. "
            f"Received: {', '.join(map(repr, unknown[:3]))}"
        )
    class_names = sort_classes(known) if class_names is None else class_names
    entries = [
        (path, label)
        for label, name in enumerate(class_names)
        for part in parts
        for path in part.get(name, ())
    ]
    absent = [name for name in sort_classes(known) if not any(name in part for part in parts)]
    if absent and entries:
        warnings.warn(f"{directory}: no video here for {', '.join(absent)}", stacklevel=3)
    if not entries:
        raise ValueError(
            f"Expected folders with videos, <class>/<video>. Received: no video in {directory}"
        )
    return Annotations(*zip(*entries, strict=True), class_names)


def _check_groups(videos, directory):
    """Raises for a class that cannot be split: all of its videos are of one source."""
    for label, name in enumerate(videos.class_names):
        groups = [group_of(videos.paths[i]) for i in (videos.labels == label).nonzero()[0]]
        if groups and len(set(groups)) < 2:
            raise ValueError(
                f"Expected videos of two sources or more in {directory / name}, to train on some "
                f"and test on others. Received: {len(groups)} videos of one source"
            )

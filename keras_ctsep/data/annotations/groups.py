"""Which clips come from one source video, and whether a split keeps them together."""

import dataclasses
import os
import pathlib
import re

import numpy as np


def group_of(path):
    """Names the source video that a clip was cut from, as far as the clip's name tells.

    UCF101 numbers the source videos of a class: `v_Biking_g07_c02.avi` is clip 2 of source 7. A
    file without such a number is a group of its own.

    Args:
        path: str or path-like, with the folder of the class in front of the name.

    Returns:
        str: the folder's name and what the clips of one source have in common, in lower case.

    Example:
    >>> from keras_ctsep.data import group_of
    >>> group_of("/data/Biking/v_Biking_g07_c02.avi"), group_of("/data/run/one.mp4")
    ('biking/v_biking_g07', 'run/one')
    """
    path = pathlib.PurePath(path)
    number = _numbered(path)
    return f"{path.parent.name}/{number[1] if number else path.stem}".lower()


def group_leaks(train, test):
    """Lists the source videos with clips on both sides of a split.

    Clips of one source share the scene, the person and the light, so that a test on them measures
    memory. UCF101's own splits keep the sources apart.

    Args:
        train: `Annotations` or a sequence of paths.
        test: the same for the other side.

    Returns:
        list of str: the groups (see `group_of`) that are on both sides, sorted. A file without a
        group number is in the list if the same path is on both sides.

    Example:
    >>> from keras_ctsep.data import group_leaks
    >>> group_leaks(["Run/v_Run_g01_c01.avi"], ["Run/v_Run_g01_c02.avi", "Run/v_Run_g02_c01.avi"])
    ['run/v_run_g01']
    """
    sides = []
    for side in (train, test):
        # Of files without a number `train/run/1.mp4` and `test/run/1.mp4` are two sources.
        sides.append(
            {
                group_of(path) if _numbered(path) else os.path.normpath(path): group_of(path)
                for path in getattr(side, "paths", side)
            }
        )
    return sorted({sides[0][key] for key in sides[0].keys() & sides[1].keys()})


def check_split(train, test):
    """Refuses a split that has clips of one source video on both sides.

    Args:
        train: `Annotations` or a sequence of paths.
        test: the same for the other side.

    Raises:
        ValueError: when `group_leaks` finds any group.

    Example:
    >>> from keras_ctsep.data import check_split
    >>> check_split(["Run/v_Run_g01_c01.avi"], ["Run/v_Run_g02_c01.avi"])
    """
    leaks = group_leaks(train, test)
    if leaks:
        raise ValueError(
            "Expected the clips of one source video on one side of the split: on both sides they "
            f"make the test worthless. Received: {len(leaks)} groups on both, e.g. {leaks[0]}"
        )


def _numbered(path):
    return re.match(r"(.*_g\d+)(_|$)", pathlib.PurePath(path).stem)


def hold_out(annotations, fraction, seed=0):
    """Splits videos in two, and keeps the clips of one source video together.

    Whole groups of clips (see `group_of`) are drawn, separately for each class. To choose the best
    of several models, measure them on what is held out of the training side: whatever was chosen
    on the test side measures too high there.

    Args:
        annotations: `Annotations`.
        fraction: float between 0 and 1, the part of the groups of each class that is held out. At
            least one group and never all of them; a class with one group keeps it.
        seed: int, draws the groups. Equal arguments return equal splits.

    Returns:
        `(rest, held_out)`, two `Annotations` with the classes of `annotations`, in its order.

    Raises:
        ValueError: for a fraction out of range, or when no class has two groups.

    Example:
    >>> from keras_ctsep.data import Annotations, hold_out
    >>> clips = Annotations([f"run/{i}.mp4" for i in range(8)], [0] * 8, ["run"])
    >>> rest, held_out = hold_out(clips, fraction=0.25)
    >>> len(rest), len(held_out)
    (6, 2)
    """
    if not 0 < fraction < 1:
        raise ValueError(f"Expected a fraction between 0 and 1. Received: fraction={fraction}")
    groups = [group_of(path) for path in annotations.paths]
    of_class = {}
    # A group with clips of several classes is drawn with the first of them, and stays whole.
    for group, label in dict(zip(reversed(groups), annotations.labels[::-1], strict=True)).items():
        of_class.setdefault(int(label), []).append(group)
    drawn = set()
    for label, names in of_class.items():
        if len(names) > 1:
            num_drawn = min(max(round(fraction * len(names)), 1), len(names) - 1)
            order = np.random.default_rng((seed, label)).permutation(sorted(names))
            drawn.update(order[:num_drawn].tolist())
    if not drawn:
        raise ValueError(
            "Expected a class with videos of two sources or more, to hold one of them out. "
            f"Received: {len(groups)} videos, one source for each class"
        )
    held_out = np.array([group in drawn for group in groups])
    return tuple(
        dataclasses.replace(
            annotations,
            paths=tuple(np.array(annotations.paths, dtype=object)[side]),
            labels=annotations.labels[side],
        )
        for side in (~held_out, held_out)
    )

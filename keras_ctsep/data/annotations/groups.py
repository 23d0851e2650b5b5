"""Which clips come from one source video, and whether a split keeps them together."""

import pathlib
import re


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
    numbered = re.match(r"(.*_g\d+)(_|$)", path.stem)
    return f"{path.parent.name}/{numbered[1] if numbered else path.stem}".lower()


def group_leaks(train, test):
    """Lists the source videos with clips on both sides of a split.

    Clips of one source share the scene, the person and the light, so that a test on them measures
    memory. UCF101's own splits keep the sources apart.

    Args:
        train: `Annotations` or a sequence of paths.
        test: the same for the other side.

    Returns:
        list of str: the groups (see `group_of`) that are on both sides, sorted.

    Example:
    >>> from keras_ctsep.data import group_leaks
    >>> group_leaks(["Run/v_Run_g01_c01.avi"], ["Run/v_Run_g01_c02.avi", "Run/v_Run_g02_c01.avi"])
    ['run/v_run_g01']
    """
    sides = [getattr(side, "paths", side) for side in (train, test)]
    return sorted(set.intersection(*({group_of(path) for path in side} for side in sides)))


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

"""Names of the files that commands write."""

import pathlib


def output_names(videos):
    """Returns a name for what is written about each video, each another one, without an ending.

    Example:
    >>> output_names(["a/jump.mp4", "b/Jump.mp4", "run.avi"])
    ['jump', 'Jump-2', 'run']
    """
    names = []
    taken = set()  # in lower case, because some disks do not tell a from A
    for video in videos:
        stem = name = pathlib.Path(video).stem
        number = 1
        while name.lower() in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name.lower())
        names.append(name)
    return names

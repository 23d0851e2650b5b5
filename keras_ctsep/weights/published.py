"""What is known of weights that others trained: a row for each set of files."""

import importlib.resources
from typing import NamedTuple


class Published(NamedTuple):
    """A row: the classes, and how the frames have to look.

    Attributes:
        class_names: tuple of the names of the classes, in the order of the scores.
        mean: of red, green and blue, of frames in 0..1.
        deviation: the standard deviation of them.
        clips: how clips are cut, as arguments of `keras_ctsep.data.VideoDataset`.
    """

    class_names: tuple
    mean: tuple
    deviation: tuple
    clips: dict


def kinetics400_class_names():
    """Returns the 400 class names of Kinetics-400 in the order of published weights.

    The order is alphabetical, so it is that of `read_kinetics` too.

    Returns:
        A tuple of 400 strings.

    Example:
    >>> kinetics400_class_names()[:2]
    ('abseiling', 'air drumming')
    """
    text = importlib.resources.files(__package__).joinpath("kinetics400.txt")
    return tuple(text.read_text(encoding="utf-8").splitlines())


# r3d_18, mc3_18 and r2plus1d_18 of torchvision (`models/video/resnet.py`, `VideoClassification`).
TORCHVISION = Published(
    class_names=kinetics400_class_names(),
    mean=(0.43216, 0.394666, 0.37645),
    deviation=(0.22803, 0.22145, 0.216989),
    clips={"num_frames": 16, "fps": 15.0, "short_side": 128, "crop_size": 112},
)

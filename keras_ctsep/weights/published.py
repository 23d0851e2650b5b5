"""What is known of weights that others trained: a row for each file."""

import functools
import importlib.resources
from typing import NamedTuple


class Published(NamedTuple):
    """A row: a file of weights, and how the frames have to look for it.

    Attributes:
        network: name of the network function.
        name: what `weights` is told.
        address: where the file is.
        sha256: the first digits of its SHA-256, as the authors publish them; may be empty.
        class_names: tuple of the names of the classes, in the order of the scores.
        mean: of red, green and blue, of frames in 0..1.
        deviation: the standard deviation of them.
        clips: how clips are cut, as arguments of `keras_ctsep.data.VideoDataset`.
        num_clips: clips of a video that the accuracy was measured with.
        num_crops: crops of a clip that the accuracy was measured with.
        top1: accuracy in percent, as published.
        top5: share of the videos whose class is among the best five, in percent; None where it
            is not published.
        level: `"video"` if the scores of the clips of a video were averaged, or `"clip"`.
        licence: of the package that the weights come with.
        paper: where the network is described.
    """

    network: str
    name: str
    address: str
    sha256: str
    class_names: tuple
    mean: tuple
    deviation: tuple
    clips: dict
    num_clips: int
    num_crops: int
    top1: float
    top5: float | None
    level: str
    licence: str
    paper: str


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


_kinetics400 = functools.partial(
    Published, name="kinetics400", class_names=kinetics400_class_names()
)

# torchvision (`models/video/resnet.py`, `transforms/_presets.py`, VideoClassification).
_torchvision = functools.partial(
    _kinetics400,
    mean=(0.43216, 0.394666, 0.37645),
    deviation=(0.22803, 0.22145, 0.216989),
    num_crops=1,
    licence="BSD-3-Clause",
)
_torchvision_resnet = functools.partial(
    _torchvision,
    clips={
        "num_frames": 16,
        "fps": 15.0,
        "frame_size": (128, 171),
        "antialias": False,
        "crop_size": 112,
    },
    num_clips=5,
    level="video",
    paper="arXiv 1711.11248",
)

# PyTorchVideo (`models/hub/x3d.py`; its model zoo says how clips were cut). It publishes no digits.
_pytorchvideo = functools.partial(
    _kinetics400,
    sha256="",
    mean=(0.45, 0.45, 0.45),
    deviation=(0.225, 0.225, 0.225),
    num_clips=10,
    num_crops=3,
    level="video",
    licence="Apache-2.0",
)
_X3D = "https://dl.fbaipublicfiles.com/pytorchvideo/model_zoo/kinetics/X3D_"
_x3d = functools.partial(_pytorchvideo, top5=None, paper="arXiv 2004.04730")


def _clips(num_frames, fps, size):
    return {
        "num_frames": num_frames,
        "fps": fps,
        "short_side": size,
        "antialias": False,
        "crop_size": size,
    }


PUBLISHED = (
    _torchvision_resnet(
        "R2Plus1D18",
        address="https://download.pytorch.org/models/r2plus1d_18-91a641e6.pth",
        sha256="91a641e6",
        top1=67.463,
        top5=86.175,
    ),
    _torchvision_resnet(
        "R3D18",
        address="https://download.pytorch.org/models/r3d_18-b3b3357e.pth",
        sha256="b3b3357e",
        top1=63.200,
        top5=83.479,
    ),
    _torchvision_resnet(
        "MC3_18",
        address="https://download.pytorch.org/models/mc3_18-a90a0ba3.pth",
        sha256="a90a0ba3",
        top1=63.960,
        top5=84.130,
    ),
    _torchvision(
        "S3D",
        address="https://download.pytorch.org/models/s3d-d76dad2f.pth",
        sha256="d76dad2f",
        clips={
            "num_frames": 128,
            "fps": 15.0,
            "frame_size": (256, 256),
            "antialias": False,
            "crop_size": 224,
        },
        num_clips=1,
        top1=68.368,
        top5=88.050,
        level="clip",
        paper="arXiv 1712.04851",
    ),
    # Trained on every second of 32 x 2 frames.
    _pytorchvideo(
        "IRCSN101",
        address="https://dl.fbaipublicfiles.com/pytorchvideo/model_zoo/kinetics/CSN_32x2_R101.pyth",
        clips=_clips(32, 15.0, 256),
        top1=77.00,
        top5=92.90,
        paper="arXiv 1904.02811",
    ),
    # Trained on every 12th, 6th, 5th and 5th frame of 30 a second.
    _x3d("X3D_XS", address=f"{_X3D}XS.pyth", clips=_clips(4, 2.5, 182), top1=69.12),
    _x3d("X3D_S", address=f"{_X3D}S.pyth", clips=_clips(13, 5.0, 182), top1=73.33),
    _x3d("X3D_M", address=f"{_X3D}M.pyth", clips=_clips(16, 6.0, 256), top1=75.94),
    _x3d("X3D_L", address=f"{_X3D}L.pyth", clips=_clips(16, 6.0, 356), top1=77.44),
)


def is_name(weights):
    """Whether `weights` is the name of published weights, and no file."""
    return weights in {row.name for row in PUBLISHED}


def find_published(network, name):
    """Returns the row of a network's published weights.

    Args:
        network: name of the network function, such as `"R2Plus1D18"`.
        name: name of the weights, such as `"kinetics400"`.

    Raises:
        ValueError: when there are none.

    Example:
    >>> find_published("R2Plus1D18", "kinetics400").clips["num_frames"]
    16
    """
    for row in PUBLISHED:
        if (row.network, row.name) == (network, name):
            return row
    networks = [row.network for row in PUBLISHED if row.name == name]
    raise ValueError(
        f'weights="{name}": Expected a network for which they are published, one of {networks}. '
        f"Received: {network}"
    )


def published_like(network, weights=None):
    """Returns the row that says how frames have to look for a network with such weights.

    Args:
        network: name of the network function.
        weights: the name of published weights, or anything else: then the network's first row
            counts, or, for a network of this package alone, the first of all.

    Example:
    >>> published_like("X3D_S").clips["short_side"]
    182
    """
    if is_name(weights):
        return find_published(network, weights)
    return next((row for row in PUBLISHED if row.network == network), PUBLISHED[0])

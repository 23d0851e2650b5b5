"""What is known of weights that others trained: a row for each file."""

import functools
import importlib.resources
from typing import NamedTuple


class Published(NamedTuple):
    """A row: a file of weights, and how the frames have to look for it.

    Attributes:
        network: name of the network function.
        name: what `weights` is told.
        address: where the file is; a name alone is that of a file of this package.
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

    @property
    def is_in_package(self):
        """Whether the file is one of this package, and need not be downloaded."""
        return "/" not in self.address


def _read_names(file):
    text = importlib.resources.files(__package__).joinpath(file).read_text(encoding="utf-8")
    return tuple(text.splitlines())


def kinetics400_class_names():
    """Returns the 400 class names of Kinetics-400 in the order of published weights.

    The order is alphabetical, so it is that of `read_kinetics` too.

    Returns:
        A tuple of 400 strings.

    Example:
    >>> kinetics400_class_names()[:2]
    ('abseiling', 'air drumming')
    """
    return _read_names("kinetics400.txt")


def kinetics600_class_names():
    """Returns the 600 class names of Kinetics-600 in the order of published weights.

    The list is that of tensorflow/models, `official/projects/movinet/files`.

    Returns:
        A tuple of 600 strings.

    Example:
    >>> kinetics600_class_names()[:2]
    ('abseiling', 'acting in play')
    """
    return _read_names("kinetics600.txt")


TORCHVISION_MEAN = (0.43216, 0.394666, 0.37645)
TORCHVISION_DEVIATION = (0.22803, 0.22145, 0.216989)

_kinetics400 = functools.partial(
    Published, name="kinetics400", class_names=kinetics400_class_names()
)

# torchvision (`models/video/resnet.py`, `transforms/_presets.py`, VideoClassification).
_torchvision = functools.partial(
    _kinetics400,
    mean=TORCHVISION_MEAN,
    deviation=TORCHVISION_DEVIATION,
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


def _clips(num_frames, fps, short_side, crop_size=None):
    return {
        "num_frames": num_frames,
        "fps": fps,
        "short_side": short_side,
        "antialias": False,
        "crop_size": crop_size or short_side,
    }


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

# MMAction2 (`configs/recognition/csn`), every second of 30 frames a second.
_MMACTION2 = "https://download.openmmlab.com/mmaction/"
_IRCSN50 = "ircsn_ig65m-pretrained-r50-bnfrozen_8xb12-32x2x1-58e_kinetics400-rgb"
_IRCSN152 = "ircsn_ig65m-pretrained-r152_8xb12-32x2x1-58e_kinetics400-rgb"
_mmaction2_csn = functools.partial(
    _kinetics400,
    mean=tuple(value / 255 for value in (123.675, 116.28, 103.53)),
    deviation=tuple(value / 255 for value in (58.395, 57.12, 57.375)),
    clips=_clips(32, 15.0, 256),
    num_clips=10,
    num_crops=3,
    level="video",
    licence="Apache-2.0",
    paper="arXiv 1904.02811",
)

# MoViNets (tensorflow/models, `official/projects/movinet`: its README has the accuracies, its
# `configs/yaml` say how clips were cut, every 5th frame of 25 a second). The files are those of the
# port to PyTorch, at the commit of its version 0.2.2. It publishes no digits.
_MOVINET = (
    "https://raw.githubusercontent.com/Atze00/MoViNet-pytorch/"
    "c2d1edf48fc6c5259707f9d833f22171b4f63493/weights/model"
)
_movinet = functools.partial(
    Published,
    name="kinetics600",
    sha256="",
    class_names=kinetics600_class_names(),
    mean=(0.0, 0.0, 0.0),
    deviation=(1.0, 1.0, 1.0),
    num_clips=1,
    num_crops=1,
    level="clip",
    licence="Apache-2.0",
    paper="arXiv 2103.11511",
)


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
    # After 65 million videos with hashtags (arXiv 1905.00561).
    _mmaction2_csn(
        "IRCSN50",
        address=f"{_MMACTION2}v1.0/recognition/csn/{_IRCSN50}/{_IRCSN50}_20220811-44395bae.pth",
        sha256="44395bae",
        top1=79.44,
        top5=94.26,
    ),
    _mmaction2_csn(
        "IRCSN152",
        address=f"{_MMACTION2}v1.0/recognition/csn/{_IRCSN152}/{_IRCSN152}_20220811-c7a3cc5b.pth",
        sha256="c7a3cc5b",
        top1=82.87,
        top5=95.90,
    ),
    # From a random start, by the authors of the network.
    _mmaction2_csn(
        "IPCSN152",
        address=f"{_MMACTION2}recognition/csn/vmz/vmz_ipcsn_from_scratch_r152_32x2x1_180e_"
        "kinetics400_rgb_20210617-d565828d.pth",
        sha256="d565828d",
        mean=TORCHVISION_MEAN,
        deviation=TORCHVISION_DEVIATION,
        top1=77.80,
        top5=93.10,
    ),
    # Trained on every 12th, 6th, 5th and 5th frame of 30 a second.
    _x3d("X3D_XS", address=f"{_X3D}XS.pyth", clips=_clips(4, 2.5, 182), top1=69.12),
    _x3d("X3D_S", address=f"{_X3D}S.pyth", clips=_clips(13, 5.0, 182), top1=73.33),
    _x3d("X3D_M", address=f"{_X3D}M.pyth", clips=_clips(16, 6.0, 256), top1=75.94),
    _x3d("X3D_L", address=f"{_X3D}L.pyth", clips=_clips(16, 6.0, 356), top1=77.44),
    _movinet(
        "MoViNetA0",
        address=f"{_MOVINET}A0_statedict_v3",
        clips=_clips(50, 5.0, 192, 172),
        top1=72.28,
        top5=90.92,
    ),
    _movinet(
        "MoViNetA1",
        address=f"{_MOVINET}A1_statedict_v3",
        clips=_clips(50, 5.0, 192, 172),
        top1=76.69,
        top5=93.40,
    ),
    _movinet(
        "MoViNetA2",
        address=f"{_MOVINET}A2_statedict_v3",
        clips=_clips(50, 5.0, 256, 224),
        top1=78.62,
        top5=94.17,
    ),
    _movinet(
        "MoViNetA0Stream",
        address=f"{_MOVINET}A0_stream_statedict_v3",
        clips=_clips(50, 5.0, 192, 172),
        top1=72.05,
        top5=90.63,
    ),
    _movinet(
        "MoViNetA1Stream",
        address=f"{_MOVINET}A1_stream_statedict_v3",
        clips=_clips(50, 5.0, 192, 172),
        top1=76.45,
        top5=93.25,
    ),
    _movinet(
        "MoViNetA2Stream",
        address=f"{_MOVINET}A2_stream_statedict_v3",
        clips=_clips(50, 5.0, 256, 224),
        top1=78.40,
        top5=94.05,
    ),
    # Of this package: recipes/pretrain.py. Drawn clips have no rate; this one suits what people do.
    Published(
        "CTSepResNet_S",
        "motion",
        address="ctsepresnet_s_motion.weights.h5",
        sha256="",
        class_names=_read_names("motion.txt"),
        mean=TORCHVISION_MEAN,
        deviation=TORCHVISION_DEVIATION,
        clips={
            "num_frames": 16,
            "fps": 8.0,
            "short_side": 73,
            "crop_size": 64,
            "frame_differences": True,
        },
        num_clips=1,
        num_crops=1,
        top1=89.1,
        top5=None,
        level="clip",
        licence="Apache-2.0",
        paper="arXiv 2410.24213",
    ),
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
        weights: the name of published weights, or anything else: then the network's first row of
            others counts, or, for a network of this package alone, the first of all.

    Example:
    >>> published_like("X3D_S").clips["short_side"]
    182
    """
    if is_name(weights):
        return find_published(network, weights)
    of_others = [row for row in PUBLISHED if not row.is_in_package]
    return next((row for row in of_others if row.network == network), of_others[0])

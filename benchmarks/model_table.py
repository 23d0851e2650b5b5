"""Prints the table of networks of docs/guides/networks.md, counted from the code.

python benchmarks/model_table.py
"""

import math
import pathlib

import keras
import tyro

from keras_ctsep.files import write_whole
from keras_ctsep.models import count_multiply_adds, make_network

CLIP = (16, 112, 112, 3)
NUM_CLASSES = 400
TORCHVISION = "[torchvision](https://docs.pytorch.org/vision/stable/models.html)"
IMAGENET = '`weights="imagenet"`, or a saved `keras.applications.Xception`'
# Top-1 and top-5 on Kinetics-400 that the owners of the weights published, in percent, on videos:
# 5 clips each, 16 frames at 15 a second, one crop of 112.
VIDEO_LEVEL = "{} / {} Kinetics-400, videos (torchvision)"
# A row: network, temporal factor, published accuracy, where weights come from.
ROWS = (
    ("CTSepResNet10", "full", None, None),
    ("CTSepResNet10", "depthwise", None, None),
    ("CTSepResNet18", "full", None, None),
    ("CTSepResNet18", "depthwise", None, None),
    ("CTSepResNet34", "full", None, None),
    ("CTSepResNet34", "depthwise", None, None),
    ("CTSepResNet50", "full", None, None),
    ("CTSepResNet50", "depthwise", None, None),
    ("R3D18", None, ("63.200", "83.479"), f"{TORCHVISION}, `r3d_18-*.pth`"),
    ("R3D34", None, None, None),
    ("MC3_18", None, ("63.960", "84.130"), f"{TORCHVISION}, `mc3_18-*.pth`"),
    ("RMC3_18", None, None, None),
    ("R2Plus1D18", None, ("67.463", "86.175"), f"{TORCHVISION}, `r2plus1d_18-*.pth`"),
    ("R2Plus1D34", None, None, None),
    ("XceptionFrames", None, None, IMAGENET),
    ("CTSepXception", "depthwise", None, IMAGENET),
    ("CTSepXception", "full", None, IMAGENET),
)
HEAD = (
    "network",
    "parameters",
    "multiply-adds",
    "input",
    "published accuracy, top-1 / top-5",
    "weights",
)


def main(*, output: str | None = None):
    """Prints parameters, multiply-adds, published accuracy and source of weights as Markdown.

    Args:
        output: file to write the table into as well.
    """
    lines = [_line(HEAD), _line(["---"] * len(HEAD))]
    progress = keras.utils.Progbar(len(ROWS), unit_name="network")
    for row in ROWS:
        lines.append(_line(_cells(*row)))
        progress.add(1)
    table = "\n".join(lines)
    print(table)
    if output:
        with write_whole(pathlib.Path(output)) as temporary:
            temporary.write_text(table + "\n")


def _cells(name, temporal, accuracy, weights):
    model = make_network(name, NUM_CLASSES, temporal=temporal)
    parameters = sum(math.prod(weight.shape) for weight in model.trainable_weights)
    return (
        f"`{name}`" + (f', `temporal="{temporal}"`' if temporal else ""),
        f"{parameters / 1e6:.2f} M",
        f"{count_multiply_adds(model, CLIP) / 1e9:.2f} G",
        "x".join(map(str, CLIP[:3])),
        VIDEO_LEVEL.format(*accuracy) if accuracy else "",
        weights or "",
    )


def _line(cells):
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    tyro.cli(main)

"""Prints the table of networks of docs/guides/networks.md, counted from the code.

python benchmarks/model_table.py
"""

import math
import pathlib

import keras
import tyro

from keras_ctsep.files import write_whole
from keras_ctsep.models import count_multiply_adds, make_network
from keras_ctsep.weights.published import PUBLISHED

CLIP = (16, 112, 112, 3)
NUM_CLASSES = 400
IMAGENET = '`weights="imagenet"`, or a saved `keras.applications.Xception`'
# A row: network, temporal factor. What others published is in keras_ctsep/weights/published.py.
ROWS = (
    ("CTSepResNet_S", "full"),
    ("CTSepResNet_M", "full"),
    ("CTSepResNet10", "full"),
    ("CTSepResNet10", "depthwise"),
    ("CTSepResNet18", "full"),
    ("CTSepResNet18", "depthwise"),
    ("CTSepResNet34", "full"),
    ("CTSepResNet34", "depthwise"),
    ("CTSepResNet50", "full"),
    ("CTSepResNet50", "depthwise"),
    ("R3D18", None),
    ("R3D34", None),
    ("MC3_18", None),
    ("RMC3_18", None),
    ("R2Plus1D18", None),
    ("R2Plus1D34", None),
    ("X3D_XS", None),
    ("X3D_S", None),
    ("X3D_M", None),
    ("X3D_L", None),
    ("MoViNetA0", None),
    ("MoViNetA1", None),
    ("MoViNetA2", None),
    ("MoViNetA0Stream", None),
    ("MoViNetA1Stream", None),
    ("MoViNetA2Stream", None),
    ("S3D", None),
    ("CTSepS3D", None),
    ("IRCSN50", None),
    ("IRCSN101", None),
    ("IRCSN152", None),
    ("IPCSN50", None),
    ("IPCSN101", None),
    ("IPCSN152", None),
    ("XceptionFrames", None),
    ("CTSepXception", "depthwise"),
    ("CTSepXception", "full"),
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


def _cells(name, temporal):
    model = make_network(name, NUM_CLASSES, temporal=temporal)
    parameters = sum(math.prod(weight.shape) for weight in model.trainable_weights)
    row = next((row for row in PUBLISHED if row.network == name), None)
    clip = (row.clips["num_frames"], *[row.clips["crop_size"]] * 2, 3) if row else CLIP
    weights = f'`weights="{row.name}"`' if row else ""
    if row and not row.is_in_package:
        weights = f"[{weights}]({row.address})"
    return (
        f"`{name}`" + (f', `temporal="{temporal}"`' if temporal else ""),
        f"{parameters / 1e6:.2f} M",
        f"{count_multiply_adds(model, clip) / 1e9:.2f} G",
        "x".join(map(str, clip[:3])),
        _accuracy(row) if row else "",
        IMAGENET if "Xception" in name else weights,
    )


def _accuracy(row):
    """Percentages, the level, and clips x crops of a video."""
    top5 = f" / {row.top5:.2f}" if row.top5 else ""
    return f"{row.top1:.2f}{top5}, {row.level}, {row.num_clips} x {row.num_crops}"


def _line(cells):
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    tyro.cli(main)

"""Trains on UCF101, or without `--data` on small videos that it makes itself.

    python recipes/train_ucf.py
    python recipes/train_ucf.py --data UCF-101 --split 1

The first line draws videos of moving shapes, whose classes differ by the motion alone, into Keras's
cache folder (`~/.keras/datasets`), and takes the settings `EMBEDDED`. The second one takes the
defaults of `keras_ctsep.training.train`. A run that was stopped goes on with the same command and
`--resume`.
"""

import os
import pathlib

from keras_ctsep import cli, training
from keras_ctsep.data import make_motion_dataset, read_videos

EMBEDDED = {
    "model": "CTSepResNet10",
    "width": 0.25,
    "epochs": 18,
    "batch_size": 8,
    "learning_rate": 6e-3,
    "num_frames": 16,
    "short_side": 36,
    "crop_size": 32,
    "flip": False,  # left and right are classes
}


def main(
    *,
    data: str = None,
    split: int = 1,
    annotations: str = None,
    output: str = None,
    resume: bool = False,
    **settings,
):
    """Trains on UCF101, or without --data on videos that it makes, with smaller settings.

    Args:
        data: folder of UCF101, or of videos in its layout.
        split: which of the three splits.
        annotations: folder of the split files, if not in or beside the data.
        output: folder of the run, runs/train_ucf or the next free one if not given.
        resume: go on with the run in the output folder, the last one if none is given.
        **settings: see `keras_ctsep.training.train`.

    Returns:
        The results, as from `keras_ctsep.training.train`.
    """
    if data is None:
        cache = pathlib.Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "datasets"
        data = str(make_motion_dataset(cache / "keras_ctsep_motion"))
        settings = EMBEDDED | settings
    source = {"dataset": "ucf101", "data": data, "split": split, "annotations": annotations}
    train_videos, test_videos = (
        read_videos("ucf101", data, subset, split, annotations) for subset in ("train", "test")
    )
    output = output or training.choose_run_folder("runs/train_ucf", resume)
    return training.train(
        train_videos, test_videos, source, output=output, resume=resume, **settings
    )


if __name__ == "__main__":
    cli.run(main, training.train)

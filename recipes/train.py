"""Trains a video classifier on any of the known data sets.

    python recipes/train.py --dataset hmdb51 --data HMDB51 --split 1
    python recipes/train.py --dataset folder --data my_videos --model R2Plus1D18 --epochs 100
    python recipes/train.py --dataset csv --data lists --fps 15 --no-flip

A run that was stopped goes on with the same command and `--resume`.
"""

from typing import Literal

from keras_ctsep import cli, training
from keras_ctsep.data import read_videos


def main(
    *,
    dataset: Literal["ucf101", "hmdb51", "kinetics", "ssv2", "folder", "csv"],
    data: str,
    split: int = 1,
    annotations: str = None,
    output: str = None,
    resume: bool = False,
    **settings,
):
    """Trains a video classifier; the folder of the run gets models, history and pictures.

    Args:
        dataset: how the videos are labelled; csv reads train.csv and test.csv in the data folder.
        data: folder of the videos.
        split: which split of UCF101 or HMDB51, or the seed of one for a folder.
        annotations: folder or file of the lists, if not in or beside the data.
        output: folder of the run, runs/train or the next free one if not given.
        resume: go on with the run in the output folder, the last one if none is given.
        **settings: see `keras_ctsep.training.train`.

    Returns:
        The results, as from `keras_ctsep.training.train`.
    """
    source = {"dataset": dataset, "data": data, "split": split, "annotations": annotations}
    train_videos = read_videos(dataset, data, "train", split, annotations)
    test_videos = read_videos(dataset, data, "test", split, annotations, train_videos.class_names)
    output = output or training.choose_run_folder("runs/train", resume)
    return training.train(
        train_videos, test_videos, source, output=output, resume=resume, **settings
    )


if __name__ == "__main__":
    cli.run(main, training.train)

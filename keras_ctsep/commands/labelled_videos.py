"""Which videos a model is measured on, and their labels."""

import dataclasses
import json
import os
import pathlib
from typing import Literal

from keras_ctsep.data import Annotations, read_videos
from keras_ctsep.files import is_remote


@dataclasses.dataclass(frozen=True)
class VideoOptions:
    """Videos and how they are labelled; what is None is as the run of the model says.

    Args:
        dataset: how the videos are labelled.
        data: folder of the videos.
        split: which split of UCF101 or HMDB51, or the seed of one for a folder.
        annotations: folder or file of the lists, if not in or beside the data.
    """

    dataset: Literal["ucf101", "hmdb51", "kinetics", "ssv2", "folder", "csv"] | None = None
    data: str | None = None
    split: int | None = None
    annotations: str | None = None


OF_RUN = VideoOptions()


def choose_videos(model, videos, subset=None):
    """Completes what is given about the videos with what the run of the model says.

    Args:
        model: the file of the model.
        videos: `VideoOptions`.
        subset: side of the split. Default: test for the videos of the run, and all for others.

    Returns:
        `(source, subset, is_of_run)`: arguments of `read_videos` as a dict, the side, and whether
        the videos are those of the run. They are also where the run found none any more, and other
        data is given alone: they were moved.

    Raises:
        ValueError: when neither says which videos, or those of the run are gone.
    """
    data = videos.data
    settings = pathlib.Path(model).with_name("settings.json")
    run = _read_source(settings)
    if (data is None or videos.dataset is None) and not run:
        found = "another settings.json" if settings.exists() else "no settings.json"
        raise ValueError(
            f"{model}: Expected --dataset and --data, or the settings.json of a run beside it. "
            f"Received: {found}"
        )
    is_gone = bool(run) and not (os.path.exists(run["data"]) or is_remote(run["data"]))
    if data is None and is_gone:
        raise ValueError(
            f"{settings}: Expected the videos of the run where it found them, or --data. "
            f"Received: {run['data']}, not there"
        )
    is_moved = is_gone and videos.dataset is None
    is_of_run = data is None or is_moved or run.get("data") in (data, os.path.abspath(data))
    of_run = run if is_of_run else {}
    source = {
        "dataset": videos.dataset or run["dataset"],
        "directory": data or run["data"],
        # The split of a folder is a seed, which may be 0.
        "split": next(s for s in (videos.split, of_run.get("split"), 1) if s is not None),
        "annotations": videos.annotations or of_run.get("annotations"),
    }
    return source, subset or ("test" if is_of_run else "all"), is_of_run


def _read_source(settings):
    """Returns what a run was trained on; an empty dict if there is no such file, or another."""
    try:
        arguments = json.loads(settings.read_text(encoding="utf-8"))["arguments"]
        optional = {"split": arguments.get("split"), "annotations": arguments.get("annotations")}
        return {"dataset": arguments["dataset"], "data": arguments["data"]} | optional
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return {}


def read_labelled(source, subset, class_names):
    """Reads the list of the videos, with labels in the order of the classes of a model.

    Args:
        source: as `choose_videos` returns it.
        subset: side of the split.
        class_names: names of all classes of the model, which may be more than those of the videos.

    Returns:
        `keras_ctsep.data.Annotations`.

    Raises:
        ValueError: for videos of a class that the model does not know, and what `read_videos`
            raises.
    """
    videos = read_videos(subset=subset, class_names=class_names, **source)
    return with_labels_of(videos, class_names)


def with_labels_of(videos, class_names):
    """Returns the videos with labels in the order of `class_names`, which may be more.

    Example:
    >>> from keras_ctsep.data import Annotations
    >>> videos = Annotations(["a.avi", "b.avi"], [0, 1], ["jump", "run"])
    >>> with_labels_of(videos, ("run", "sit", "jump")).labels.tolist()
    [2, 0]
    """
    index = {name: label for label, name in enumerate(class_names)}
    unknown = [name for name in videos.class_names if name not in index]
    if unknown:
        raise ValueError(
            f"Expected videos of the {len(index)} classes of the model. "
            f"Received: {len(unknown)} other classes, e.g. {unknown[0]!r}"
        )
    labels = [index[videos.class_names[label]] for label in videos.labels]
    return Annotations(videos.paths, labels, class_names)

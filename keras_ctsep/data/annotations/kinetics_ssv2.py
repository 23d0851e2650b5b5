"""Readers for the lists that come with Kinetics and Something-Something v2."""

import csv
import json
import os
import pathlib
import re
import warnings

from keras_ctsep.data.annotations.annotations import from_names
from keras_ctsep.data.annotations.listing import check_subset, find_lists, sub_folders


def read_kinetics(directory, subset="train", annotations=None, class_names=None):
    r"""Reads a csv list of Kinetics-400, 600 or 700.

    Many of the videos are no longer to be had, so those that are not on the disk are left out and
    counted in one warning.

    Args:
        directory: folder with `<label>/<youtube_id>_<start>_<end>.mp4`, the times in seconds with
            six digits; or with one such folder for each subset.
        subset: `"train"`, `"val"` or `"test"`: selects the rows, and the file and folder names.
        annotations: the csv file with the columns `label,youtube_id,time_start,time_end,split`
            (`split` may be missing, others are ignored), or the folder of `<subset>.csv`. `None`
            means the folder `annotations` in `directory`.
        class_names: sequence of str, the order of the classes. `None`: all labels of the csv file
            in alphabetical order.

    Returns:
        `Annotations`.

    Raises:
        ValueError: for a damaged list, for a subset without rows, or when no video exists.

    Reference:
        - [The Kinetics Human Action Video Dataset](https://arxiv.org/abs/1705.06950)

    Example:
    >>> import pathlib, tempfile
    >>> from keras_ctsep.data import read_kinetics
    >>> data = pathlib.Path(tempfile.mkdtemp())
    >>> (data / "yoga").mkdir()
    >>> (data / "yoga" / "-abcdefghij_000007_000017.mp4").touch()
    >>> rows = ["label,youtube_id,time_start,time_end,split", "yoga,-abcdefghij,7,17,train"]
    >>> _ = (data / "train.csv").write_text("\n".join(rows))
    >>> read_kinetics(data, "train", data / "train.csv").class_names
    ('yoga',)
    """
    check_subset(subset, ("train", "val", "test"))
    directory = pathlib.Path(directory)
    source = pathlib.Path(annotations) if annotations else directory / "annotations"
    source = source / f"{subset}.csv" if source.is_dir() else source
    if not source.is_file():
        raise ValueError(f"Expected a csv list of Kinetics. Received: {source}, not a file")
    rows = _read_kinetics_rows(source)
    class_names = class_names or sorted({row["label"] for row in rows})
    # "validate" in some releases.
    rows = [row for row in rows if row.get("split", subset).lower().startswith(subset)]
    inner = directory / subset
    folders = sub_folders(inner if inner.is_dir() else directory)
    folders = {folder.name.lower(): folder for folder in folders}
    files = {name: set(os.listdir(folder)) for name, folder in folders.items()}
    paths, labels = [], []
    for row in rows:
        times = (int(float(row["time_start"])), int(float(row["time_end"])))
        name = "{}_{:06d}_{:06d}.mp4".format(row["youtube_id"], *times)
        if name in files.get(row["label"].lower(), ()):
            paths.append(str(folders[row["label"].lower()] / name))
            labels.append(row["label"])
    if not paths:
        raise ValueError(
            f"{source}: Expected videos of {subset!r} in {directory}. "
            f"Received: none of {len(rows)} exists"
        )
    if len(paths) < len(rows):
        missing = len(rows) - len(paths)
        warnings.warn(f"{source}: {missing} of {len(rows)} videos are missing", stacklevel=2)
    return from_names(paths, labels, class_names, source)


def read_ssv2(directory, subset="train", annotations=None):
    """Reads the json lists of Something-Something v2.

    Args:
        directory: folder with `<id>.webm`.
        subset: `"train"` or `"val"`: reads the file that ends in `train.json`, `validation.json`.
        annotations: folder of the json lists, with one that ends in `labels.json`. `None` looks
            in `directory` and for a folder `labels` or `annotations` inside it and beside it.

    Returns:
        `Annotations`, classes in the order of `labels.json`. Files that are missing stay in it.

    Raises:
        ValueError: for missing or damaged lists, an unknown template, or when no video exists.

    Reference:
        - [The "something something" video database for learning and evaluating visual common
          sense](https://arxiv.org/abs/1706.04261)

    Example:
    >>> import json, pathlib, tempfile
    >>> from keras_ctsep.data import read_ssv2
    >>> data = pathlib.Path(tempfile.mkdtemp())
    >>> (data / "42.webm").touch()
    >>> entries = [{"id": "42", "template": "Holding [something]"}]
    >>> _ = (data / "train.json").write_text(json.dumps(entries))
    >>> _ = (data / "labels.json").write_text(json.dumps({"Holding something": "0"}))
    >>> read_ssv2(data, "train").class_names
    ('Holding something',)
    """
    check_subset(subset, ("train", "val"))
    directory = pathlib.Path(directory)
    lists = find_lists(directory, annotations, r"labels|annotations", r".*labels\.json")
    ending = {"train": "train.json", "val": "validation.json"}[subset]
    label_file = min(lists.glob("*labels.json"))
    source = min(lists.glob(f"*{ending}"), default=None)
    if source is None:
        raise ValueError(f"Expected a file that ends in {ending}. Received: {lists} without one")
    index = _read_json(label_file)
    class_names = sorted(index, key=lambda name: int(index[name]))
    entries = _read_json(source)
    paths = [str(directory / f"{entry['id']}.webm") for entry in entries]
    labels = [re.sub(r"[\[\]]", "", entry["template"]) for entry in entries]
    return from_names(paths, labels, class_names, source)


def _read_kinetics_rows(path):
    with open(path, newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    missing = {"label", "youtube_id", "time_start", "time_end"} - set(reader.fieldnames or ())
    if missing:
        raise ValueError(
            f"{path}: Expected the columns label, youtube_id, time_start, time_end. "
            f"Received: {','.join(reader.fieldnames or ())}"
        )
    for number, row in enumerate(rows, 2):
        if None in row.values():
            raise ValueError(f"{path}:{number}: Expected {reader.fieldnames}. Received: {row}")
    return rows


def _read_json(path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: Expected a json list. Received: {error}") from error

"""Readers for the lists that come with Kinetics and Something-Something v2."""

import csv
import io
import json
import os
import pathlib
import re
import warnings

from keras_ctsep.data.annotations.annotations import from_names
from keras_ctsep.data.annotations.listing import (
    SIDE_NAMES,
    check_subset,
    find_lists,
    is_video,
    read_text,
    sub_folders,
)


def read_kinetics(directory, subset="train", annotations=None, class_names=None):
    r"""Reads a csv list of Kinetics-400, 600 or 700.

    Many of the videos can no longer be downloaded, so those that are not on the disk are left out
    and counted in one warning.

    Args:
        directory: folder with `<label>/<youtube_id>_<start>_<end>.mp4`, the times in seconds with
            six digits; or with one such folder for each subset. The folders may have `_` instead
            of blanks, or may be missing, the times too, and videos may have other endings.
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
    source = _find_kinetics_list(directory, subset, annotations)
    rows = _read_kinetics_rows(source)
    class_names = class_names or sorted({row["label"] for row in rows})
    # "validate" in some releases.
    rows = [row for row in rows if row.get("split", subset).lower().startswith(subset)]
    inner = [directory / word for word in SIDE_NAMES[subset] if (directory / word).is_dir()]
    root = inner[0] if inner else directory
    files = {_key(folder.name): _files_by_stem(folder) for folder in sub_folders(root)}
    flat = _files_by_stem(root)
    paths, labels, missing = [], [], []
    for row in rows:
        stems = _kinetics_stems(row)
        there = (files.get(_key(row["label"]), {}), flat)
        path = next((found[stem] for found in there for stem in stems if stem in found), None)
        if path:
            paths.append(path)
            labels.append(row["label"])
        else:
            missing.append(f"{row['label']}/{stems[0]}.mp4")
    if not paths:
        seen = next((path for found in (*files.values(), flat) for path in found.values()), None)
        raise ValueError(
            f"{source}: Expected videos of {subset!r} in {root}, <label>/<name> or <name>, with "
            "the name <id>_<start>_<end>.mp4 or <id>.mp4 and blanks or _ in the label. Received: "
            f"none of {len(rows)} exists, e.g. {', '.join(missing[:1]) or 'no row'}; there is "
            f"{seen or 'no video'} among {len(files)} folders"
        )
    if missing:
        warnings.warn(
            f"{source}: {len(missing)} of {len(rows)} videos are missing in {root}, e.g. "
            f"{', '.join(missing[:3])}",
            stacklevel=2,
        )
    return from_names(paths, labels, class_names, source)


def read_ssv2(directory, subset="train", annotations=None):
    """Reads the json lists of Something-Something v2.

    Args:
        directory: folder with `<id>.webm`.
        subset: `"train"` or `"val"`: reads the file that ends in `train.json`, `validation.json`.
        annotations: folder of the json lists, with one that ends in `labels.json`. `None` looks
            in `directory` and for a folder `labels` or `annotations` inside it and next to it.

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


def _find_kinetics_list(directory, subset, annotations):
    source = pathlib.Path(annotations) if annotations else directory / "annotations"
    if source.is_dir():
        lists = [source / f"{word}.csv" for word in SIDE_NAMES[subset]]
        source = next((file for file in lists if file.is_file()), source / f"{subset}.csv")
    if not source.is_file():
        raise ValueError(f"Expected a csv list of Kinetics. Received: {source}, not a file")
    return source


def _key(label):
    """How labels and folders are compared: many downloads write `_` instead of blanks."""
    return label.lower().replace("_", " ")


def _files_by_stem(folder):
    """Returns a dict from the name without its ending to the path of each video in `folder`."""
    return {
        os.path.splitext(name)[0]: str(folder / name)
        for name in os.listdir(folder)
        if is_video(name)
    }


def _kinetics_stems(row):
    """Returns the names, without ending, that the video of a row may have, the official first."""
    start, end = (int(float(row[name])) for name in ("time_start", "time_end"))
    name = row["youtube_id"]
    return f"{name}_{start:06d}_{end:06d}", f"{name}_{start}_{end}", name


def _read_kinetics_rows(path):
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""))
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

"""What the readers of annotations share: folders, lists, lines."""

import codecs
import os
import pathlib
import re

# What FFmpeg reads as a film, as far as people name their files so.
VIDEO_ENDINGS = (
    *(".3g2", ".3gp", ".3gpp", ".amv", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".gif"),
    *(".h264", ".h265", ".hevc", ".m1v", ".m2ts", ".m2v", ".m4v", ".mjpeg", ".mkv", ".mov", ".mp4"),
    *(".mpe", ".mpeg", ".mpg", ".mpv", ".mts", ".mxf", ".nut", ".ogm", ".ogv", ".qt", ".rm"),
    *(".rmvb", ".ts", ".vob", ".webm", ".wmv", ".wtv", ".y4m"),
)

# What the folder or the list of a side is called.
SIDE_NAMES = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validate", "validation"),
    "test": ("test", "testing"),
}


def require_some_file(paths, source):
    """Raises unless a path of the list `source` exists: single missing files are the loader's."""
    if not paths:
        raise ValueError(f"{source}: Expected a list of videos. Received: no line with a video")
    if not any("://" in path or os.path.exists(path) for path in paths):
        raise ValueError(
            f"{source}: Expected videos where the list says. "
            f"Received: none of {len(paths)} exists, e.g. {paths[0]}"
        )


def sub_folders(directory):
    """Returns the folders in `directory`, sorted by name."""
    directory = pathlib.Path(directory)
    if not directory.is_dir():
        raise ValueError(f"Expected a folder of videos. Received: {directory}, not a folder")
    return sorted(f for f in directory.iterdir() if f.is_dir() and not f.name.startswith("."))


def is_video(name):
    """Tells by its name whether a file is a video."""
    return name.lower().endswith(VIDEO_ENDINGS) and not name.startswith(".")


def sort_classes(names):
    """Sorts names of classes: by value if all are numbers, else by alphabet."""
    numbers = all(name.isdecimal() for name in names)
    return sorted(set(names), key=(lambda name: (int(name), name)) if numbers else None)


def check_subset(subset, known):
    """Raises unless `subset` is one of `known`."""
    if subset not in known:
        raise ValueError(f"Expected subset to be one of {known}. Received: subset={subset!r}")


def find_lists(directory, annotations, word, pattern):
    """Returns the folder of the lists: the first one with a file whose name matches `pattern`.

    Looks at the folder `annotations` if it is given, else at `directory` and the folders inside
    and next to it that have `word` in their names.
    """
    directory = pathlib.Path(directory).absolute()
    candidates = [pathlib.Path(annotations)] if annotations else [directory]
    if not annotations:
        for parent in (directory, directory.parent):
            if parent.is_dir():
                folders = sorted(folder for folder in parent.iterdir() if folder.is_dir())
                candidates += [f for f in folders if re.search(word, f.name, re.IGNORECASE)]
    for folder in candidates:
        if folder.is_dir() and any(re.fullmatch(pattern, name) for name in os.listdir(folder)):
            return folder
    raise ValueError(
        f"Expected a folder of lists with a file {pattern}. "
        f"Received: no such file in {', '.join(map(str, candidates))}"
    )


def find_class_folders(directory, class_names, source):
    """Returns the folder of each class, compared without case, or says which class has none."""
    folders = {folder.name.lower(): folder for folder in sub_folders(directory)}
    missing = [name for name in class_names if name.lower() not in folders]
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise ValueError(
            f"Expected a folder in {directory} for each class that {source} names. "
            f"Received: no folder for {', '.join(missing[:3])}{more}"
        )
    return [folders[name.lower()] for name in class_names]


def read_text(path, errors="strict"):
    """Reads a list in UTF-8, in UTF-16 with its mark at the start, or in Latin-1."""
    path = pathlib.Path(path)
    if not path.is_file():
        raise ValueError(f"Expected a list of videos. Received: {path}, not a file")
    content = path.read_bytes()
    marked = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = content.decode("utf-16" if marked else "utf-8-sig", errors)
    except UnicodeDecodeError:
        text = "\0" if marked else content.decode("latin-1")
    if "\0" in text:
        raise ValueError(
            f"{path}: Expected text in UTF-8, UTF-16 with a byte order mark, or Latin-1. "
            f"Received: {len(content)} bytes that start with {content[:8]!r}"
        )
    return text


def read_lines(path):
    """Returns the number and the text of each line that is not empty."""
    # Names on the disk may have bytes that are no UTF-8, and may hold what `splitlines` splits at.
    lines = read_text(path, errors="surrogateescape").split("\n")
    return [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]

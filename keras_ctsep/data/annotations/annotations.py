"""Which videos there are and what they show: lists of paths and labels."""

import dataclasses
import os

import numpy as np

from keras_ctsep.data.annotations.listing import require_some_file, sort_classes


@dataclasses.dataclass(frozen=True, eq=False)
class Annotations:
    """Paths of videos with one label each.

    Args:
        paths: sequence of str, the video files.
        labels: sequence of int, the class of each, `0 .. len(class_names) - 1`.
        class_names: sequence of str, each without a line break.

    Raises:
        ValueError: without a video, for labels that do not belong to the paths or classes, or for
            the name of a class that has a line break: it could not be read back from a list.

    Example:
    >>> from keras_ctsep.data import Annotations
    >>> clips = Annotations(["a.avi", "b.avi"], [1, 0], ["jump", "run"])
    >>> len(clips), clips.class_names[clips.labels[0]]
    (2, 'run')
    """

    paths: tuple
    labels: np.ndarray
    class_names: tuple

    def __post_init__(self):
        labels = np.array(self.labels, dtype="int64").reshape(-1)
        labels.setflags(write=False)
        for name, value in (
            ("paths", tuple(os.fspath(path) for path in self.paths)),
            ("labels", labels),
            ("class_names", tuple(self.class_names)),
        ):
            object.__setattr__(self, name, value)
        if not self.paths:
            raise ValueError("Expected at least one video. Received: no paths")
        if len(labels) != len(self.paths):
            raise ValueError(
                "Expected one label for each path. "
                f"Received: {len(labels)} labels for {len(self.paths)} paths"
            )
        if labels.min() < 0 or labels.max() >= len(self.class_names):
            raise ValueError(
                f"Expected labels in 0..{len(self.class_names) - 1}, one for each class name. "
                f"Received: labels from {labels.min()} to {labels.max()}"
            )
        require_no_line_breaks(self.class_names)

    def __len__(self):
        return len(self.paths)


def require_no_line_breaks(class_names):
    """Raises ValueError for a name that could not be read back from a list of names."""
    broken = [name for name in class_names if "\n" in name or "\r" in name]
    if broken:
        raise ValueError(f"Expected names of classes without line breaks. Received: {broken[0]!r}")


def from_names(paths, labels, class_names, source):
    """Makes `Annotations` out of labels that are class names, read from the file `source`."""
    if class_names is None:
        class_names = sort_classes(labels)
    index = {name: i for i, name in enumerate(class_names)}
    unknown = sorted(set(labels) - set(index))
    if unknown:
        raise ValueError(
            f"{source}: Expected labels among {len(index)} class names. Received: {unknown[0]!r}"
        )
    require_some_file(paths, source)
    return Annotations(paths, [index[label] for label in labels], class_names)

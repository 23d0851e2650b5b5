"""Pictures of data sets, training runs and of what a model saw, as PNG files."""

import contextlib
import math
import pathlib
import sys

import numpy as np

from keras_ctsep.files import write_whole


def plot_curves(history, path):
    """Draws loss, accuracy and learning rate over the epochs.

    Args:
        history: dict of lists, one number an epoch; the curves drawn are those of `epoch`
            (from 1), `loss`, `accuracy`, their `val_` forms and `learning_rate` that are there.
        path: PNG file to write.
    """
    groups = [("loss", "val_loss"), ("accuracy", "val_accuracy"), ("learning_rate",)]
    groups = [[name for name in names if name in history] for names in groups]
    groups = [names for names in groups if names]
    if not groups or not len(history["epoch"]):
        raise ValueError(f"Expected one epoch or more, and its loss. Received: history={history}")
    figure = _figure(4.2 * len(groups), 3.4)
    for axes, names in zip(np.atleast_1d(figure.subplots(1, len(groups))), groups, strict=True):
        title = names[0].removeprefix("val_")
        for name in names:
            side = "validation" if name.startswith("val_") else "training"
            label = f"{side}: {history[name][-1]:.3g}"
            axes.plot(history["epoch"], history[name], marker="o", markersize=3, label=label)
        axes.set_title(title.replace("_", " "))
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        if title == "accuracy":
            axes.set_ylim(0, 1.05)
        else:
            axes.set_ylim(bottom=0)
        axes.legend()
    _write(figure, path)


def plot_confusion_matrix(matrix, class_names, path):
    """Draws a confusion matrix: shades for the share of the true class, numbers for the counts.

    From 31 classes on the numbers are left out.

    Args:
        matrix: counts `(num_classes, num_classes)`, true classes in rows.
        class_names: sequence of str.
        path: PNG file to write.
    """
    matrix = np.asarray(matrix)
    num_classes = len(matrix)
    items = matrix.sum(axis=1, keepdims=True)
    shares = matrix / np.maximum(items, 1)
    side = 2.6 + max(0.42 * min(num_classes, 30), 0.13 * num_classes)
    figure = _figure(side + 0.8, side)
    axes = figure.subplots()
    picture = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    font_size = 9 if num_classes <= 30 else max(2.5, min(6, 620 / num_classes))
    _name_ticks(axes.set_xticks, class_names, rotation=90, fontsize=font_size)
    _name_ticks(axes.set_yticks, class_names, fontsize=font_size)
    axes.tick_params(length=2)
    if num_classes <= 30:
        for row, column in np.argwhere(matrix):
            color = "white" if shares[row, column] > 0.5 else "black"
            axes.text(
                column,
                row,
                str(matrix[row, column]),
                color=color,
                fontsize=font_size - 1,
                ha="center",
                va="center",
            )
    correct = np.trace(matrix)
    axes.set_title(f"{correct} of {matrix.sum()} right ({correct / max(matrix.sum(), 1):.1%})")
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    figure.colorbar(picture, ax=axes, shrink=0.8, aspect=30, label="share of the true class")
    _write(figure, path)


def contact_sheet(frames, path, title="", columns=8):
    """Lays out frames in rows, in order of time, under a title.

    Args:
        frames: uint8 array `(num_frames, height, width, 3)`.
        path: PNG file to write.
        title: text above the frames; it may have several lines.
        columns: int, most frames in a row.
    """
    frames = np.asarray(frames)
    columns = min(columns, len(frames))
    rows = math.ceil(len(frames) / columns)
    cell_height = 1.25 * frames.shape[1] / frames.shape[2] + 0.2
    title_height = 0.2 * (title.count("\n") + 1) + 0.1
    figure = _figure(max(1.25 * columns, 5), rows * cell_height + title_height)
    for cell in figure.subplots(rows, columns, squeeze=False).flat:
        cell.axis("off")
    for number, (cell, frame) in enumerate(zip(figure.axes, frames, strict=False), start=1):
        cell.imshow(frame, interpolation="nearest")
        cell.set_title(str(number), fontsize=7, pad=2)
    figure.suptitle(_shown(title), fontsize=9, ha="left", x=0.01, parse_math=False)
    _write(figure, path)


def plot_data_set(counts, class_names, lengths, path):
    """Draws the number of videos of each class, and the lengths of the videos.

    Args:
        counts: dict from the name of a side, such as `"train"`, to numbers of videos, one a class.
        class_names: sequence of str.
        lengths: sequence of int, the frames of each video.
        path: PNG file to write.
    """
    figure = _figure(max(6, 0.16 * len(class_names)), 7)
    balance, histogram = figure.subplots(2, 1)
    bottom = np.zeros(len(class_names), int)
    for side, heights in counts.items():
        balance.bar(range(len(class_names)), heights, bottom=bottom, label=side)
        bottom += np.asarray(heights)
    font_size = 9 if len(class_names) <= 30 else 6
    _name_ticks(balance.set_xticks, class_names, rotation=90, fontsize=font_size)
    balance.margins(x=0.01)
    balance.set_ylabel("videos")
    balance.legend()
    histogram.hist(lengths, bins=50)
    histogram.set_xlabel("frames")
    histogram.set_ylabel("videos")
    _write(figure, path)


def plot_timeline(windows, segments, class_names, path, most=7):
    """Draws scores over time, and the segments as a band below them.

    Only the classes that have segments are drawn, those that last longest, each in one colour;
    segments of further classes are grey.

    Args:
        windows: `keras_ctsep.inference.WindowScores`; a score stands at the middle of its window.
        segments: sequence of `keras_ctsep.inference.Segment`.
        class_names: sequence of str.
        path: PNG file to write.
        most: int, how many classes are drawn.
    """
    lengths = dict.fromkeys((segment.class_name for segment in segments), 0.0)
    for segment in segments:
        lengths[segment.class_name] += segment.end - segment.start
    drawn = sorted(lengths, key=lengths.get, reverse=True)[:most]
    colours = {name: f"C{number}" for number, name in enumerate(drawn)}
    figure = _figure(9, 4)
    curves, band = figure.subplots(2, 1, sharex=True, height_ratios=(8, 1))
    times = (windows.starts + windows.ends) / 2
    for name in drawn:
        scores = windows.scores[:, list(class_names).index(name)]
        marker = "o" if len(times) < 60 else None
        curves.plot(times, scores, color=colours[name], marker=marker, markersize=3, linewidth=1)
        band.barh(0, 0, color=colours[name], label=_shown(name))
    for segment in segments:
        colour = colours.get(segment.class_name, "lightgrey")
        length = segment.end - segment.start
        band.barh(0, length, left=segment.start, height=1, color=colour)
    curves.set_xlim(0, windows.duration)
    if windows.scores.min() >= 0 and windows.scores.max() <= 1:
        curves.set_ylim(0, 1.03)
    curves.set_ylabel("score")
    curves.grid(alpha=0.3)
    band.set_yticks([])
    band.set_ylim(-0.5, 0.5)
    band.set_xlabel("time in seconds" if windows.duration < 600 else "time (h:mm:ss)")
    if windows.duration >= 600:
        band.xaxis.set_major_formatter(_clock)
    columns = max(1, min(4, 60 // max(map(len, drawn))))
    legend = figure.legend(loc="outside lower center", fontsize=8, ncols=columns)
    for text in legend.get_texts():
        text.set_parse_math(False)
    _write(figure, path)


def plot_evidence(times, evidence, class_name, path):
    """Draws how much each moment of a video speaks for a class.

    Args:
        times: array `(num_frames,)` in seconds.
        evidence: array `(num_frames,)`, means of the maps; above 0 speaks for the class.
        class_name: str.
        path: PNG file to write.
    """
    figure = _figure(9, 2.8)
    axes = figure.subplots()
    axes.plot(times, evidence, color="C3", linewidth=1.2)
    axes.fill_between(times, 0, evidence, where=evidence > 0, color="C3", alpha=0.2)
    axes.axhline(0, color="black", linewidth=0.6)
    axes.set_xlim(0, max(times[-1], 1e-3))
    axes.set_xlabel("time in seconds")
    axes.set_ylabel("evidence")
    axes.set_title(f"What speaks for {_shown(class_name)}", parse_math=False, fontsize=10)
    axes.grid(alpha=0.3)
    _write(figure, path)


def text_banner(text, width, height=40):
    """Draws a line of text, black on white.

    Args:
        text: str.
        width: pixels.
        height: pixels.

    Returns:
        uint8 array `(height, width, 3)`.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    canvas = FigureCanvasAgg(Figure((width / 100, height / 100), dpi=100))
    style = {"va": "center", "fontsize": height / 3, "parse_math": False}
    canvas.figure.text(8 / width, 0.5, _shown(text), **style)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


@contextlib.contextmanager
def optional_picture(path, say=True):
    """Lets a program go on where matplotlib, which is an extra, is not installed.

    Args:
        path: the picture that is drawn inside.
        say: whether to print one line that it is missing.

    Returns:
        A context manager that yields the path.
    """
    try:
        yield path
    except ModuleNotFoundError as error:
        if say:
            print(f"No {pathlib.Path(path).name}: {error}", file=sys.stderr)


def require_matplotlib():
    """Raises `ModuleNotFoundError` where matplotlib, which is optional, is not installed."""
    _figure(1, 1)


def _figure(width, height):
    # A figure without pyplot: no display, no global state, safe in any thread.
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _name_ticks(set_ticks, names, **options):
    # What stands between two dollars in a name is no formula.
    set_ticks(range(len(names)), [*map(_shown, names)], parse_math=False, **options)


def _clock(seconds, _):
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


def _shown(text):
    """Returns a text that can be drawn: names of files may have bytes that are no UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _write(figure, path):
    with write_whole(path) as temporary:
        figure.savefig(temporary, dpi=150, bbox_inches="tight")

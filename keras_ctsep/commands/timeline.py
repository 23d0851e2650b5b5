"""Names what happens in videos over time, for `predict --every`."""

import csv

from keras_ctsep.files import write_whole
from keras_ctsep.plots import optional_picture, plot_timeline


def describe(windows, segments, classifier, top):
    """Makes what `--json` prints of a video: a dict.

    Args:
        windows: `keras_ctsep.inference.WindowScores`.
        segments: list of `keras_ctsep.inference.Segment`.
        classifier: the `VideoClassifier`.
        top: how many classes to name for each window.
    """
    return {
        "video": windows.path,
        "duration": windows.duration,
        "segments": [
            {"start": start, "end": end, "class": name, "score": score}
            for start, end, name, score in segments
        ],
        "windows": [
            {
                "start": start,
                "end": end,
                "classes": [
                    {"class": name, "score": score} for name, score in classifier.top(scores, top)
                ],
            }
            for start, end, scores in zip(
                windows.starts.tolist(), windows.ends.tolist(), windows.scores, strict=True
            )
        ],
    }


def print_segments(path, segments):
    """Prints a line for each segment: start, end, score and class."""
    print(path)
    for start, end, name, score in segments:
        print(f"{clock(start):>9} {clock(end):>9}  {score:.3f}  {name}")


def write_timeline(windows, segments, class_names, path):
    """Writes `PATH-scores.csv`, `PATH-segments.csv` and, with matplotlib, `PATH-timeline.png`.

    Args:
        windows: `keras_ctsep.inference.WindowScores`.
        segments: list of `keras_ctsep.inference.Segment`.
        class_names: sequence of str.
        path: str, beginning of the names of the files.
    """
    rows = [
        [f"{start:.3f}", f"{end:.3f}", *(f"{score:.6f}" for score in scores)]
        for start, end, scores in zip(windows.starts, windows.ends, windows.scores, strict=True)
    ]
    _write_csv(f"{path}-scores.csv", ["start", "end", *class_names], rows)
    rows = [
        [f"{start:.3f}", f"{end:.3f}", name, f"{score:.6f}"] for start, end, name, score in segments
    ]
    _write_csv(f"{path}-segments.csv", ["start", "end", "class", "score"], rows)
    with optional_picture(f"{path}-timeline.png") as picture:
        plot_timeline(windows, segments, class_names, picture)


def clock(seconds):
    """Returns a time as people write it.

    Example:
    >>> clock(75.06), clock(3599.96)
    ('1:15.1', '1:00:00.0')
    """
    tenths = round(10 * seconds)
    minutes, tenths = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    text = f"{tenths / 10:04.1f}"
    return f"{hours}:{minutes:02}:{text}" if hours else f"{minutes}:{text}"


def _write_csv(path, heading, rows):
    with write_whole(path) as temporary:
        with open(temporary, "w", newline="", encoding="utf-8", errors="surrogateescape") as file:
            writer = csv.writer(file)
            writer.writerow(heading)
            writer.writerows(rows)

"""Names what happens in videos."""

import json as json_format
import pathlib
import sys

from keras_ctsep.commands import timeline
from keras_ctsep.commands.names import output_names
from keras_ctsep.commands.options import (
    AS_SAVED,
    ClipOptions,
    open_classifier,
    print_warning,
)
from keras_ctsep.data import VideoError
from keras_ctsep.files import require_writable
from keras_ctsep.inference import find_segments, score_windows
from keras_ctsep.plots import contact_sheet, require_matplotlib


def main(
    videos: tuple[str, ...],
    /,
    *,
    model: str | None = None,
    weights: str | None = None,
    class_names: str | None = None,
    top: int = 5,
    num_clips: int = 10,
    every: float | None = None,
    smooth: int = 3,
    json: bool = False,
    workers: int = 2,
    output: str | None = None,
    clips: ClipOptions = AS_SAVED,
):
    """Names what happens in videos.

    Args:
        videos: files to look at.
        model: .keras file that training wrote, its address, or a file that the command export
            wrote; with --weights the name of a network. Without it, a small network that knows the
            400 classes of Kinetics-400, whose weights are downloaded the first time.
        weights: name of published weights, such as kinetics400, or a file or address of weights
            for that network, such as torchvision's r2plus1d_18.pth.
        class_names: text file with the name of a class in each line, instead of the names that
            the file of the model has.
        top: how many classes to name.
        num_clips: clips spread over each video; the scores are their mean.
        every: seconds from one clip to the next: instead of one answer for each video, name what
            happens in it over time. For videos of any length.
        smooth: with --every, over how many clips scores are averaged before the video is cut into
            segments.
        json: print a line of JSON for each video, for programs.
        workers: threads that read videos.
        output: folder for VIDEO-frames.png, a picture with the frames of the middle clip that the
            model saw; with --every for VIDEO-scores.csv, VIDEO-segments.csv and
            VIDEO-timeline.png. Without it nothing is written.
        clips: how clips are cut.

    Returns:
        The exit code: 1 when a video could not be read, else 0.

    Raises:
        ValueError: without a video, and when the model cannot be opened.
    """
    if not videos:
        raise ValueError("Expected one video or more. Received: none")
    if top < 1:
        raise ValueError(f"Expected one class or more to name. Received: top={top}")
    if every is not None and not every > 0:
        raise ValueError(f"Expected a time above 0 from clip to clip. Received: every={every}")
    if smooth < 1:
        raise ValueError(f"Expected one clip or more to average over. Received: smooth={smooth}")
    if output:
        if every is None:
            require_matplotlib()
        require_writable(output)
    classifier = open_classifier(model, weights, class_names, clips)
    bases = [pathlib.Path(output or "", name) for name in output_names(videos)]
    if every is None:
        found = name_videos(classifier, videos, top, num_clips, workers, json, output and bases)
    else:
        found = follow_videos(classifier, videos, top, every, smooth, json, output and bases)
    num_failed = sum(not is_read for is_read in found)
    if num_failed:
        print(f"{num_failed} of {len(videos)} videos could not be read.", file=sys.stderr)
    return int(num_failed > 0)


def name_videos(classifier, videos, top, num_clips, workers, json, bases):
    """Prints the classes of each video, and yields whether it could be read.

    Args:
        classifier: a `VideoClassifier`.
        videos, top, num_clips, workers, json: the options of `main`.
        bases: for each video the beginning of the names of the files to write, or None.
    """
    for number, prediction in enumerate(classifier.predict(videos, num_clips, workers)):
        if prediction.error:
            print_error(prediction.path, prediction.error, json)
            yield False
            continue
        best = classifier.top(prediction.scores, top)
        lines = [prediction.path, *(f"{score:6.3f}  {name}" for name, score in best)]
        if json:
            classes = [{"class": name, "score": score} for name, score in best]
            print_json({"video": prediction.path, "classes": classes})
        else:
            print(*lines, sep="\n", flush=True)
        if bases:
            contact_sheet(prediction.frames, f"{bases[number]}-frames.png", "\n".join(lines))
        yield True


def follow_videos(classifier, videos, top, every, smooth, json, bases):
    """Prints what happens in each video over time, and yields whether it could be read.

    The arguments are those of `name_videos`, and the options of `main`.
    """
    for number, video in enumerate(videos):
        try:
            windows = score_windows(classifier, video, every, print_warning, verbose=1)
        except VideoError as error:
            print_error(video, error, json)
            yield False
            continue
        segments = find_segments(windows, classifier.class_names, smooth)
        if json:
            print_json(timeline.describe(windows, segments, classifier, top))
        else:
            timeline.print_segments(video, segments)
        if bases:
            timeline.write_timeline(windows, segments, classifier.class_names, bases[number])
        yield True


def print_error(video, error, json):
    """Prints why a video cannot be read, for programs too."""
    print(error, file=sys.stderr)
    if json:
        print_json({"video": video, "error": str(error)})


def print_json(content):
    """Prints a dict in one line; letters that are not ASCII are escaped."""
    print(json_format.dumps(content), flush=True)

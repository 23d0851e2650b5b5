"""Names what happens in videos."""

import pathlib
import sys

from keras_ctsep.commands.options import AS_SAVED, ClipOptions, open_classifier
from keras_ctsep.files import require_writable
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
        workers: threads that read videos.
        output: folder for pictures of what the model saw, VIDEO-frames.png with the frames of the
            middle clip. Without it there are none.
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
    if output:
        require_matplotlib()
        require_writable(output)
    classifier = open_classifier(model, weights, class_names, clips)
    num_failed = 0
    predictions = classifier.predict(videos, num_clips, workers)
    for prediction, picture in zip(predictions, picture_names(videos), strict=True):
        if prediction.error:
            print(prediction.error, file=sys.stderr)
            num_failed += 1
            continue
        best = classifier.top(prediction.scores, top)
        lines = [prediction.path, *(f"{score:6.3f}  {name}" for name, score in best)]
        print(*lines, sep="\n", flush=True)
        if output:
            contact_sheet(prediction.frames, pathlib.Path(output) / picture, "\n".join(lines))
    if num_failed:
        print(f"{num_failed} of {len(videos)} videos could not be read.", file=sys.stderr)
    return int(num_failed > 0)


def picture_names(videos):
    """Returns a name for the picture of each video, each another one.

    Example:
    >>> picture_names(["a/jump.mp4", "b/Jump.mp4", "run.avi"])
    ['jump-frames.png', 'Jump-2-frames.png', 'run-frames.png']
    """
    names = []
    taken = set()  # in lower case, because some disks do not tell a from A
    for video in videos:
        stem = name = pathlib.Path(video).stem
        number = 1
        while name.lower() in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name.lower())
        names.append(f"{name}-frames.png")
    return names

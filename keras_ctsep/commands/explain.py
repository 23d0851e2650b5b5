"""Shows where a model looks in videos."""

import pathlib
import sys

import numpy as np

from keras_ctsep.commands.names import output_names
from keras_ctsep.commands.options import (
    AS_SAVED,
    ClipOptions,
    open_classifier,
    print_warning,
)
from keras_ctsep.data import VideoError, write_video
from keras_ctsep.files import require_writable
from keras_ctsep.inference import draw_explanation, explain
from keras_ctsep.plots import contact_sheet, optional_picture, plot_evidence

_SHEET = 16  # frames in the contact sheet
_LEAST_HEIGHT = 224  # of the video, in pixels; smaller frames are enlarged


def main(
    videos: tuple[str, ...],
    /,
    *,
    model: str | None = None,
    weights: str | None = None,
    class_names: str | None = None,
    target: str | None = None,
    output: str = "explained",
    clips: ClipOptions = AS_SAVED,
):
    """Shows where a model looks in videos.

    Args:
        videos: files to look at.
        model: .keras file that training wrote, or its address; with --weights the name of a
            network. Without it, a small network that knows the 400 classes of Kinetics-400, whose
            weights are downloaded the first time.
        weights: name of published weights, such as kinetics400, or a file or address of weights
            for that network, such as torchvision's r2plus1d_18.pth.
        class_names: text file with the name of a class in each line, instead of the names that
            the file of the model has.
        target: the class to look for; the one with the highest score if not given.
        output: folder for VIDEO-map.mp4, the frames that the model saw beside the same ones with
            the map over them, VIDEO-map.png, some of these, and VIDEO-curve.png, how much each
            moment speaks for the class.
        clips: how clips are cut.

    Returns:
        The exit code: 1 when a video could not be read, else 0.

    Raises:
        ValueError: without a video, when the model cannot be opened or ends in another way than
            with a mean over space and time and a dense layer, and for an unknown class.
    """
    if not videos:
        raise ValueError("Expected one video or more. Received: none")
    require_writable(output)
    classifier = open_classifier(model, weights, class_names, clips)
    num_failed = 0
    for video, name in zip(videos, output_names(videos), strict=True):
        try:
            found = explain(classifier, video, target, print_warning, verbose=1)
        except VideoError as error:
            print(error, file=sys.stderr)
            num_failed += 1
            continue
        base = pathlib.Path(output, name)
        frames = write_maps(found, classifier.clips, f"{base}-map.mp4")
        title = f"{found.path}\n{found.score:6.3f}  {found.class_name}"
        with optional_picture(f"{base}-map.png") as picture:
            contact_sheet(frames, picture, title)
        with optional_picture(f"{base}-curve.png") as picture:
            plot_evidence(*found.curve, found.class_name, picture)
        print(title)
        print(f"Files in {output}: {name}-map.mp4, {name}-map.png, {name}-curve.png", flush=True)
    if num_failed:
        print(f"{num_failed} of {len(videos)} videos could not be read.", file=sys.stderr)
    return int(num_failed > 0)


def write_maps(explanation, clips, path):
    """Writes a video: the frames that the model saw, and beside them the same ones with the map.

    Args:
        explanation: a `keras_ctsep.inference.Explanation`.
        clips: `VideoClassifier.clips`.
        path: mp4 file to write.

    Returns:
        uint8 array `(num_frames, height, width, 3)`, some of the frames with the map, at equal
        distances.
    """
    num_frames = int(explanation.is_new.sum())
    chosen = set(np.linspace(0, num_frames - 1, min(_SHEET, num_frames)).round().astype(int))
    sheet = []

    def pairs():
        for number, (frame, drawn) in enumerate(draw_explanation(explanation, clips)):
            if number in chosen:
                sheet.append(drawn)
            # Twice at least, so that odd sizes become even.
            times = 2 * -(-_LEAST_HEIGHT // (2 * len(frame)))
            yield np.concatenate([frame, drawn], axis=1).repeat(times, axis=0).repeat(times, axis=1)

    # As long as the video, although it may have fewer frames.
    length = (explanation.indices[-1, -1] + 1) / explanation.fps
    write_video(path, pairs(), num_frames / length)
    return np.stack(sheet)

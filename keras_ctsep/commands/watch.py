"""Names what happens in a video as it comes."""

import contextlib
import itertools
import os
import pathlib
import signal
import sys

import numpy as np

from keras_ctsep.commands.options import AS_SAVED, ClipOptions, open_classifier
from keras_ctsep.data import LiveVideo, resize, write_video
from keras_ctsep.files import require_writable
from keras_ctsep.inference import LiveClassifier
from keras_ctsep.plots import require_matplotlib, text_banner


def main(
    source: str,
    /,
    *,
    model: str,
    weights: str | None = None,
    class_names: str | None = None,
    output: str | None = None,
    clips: ClipOptions = AS_SAVED,
):
    """Names what happens in a video as it comes.

    A line is printed each time that another class has the highest score. Frames of a file wait for
    the model. Of all other sources frames are dropped where the model is too slow. Ctrl-C ends it.

    Args:
        source: a file, a named pipe, - for the standard input, a camera such as /dev/video0, or an
            address such as rtsp://camera/stream.
        model: .keras file that training wrote; with --weights the name of a network. A causal one
            runs frame by frame, as does a file of --stream-frames of the command export.
        weights: file for that network, such as torchvision's r2plus1d_18.pth.
        class_names: text file with the name of a class in each line, instead of the names that
            the file of the model has.
        output: mp4 file to write, with the class below the frames. Without it there is none.
        clips: how clips are cut.

    Returns:
        The exit code: 0, also after Ctrl-C and when the source breaks off.

    Raises:
        OSError: when there is no such source, or the output cannot be written.
        ValueError: when the model or the source cannot be opened.
    """
    if source != "-" and "://" not in source:
        os.stat(source)
    if output:
        require_matplotlib()
        require_writable(pathlib.Path(output).parent)
        if os.path.isdir(output):
            raise ValueError(f"Expected an mp4 file to write. Received: {output}, a folder")
    classifier = open_classifier(model, weights, class_names, clips)
    live = LiveClassifier(classifier)
    way = "frame by frame" if live.is_streaming else "clip by clip"
    step = f"{live.num_frames} frames" if live.num_frames > 1 else "frame"
    _say(f"{source}: {way}, new scores for every {step}")
    rate = {"frame_stride": classifier.clips.frame_stride, "fps": classifier.clips.fps}
    options = rate | classifier.clips.scaling
    with LiveVideo(source, **options, report=_say) as video, _stopped_by_ctrl_c(video):
        watched = _watch(live, video)
        first = next(watched, None)
        if output and first:
            write_video(output, _drawn(itertools.chain([first], watched)), video.rate or 25.0)
        for _ in watched:
            pass
    _say(f"{source}: {video.num_frames} frames, {video.num_dropped} dropped to keep up")
    return 0


def _watch(live, video):
    """Yields frames and text for each step, and prints a line where the class is another one."""
    said, num_dropped = None, 0
    for frames, scores in live.scores(video):
        [(name, score)] = live.classifier.top(scores, 1)
        if name != said:
            gap = video.num_dropped - num_dropped
            more = f"  ({gap} frames dropped)" if gap else ""
            print(f"{video.seconds:8.2f} s  {score:6.3f}  {name}{more}", flush=True)
            said, num_dropped = name, num_dropped + gap
        yield frames, f"{name}  {score:.2f}"


def _drawn(watched):
    """Yields each frame, twice as large, above its text."""
    for frames, text in watched:
        height, width = frames[0].shape[:2]
        banner = text_banner(text, 2 * width)
        for frame in resize(np.stack(frames), 2 * height, 2 * width):
            yield np.concatenate([frame, banner])


@contextlib.contextmanager
def _stopped_by_ctrl_c(video):
    """Lets Ctrl-C end the video instead of the program; a second one ends that too."""

    def stop(*_):
        signal.signal(signal.SIGINT, before)
        video.stop()

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _say(text):
    print(text, file=sys.stderr, flush=True)

"""Names what happens in videos.

python -m keras_ctsep.commands.predict jump.mp4 run.mp4 --model runs/train_ucf/last.keras
python -m keras_ctsep.commands.predict jump.mp4 --model R2Plus1D18 --weights r2plus1d_18.pth
"""

import pathlib
import sys

from keras_ctsep import cli, inference
from keras_ctsep.data import Annotations, VideoDataset, VideoError
from keras_ctsep.plots import contact_sheet


def main(
    *videos: str,
    model: str,
    weights: str = None,
    top: int = 5,
    num_clips: int = 10,
    num_frames: int = None,
    frame_stride: int = None,
    fps: float = None,
    short_side: int = None,
    crop_size: int = None,
    frame_differences: bool = None,
    output: str = ".",
):
    """Names what happens in videos, and draws the frames that the model saw.

    Args:
        *videos: files to look at.
        model: .keras file; what is not given comes from settings.json and classes.txt beside it.
            With --weights the name of a network.
        weights: file for that network, such as torchvision's r2plus1d_18.pth.
        top: how many classes to name.
        num_clips: clips spread over each video; the scores are their mean.
        num_frames: frames in a clip.
        frame_stride: distance between the frames of a clip, in frames of the video.
        fps: frames a second of a clip, in place of frame_stride.
        short_side: shorter side of the frames before the crop.
        crop_size: side of the square that the model sees.
        frame_differences: give the model differences between frames in place of frames.
        output: folder for the pictures, VIDEO-frames.png with the frames of the middle clip.

    Returns:
        The exit code: 1 when a video could not be read, else 0.
    """
    overrides = {
        "num_frames": num_frames,
        "frame_stride": frame_stride,
        "fps": fps,
        "short_side": short_side,
        "crop_size": crop_size,
        "frame_differences": frame_differences,
    }
    if weights:
        network, arguments, class_names = inference.read_weights(model, weights, **overrides)
    else:
        network, arguments, class_names = inference.read_run(model, **overrides)
    view = inference.view_arguments(arguments) | {"batch_size": num_clips, "strict": True}
    failed = 0
    for video in videos:
        try:
            views, _, _ = VideoDataset(
                Annotations([video], [0], class_names), num_clips=num_clips, **view
            )[0]
        except VideoError as error:
            print(error, file=sys.stderr)
            failed += 1
            continue
        scores = network.predict(views, verbose=0).mean(axis=0)
        best = scores.argsort(kind="stable")[::-1][:top]
        lines = [video, *(f"{scores[label]:6.3f}  {class_names[label]}" for label in best)]
        print(*lines, sep="\n")
        picture = pathlib.Path(output) / f"{pathlib.Path(video).stem}-frames.png"
        contact_sheet(views[num_clips // 2], picture, "\n".join(lines))
    if failed:
        print(f"{failed} of {len(videos)} videos could not be read.", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    cli.run(main)

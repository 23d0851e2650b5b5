"""A data set of drawn videos whose classes differ by motion alone.

A shape moves sideways or up and down, over a background at rest: forwards, backwards, to and fro
once, or to and fro quickly. The four classes of a direction show the very same pictures in four
orders. Where the shape is in a picture is drawn from a circle (what leaves on one side comes in on
the other) with equal chances everywhere, and its look belongs to the group, so that no single
picture, not even the first or the last one, hints at the class.
"""

import contextlib
import json
import math
import pathlib
import sys

import av
import keras
import numpy as np

from keras_ctsep.files import write_whole

# A row a class: the coordinate that changes, and how many times it goes through its range: once
# forwards (1) or backwards (-1), once to and fro (2), twice to and fro (4).
CLASSES = {
    "MoveRight": ("column", 1),
    "MoveLeft": ("column", -1),
    "SwaySlowly": ("column", 2),
    "SwayQuickly": ("column", 4),
    "MoveDown": ("row", 1),
    "MoveUp": ("row", -1),
    "BounceSlowly": ("row", 2),
    "BounceQuickly": ("row", 4),
}
# A step from one picture to the next of a path, as part of the frame's width or height, for the
# slowest and the fastest clip. Four such steps stay well below one half, beyond which a motion
# looks like its opposite.
STEPS = (0.035, 0.045)
AXES = ("column", "row")
SETTINGS_FILE = "motion.json"


def make_motion_dataset(
    directory, num_groups=25, clips_per_group=3, num_frames=20, height=48, width=48, seed=0
):
    """Writes a small data set of video files in the layout of UCF101, unless it exists.

    Eight classes (`CLASSES`) that only differ in the order of their pictures: a model that sees
    the frames of each clip shuffled cannot pass an accuracy of 1/4. Clips of one group share shape
    and colours. The split files have the first 28 % of the groups for testing, as split 1 of
    UCF101 has 7 of 25. The files are MPEG-4 in AVI with B frames, 25 frames per second.

    Args:
        directory: folder to make: `<class>/v_<class>_gXX_cYY.avi` and `ucfTrainTestList/` with
            `classInd.txt`, `trainlist01.txt`, `testlist01.txt`. It appears complete or not at all.
        num_groups: int, at least 2, groups of each class.
        clips_per_group: int, videos of a class in a group.
        num_frames: int, at least 4, length of a video.
        height: int, even, height of the frames in pixels.
        width: int, even, width of the frames in pixels.
        seed: int. Equal arguments make equal files.

    Returns:
        `pathlib.Path`, the folder.

    Raises:
        ValueError: when an argument is out of range, or when the folder holds something else or
            was made with other arguments.

    Example:
    >>> import tempfile
    >>> from keras_ctsep.data import make_motion_dataset, read_ucf101
    >>> folder = make_motion_dataset(tempfile.mkdtemp() + "/motion", num_groups=2)
    >>> videos = read_ucf101(folder, split=1, subset="test")
    >>> len(videos), videos.class_names[:2]
    (24, ('MoveRight', 'MoveLeft'))
    """
    directory = pathlib.Path(directory)
    settings = {
        "num_groups": num_groups,
        "clips_per_group": clips_per_group,
        "num_frames": num_frames,
        "height": height,
        "width": width,
        "seed": seed,
    }
    _check_settings(**settings)
    if not _is_made(directory, settings):
        try:
            # A progress bar is no result: it goes to the other stream.
            with write_whole(directory) as folder, contextlib.redirect_stdout(sys.stderr):
                _write_videos(folder, **settings)
                _write_lists(folder, num_groups, clips_per_group)
                (folder / SETTINGS_FILE).write_text(json.dumps(settings, indent=2) + "\n")
        except OSError:
            # Another process may have been quicker; then its folder serves.
            if not _is_made(directory, settings):
                raise
    return directory


def visiting_order(num_frames, passes):
    """Orders the pictures of a path: the motion of a class.

    Args:
        num_frames: int, how many pictures the path has, numbered from one end to the other.
        passes: 1 and -1 go through them once, forwards and backwards; an even number goes to and
            fro, and every pass takes its share of the pictures, with longer steps.

    Returns:
        Integer array `(num_frames,)`, each of `0 .. num_frames - 1` once.

    Example:
    >>> from keras_ctsep.data.motion import visiting_order
    >>> visiting_order(6, -1).tolist(), visiting_order(6, 2).tolist()
    ([5, 4, 3, 2, 1, 0], [0, 2, 4, 5, 3, 1])
    """
    pictures = np.arange(num_frames)
    if abs(passes) == 1:
        return pictures[::passes]
    shares = [pictures[first::passes] for first in range(passes)]
    return np.concatenate([share[:: (-1) ** i] for i, share in enumerate(shares)])


def draw_path(axis, group, clip, num_frames, height, width, seed, shape_scale=1.0):
    """Draws the pictures that the four classes of one direction show.

    Args:
        axis: `"column"` or `"row"`, what changes from picture to picture.
        group, clip: ints, which clip of which group.
        num_frames, height, width, seed: as in `make_motion_dataset`.
        shape_scale: factor on the size of the shape and of its steps.

    Returns:
        A tuple of two arrays, from one end of the path to the other: uint8 pictures
        `(num_frames, height, width, 3)`, and which part of each pixel the shape covers, float from
        0 to 1 `(num_frames, height, width)`.
    """
    look = _draw_look((seed, group), height, width, shape_scale)
    rng = np.random.default_rng((seed, group, clip, AXES.index(axis)))
    place = {"column": rng.uniform(), "row": rng.uniform()}
    angle, step = rng.uniform(0, 2 * math.pi), rng.uniform(*STEPS) * shape_scale
    drawn = [
        _draw_picture(look, angle, **{**place, axis: place[axis] + i * step})
        for i in range(num_frames)
    ]
    return tuple(map(np.stack, zip(*drawn, strict=True)))


def _draw_look(seed, height, width, shape_scale):
    """Draws what the clips of one group have in common: shape, colours, background."""
    rng = np.random.default_rng(seed)
    colours = rng.uniform(0, 255, (64, 4, 3))
    # Of 64 draws, the four colours that are the furthest apart, so that nothing hides.
    gaps = np.linalg.norm(colours[:, :, None] - colours[:, None], axis=-1) + 999 * np.eye(4)
    colours = colours[gaps.min(axis=(1, 2)).argmax()]
    y, x = np.mgrid[:height, :width] * (2 * math.pi / height)
    waves = rng.uniform(-3, 3, (3, 6, 3)) * (1, 1, 2)
    texture = [sum(np.sin(u * x + v * y + p) for u, v, p in channel) for channel in waves]
    return {
        "radius": rng.uniform(0.34, 0.42) * height * shape_scale,
        "lobes": rng.uniform(-0.14, 0.14, (3, 2)),
        "rings": rng.uniform(0.24, 0.30) * height * shape_scale,
        "colours": colours[1:],
        "background": colours[0] + 14 * np.stack(texture, axis=-1),
    }


def _draw_picture(look, angle, column, row):
    """Draws the shape at a place given as parts of the frame's width and height.

    Returns the picture, and which part of each pixel the shape covers.
    """
    height, width, _ = look["background"].shape
    y, x = np.mgrid[:height, :width]
    y = (y - row * height + height / 2) % height - height / 2
    x = (x - column * width + width / 2) % width - width / 2
    distance, turned = np.hypot(x, y), np.arctan2(y, x) - angle
    edge = np.ones_like(distance)
    for n, (cosine, sine) in enumerate(look["lobes"], 1):
        edge += cosine * np.cos(n * turned) + sine * np.sin(n * turned)
    # Edges are one pixel soft. One half of the shape has another colour; rings run over both.
    inside = np.clip(look["radius"] * edge - distance + 0.5, 0, 1)[..., None]
    half = np.clip(np.sin(turned) * distance + 0.5, 0, 1)[..., None]
    rings = 0.4 + 0.4 * np.cos(2 * math.pi * distance / edge / look["rings"])[..., None]
    one, other, third = look["colours"]
    paint = one + half * (other - one)
    paint = paint + rings * (third - paint)
    picture = look["background"] + inside * (paint - look["background"])
    return np.clip(picture + 0.5, 0, 255).astype("uint8"), inside[..., 0]


def _check_settings(num_groups, clips_per_group, num_frames, height, width, seed):
    if num_groups < 2 or clips_per_group < 1 or num_frames < 4:
        raise ValueError(
            "Expected num_groups >= 2, clips_per_group >= 1, num_frames >= 4. Received: "
            f"num_groups={num_groups}, clips_per_group={clips_per_group}, num_frames={num_frames}"
        )
    if min(height, width) < 16 or height % 2 or width % 2:
        raise ValueError(
            "Expected an even height and width of 16 pixels or more. "
            f"Received: height={height}, width={width}"
        )


def _is_made(directory, settings):
    if not directory.exists() or (directory.is_dir() and not any(directory.iterdir())):
        return False
    file = directory / SETTINGS_FILE
    found = json.loads(file.read_text()) if file.is_file() else "other files"
    if found != settings:
        raise ValueError(
            f"Expected {directory} to be empty or the motion data set with {settings}. "
            f"Received: a folder with {found}"
        )
    return True


def _write_videos(folder, num_groups, clips_per_group, num_frames, height, width, seed):
    progress = keras.utils.Progbar(num_groups * clips_per_group * len(CLASSES), unit_name="video")
    for class_name in CLASSES:
        (folder / class_name).mkdir(parents=True)
    for group, clip in _clips(range(1, num_groups + 1), clips_per_group):
        paths = {
            axis: draw_path(axis, group, clip, num_frames, height, width, seed)[0] for axis in AXES
        }
        for class_name, (axis, passes) in CLASSES.items():
            frames = paths[axis][visiting_order(num_frames, passes)]
            _write_video(folder / _video_name(class_name, group, clip), frames)
        progress.add(len(CLASSES))


def _write_video(path, frames):
    # Without the bit-exact flags the files carry the version of the library that wrote them.
    with av.open(str(path), "w", format="avi", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        codec = stream.codec_context
        codec.codec_tag, codec.max_b_frames, codec.thread_count = "XVID", 2, 1
        codec.bit_rate = 2_000_000
        codec.flags |= av.codec.context.Flags.bitexact
        for number, frame in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(frame, format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _write_lists(folder, num_groups, clips_per_group):
    num_test = max(1, round(0.28 * num_groups))
    lists = folder / "ucfTrainTestList"
    lists.mkdir()
    numbers = {class_name: number for number, class_name in enumerate(CLASSES, 1)}
    test, train = range(1, num_test + 1), range(num_test + 1, num_groups + 1)
    lines = {
        "classInd.txt": [f"{number} {class_name}" for class_name, number in numbers.items()],
        "testlist01.txt": [
            _video_name(name, *clip) for name in CLASSES for clip in _clips(test, clips_per_group)
        ],
        "trainlist01.txt": [
            f"{_video_name(name, *clip)} {numbers[name]}"
            for name in CLASSES
            for clip in _clips(train, clips_per_group)
        ],
    }
    for name, text in lines.items():
        (lists / name).write_text("\n".join(text) + "\n")


def _clips(groups, clips_per_group):
    return [(group, clip) for group in groups for clip in range(1, clips_per_group + 1)]


def _video_name(class_name, group, clip):
    return f"{class_name}/v_{class_name}_g{group:02d}_c{clip:02d}.avi"

"""Clips out of a video of any length, in one pass of the decoder."""

import warnings

import numpy as np

from keras_ctsep.data.decoding import available_indices, check_indices, make_converter
from keras_ctsep.data.video_file import VideoError, open_video


def decode_clips(
    path, indices, short_side=None, report=warnings.warn, frame_size=None, antialias=True
):
    """Decodes clips of a video one after the other, in one pass, however long it is.

    Each clip has the frames that `decode_frames` returns for its numbers. Clips that overlap share
    their frames, and no more frames are held than the clips at one place need.

    Args:
        path: a file, or an address that `fsspec` opens (`s3://...`, `zip://...::...`).
        indices: integers >= 0 `(num_clips, num_frames)`, ascending in both directions. Or a
            function that gets the video's `VideoInfo` and returns them.
        short_side: as in `decode_frames`.
        report: called with one line of text, beginning with the file's name, when frames are
            missing or damaged.
        frame_size, antialias: as in `decode_frames`.

    Yields:
        uint8 array `(num_frames, height, width, 3)` for each clip, RGB, upright. If the video ends
        earlier than it says, clips that have fewer than half of their frames are left out.

    Raises:
        VideoError: when the file is no video that can be decoded, or too short for the first clip.

    Example:
    >>> import tempfile
    >>> from keras_ctsep.data import decode_clips, make_motion_dataset, read_ucf101
    >>> folder = make_motion_dataset(tempfile.mkdtemp() + "/set", num_groups=2, clips_per_group=1)
    >>> video = read_ucf101(folder, subset="train").paths[0]
    >>> [clip.shape for clip in decode_clips(video, [[0, 2, 4], [3, 5, 7]], short_side=32)]
    [(3, 32, 32, 3), (3, 32, 32, 3)]
    """
    with open_video(path) as (info, frames):
        indices = check_indices(indices(info) if callable(indices) else indices)
        to_array = make_converter(short_side, frame_size, antialias)
        wanted = iter(np.unique(indices).tolist())
        next_wanted, row, pictures = next(wanted), 0, {}
        for num_decoded, (frame, damaged) in enumerate(frames, 1):  # noqa: B007
            if num_decoded - 1 != next_wanted:
                continue
            pictures[next_wanted] = to_array(path, frame)
            while row < len(indices) and indices[row, -1] == next_wanted:
                yield np.stack([pictures[index] for index in indices[row].tolist()])
                row += 1
                if row < len(indices):
                    for index in [index for index in pictures if index < indices[row, 0]]:
                        del pictures[index]
            next_wanted = next(wanted, None)
            if next_wanted is None:
                break
        else:
            pictures[num_decoded - 1] = to_array(path, frame)
        for clip in _clips_at_the_end(path, indices[row:], num_decoded, damaged, report, row > 0):
            yield np.stack([pictures[index] for index in clip.tolist()])


def _clips_at_the_end(path, indices, num_decoded, num_damaged, report, may_end):
    """Yields the clips that need frames past the end, with what there is instead, and reports."""
    for row, clip in enumerate(indices):
        try:
            clip = available_indices(path, clip, num_decoded, 0, lambda _: None)
        except VideoError:
            if not may_end and row == 0:
                raise
            break
        yield clip
    num_wanted = int(indices.max()) + 1 if len(indices) else 0
    if num_wanted > num_decoded + 1:
        report(f"{path}: ends after {num_decoded} frames, {num_wanted} were expected")
    elif num_damaged:
        report(f"{path}: {num_damaged} damaged packets left out")

"""The batches of `VideoDataset`, as a `tf.data` pipeline decoded by tensorflow-io."""

import warnings

import numpy as np
from av import VideoFrame

from keras_ctsep.data.decoding import available_indices, check_indices, make_converter
from keras_ctsep.data.video_dataset import VideoDataset
from keras_ctsep.data.video_file import VideoError, open_video, orientation, read_bytes, upright

_NEWEST_TENSORFLOW = (2, 17)


def tf_video_dataset(annotations, batch_size, **arguments):
    """Makes a `tf.data.Dataset` of clips that `tfio.experimental.ffmpeg.decode_video` decodes.

    `fit`, `evaluate` and `predict` take it on every backend. Order, frames, crops and filling are
    those of `VideoDataset` with the same arguments; pixels differ by less than two grey levels on
    average. Each pass to the end counts as an epoch: with `augment`, the next one is drawn again.

    `VideoDataset` needs none of the following, and decodes only the part of a file that it needs;
    this function is for programs that are built on tensorflow-io. It decodes whole files, at full
    size, and cuts off the last columns of videos whose width is no multiple of 8, because
    tensorflow-io leaves garbage there. FFmpeg 4 may end the process on damaged files: check them
    first.

    - `pip install 'keras_ctsep[tensorflow-io]'`: the last tensorflow-io, 0.37.1, which works with
      TensorFlow 2.17 at most, on Python 3.11 and 3.12.
    - The libraries of FFmpeg 4, `libavformat.so.58` and `libswscale.so.5`. Where the system has
      others: `pip install decord==0.6.0`, then
      `python -m keras_ctsep.data.tfio.link_ffmpeg4 FOLDER`, and start Python with
      `LD_LIBRARY_PATH=FOLDER`.

    Args:
        annotations: an `Annotations`, paths and labels.
        batch_size: number of items of a batch.
        **arguments: those of `VideoDataset`, without `cache`.

    Returns:
        A `tf.data.Dataset` of known length with elements `(clips, labels, weights)`: uint8
        `(batch, frames, height, width, 3)`, RGB; one-hot float32 `(batch, classes)`; float32
        `(batch,)`, 0 for what only fills the batch.

    Raises:
        ImportError: when tensorflow-io or FFmpeg 4 is missing, or TensorFlow is too new.
        ValueError: for arguments that do not fit together, or when no video can be used.

    Example:
    >>> from keras_ctsep.data import Augmentation, read_ucf101
    >>> from keras_ctsep.data.tfio.dataset import tf_video_dataset
    >>> train = read_ucf101("UCF-101")  # doctest: +SKIP
    >>> dataset = tf_video_dataset(train, 16, augment=Augmentation())  # doctest: +SKIP
    >>> model.fit(dataset, epochs=10, shuffle=False)  # doctest: +SKIP
    """
    if "cache" in arguments:
        raise ValueError("`cache` keeps what VideoDataset decodes; use `tf.data.Dataset.cache`")
    tf, _ = _import_tensorflow_io()
    videos = _TfioVideos(annotations, batch_size, **arguments)

    def batches():
        for index in range(len(videos)):
            batch = videos[index]
            videos.epoch += index == len(videos) - 1
            yield batch

    signature = (
        tf.TensorSpec((batch_size, *videos.clips.shape), tf.uint8),
        tf.TensorSpec((batch_size, len(annotations.class_names)), tf.float32),
        tf.TensorSpec((batch_size,), tf.float32),
    )
    dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(len(videos)))


def decode_frames_tfio(path, indices, short_side=None, report=warnings.warn, **scaling):
    """Does what `decode_frames` does, with tensorflow-io.

    The frames are up to 7 pixels narrower: the last `width % 8` columns are cut off.
    """
    with open_video(path) as (info, frames):
        # tensorflow-io tells neither the rate nor the rotation, and writes into foreign memory
        # when a row is shorter than the 8 pixels that FFmpeg converts at once.
        frame, _ = next(frames)
        if frame.width < 8:
            raise VideoError(f"{path}: {frame.width} pixels are too narrow for tensorflow-io")
        turned = orientation(frame)
    indices = check_indices(indices(info) if callable(indices) else indices)
    video = _decode_whole(path)
    wanted, places = np.unique(
        available_indices(path, indices, len(video), 0, report), return_inverse=True
    )
    if scaling.get("frame_size") and turned[0]:  # scaled as stored, and turned after that
        scaling["frame_size"] = scaling["frame_size"][::-1]
    # The scaling is PyAV's: frames of tf.image.resize differ by 3 to 4 grey levels.
    to_array = make_converter(short_side, **scaling)
    pictures = [
        to_array(path, VideoFrame.from_ndarray(np.ascontiguousarray(video[index]), format="rgb24"))
        for index in wanted
    ]
    return upright(np.stack(pictures), turned)[places.reshape(indices.shape)]


def _decode_whole(path):
    """Decodes all frames, without the columns at the right that are not to be trusted."""
    tf, decode_video = _import_tensorflow_io()
    try:
        with tf.device("CPU"):
            video = decode_video(read_bytes(path)).numpy()
    except tf.errors.OpError as error:
        raise VideoError(f"{path}: {error.message.split('}} ')[-1]}") from error
    if not len(video):
        raise VideoError(f"{path}: no frame can be decoded")
    width = video.shape[2]
    return video[:, :, : width - width % 8]


class _TfioVideos(VideoDataset):
    _decode = staticmethod(decode_frames_tfio)


def _import_tensorflow_io():
    """Returns the module tensorflow and the operation `decode_video`, or says what is missing."""
    try:
        import tensorflow as tf

        version = tuple(int(number) for number in tf.__version__.split(".")[:2])
        if version > _NEWEST_TENSORFLOW:
            raise ImportError(
                "tensorflow-io 0.37.1, the last one, works with TensorFlow 2.17 at most: "
                "pip install 'keras_ctsep[tensorflow-io]' in an environment of its own. "
                f"Received: tensorflow {tf.__version__}"
            )
        import tensorflow_io as tfio
    except ModuleNotFoundError as error:
        raise ImportError(
            f"{error.name} is missing: pip install 'keras_ctsep[tensorflow-io]'"
        ) from error
    decode_video = tfio.experimental.ffmpeg.decode_video
    try:
        decode_video(b"")
    except tf.errors.InvalidArgumentError:  # FFmpeg is there, and no video is in nothing
        return tf, decode_video
    except NotImplementedError as error:
        raise ImportError(
            "tensorflow-io needs FFmpeg 4, libavformat.so.58 and libswscale.so.5. Where the system "
            "has another one: pip install decord==0.6.0, "
            "python -m keras_ctsep.data.tfio.link_ffmpeg4 FOLDER, "
            "then start Python with LD_LIBRARY_PATH=FOLDER"
        ) from error

"""The reader with tensorflow-io: the same batches as VideoDataset's, from another decoder."""

import pathlib
import sys
import types

import av
import numpy as np
import pytest
from painted_videos import painted_frame, write_frames, write_painted
from test_video_dataset import NUM_VIDEOS, counting_model

from keras_ctsep.data import (
    Annotations,
    Augmentation,
    ClipFormat,
    VideoDataset,
    VideoError,
    decode_frames,
)
from keras_ctsep.data.tfio.dataset import (
    _import_tensorflow_io,
    decode_frames_tfio,
    tf_video_dataset,
)
from keras_ctsep.data.tfio.link_ffmpeg4 import link_ffmpeg4


@pytest.fixture
def tfio():
    try:
        _import_tensorflow_io()
    except ImportError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def painted(tmp_path_factory):
    """Five videos of 10 to 30 frames, each frame shows its number."""
    folder = tmp_path_factory.mktemp("painted")
    paths = [write_painted(folder / f"{length}.avi", length) for length in range(10, 35, 5)]
    return Annotations(paths, [0, 1, 2, 0, 1], ["a", "b", "c"])


def real_clips(folder):
    return sorted(str(path) for path in (folder / "real_clips").iterdir())


def decoded_by_pyav(path):
    with av.open(path, metadata_errors="ignore") as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def difference(one, other):
    return np.abs(one.astype(int) - other)


def test_frames_of_real_clips_are_pyavs(tfio, test_data):
    for path in real_clips(test_data):
        expected = decoded_by_pyav(path)
        frames = decode_frames_tfio(path, np.arange(len(expected)))
        # 340 = 8 * 42 + 4: the clips of Kinetics lose 4 columns.
        width = {340: 336}.get(expected.shape[2], expected.shape[2])
        assert frames.shape == expected[:, :, :width].shape
        assert difference(frames, expected[:, :, :width]).max() <= 2, path


def test_scaled_frames_of_real_clips_are_close(tfio, test_data):
    for path in real_clips(test_data):
        if not path.endswith(".mp4"):  # those would be scaled from another width
            frames = decode_frames_tfio(path, [[0, 3], [40, 7]], short_side=128)
            expected = decode_frames(path, [[0, 3], [40, 7]], short_side=128)
            assert difference(frames, expected).mean() < 2, path


@pytest.mark.parametrize("width, kept", [(60, 56), (15 * 8, 120), (34, 32)])
def test_last_columns_are_cut(tfio, tmp_path, width, kept):
    path = write_painted(tmp_path / "video.avi", 3, 48, width)
    frames = decode_frames_tfio(path, [0, 1, 2])
    expected = decoded_by_pyav(path)[:, :, :kept]
    assert frames.shape == expected.shape
    assert difference(frames, expected).max() <= 2


@pytest.mark.parametrize("scaling", [{"short_side": 24}, {"frame_size": (24, 40)}])
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_rotated_videos_are_upright(tfio, tmp_path, rotation, scaling):
    path = write_painted(tmp_path / "video.mp4", 12, 48, 64, rotation=rotation)
    frames = decode_frames_tfio(path, [11, 0, 5], **scaling)
    expected = decode_frames(path, [11, 0, 5], **scaling)
    assert frames.shape == expected.shape
    assert difference(frames, expected).mean() < 2


def test_files_that_cannot_be_used_are_named(tfio, tmp_path):
    narrow = write_painted(tmp_path / "narrow.avi", 3, 48, 4)
    with pytest.raises(VideoError, match="narrow.avi: 4 pixels are too narrow"):
        decode_frames_tfio(narrow, [0])
    (tmp_path / "text.avi").write_text("This is no video.\n" * 100)
    with pytest.raises(VideoError, match="text.avi: "):
        decode_frames_tfio(str(tmp_path / "text.avi"), [0])
    with pytest.raises(VideoError, match="ends after 3 frames, 3 of the 4 wanted ones are missing"):
        decode_frames_tfio(write_painted(tmp_path / "short.avi", 3), [0, 9, 10, 11])


@pytest.mark.parametrize(
    "sizes, options",
    [
        ({}, {"augment": Augmentation()}),
        ({"short_side": 32}, {"num_clips": 2, "num_crops": 3}),
        ({"fps": 12.5}, {"num_threads": 0}),
    ],
)
def test_batches_are_those_of_video_dataset(tfio, painted, sizes, options):
    options["clips"] = ClipFormat(**{"num_frames": 4, "short_side": 24, "crop_size": 24, **sizes})
    dataset = tf_video_dataset(painted, 4, **options)
    reference = VideoDataset(painted, 4, **options)
    for epoch in range(2):
        reference.epoch = epoch
        batches = list(dataset.as_numpy_iterator())
        assert len(batches) == len(reference) == len(dataset)
        for index, (clips, labels, weights) in enumerate(batches):
            expected = reference[index]
            assert clips.dtype == np.uint8
            assert difference(clips, expected[0]).mean() < 2
            np.testing.assert_array_equal(labels, expected[1])
            np.testing.assert_array_equal(weights, expected[2])


def test_bad_files_weigh_nothing(tfio, painted, tmp_path):
    (tmp_path / "text.avi").write_text("This is no video.\n" * 100)
    paths = [painted.paths[0], str(tmp_path / "text.avi"), painted.paths[2]]
    annotations = Annotations(paths, [0, 1, 2], painted.class_names)
    clips = ClipFormat(num_frames=4, short_side=24, crop_size=24)
    dataset = tf_video_dataset(annotations, 4, clips=clips)
    with pytest.warns(UserWarning, match="text.avi: "):
        ((_, labels, weights),) = dataset.as_numpy_iterator()
    assert weights.tolist() == [1, 0, 1, 0]
    assert labels.argmax(-1).tolist() == [0, 0, 2, 0]


def test_keras_sees_every_video_once(tfio, tmp_path):
    num_videos = NUM_VIDEOS - 1
    paths = [
        write_frames(tmp_path / f"{number}.avi", [painted_frame(number, 32, 32)] * 2, "mjpeg")
        for number in range(num_videos)
    ]
    annotations = Annotations(paths, range(num_videos), [str(name) for name in range(NUM_VIDEOS)])
    clips = ClipFormat(num_frames=1, short_side=32, crop_size=32)
    dataset = tf_video_dataset(annotations, 4, clips=clips)
    model, tables = counting_model()
    history = model.fit(dataset, epochs=2, shuffle=False, verbose=0).history
    evaluated = model.evaluate(dataset, verbose=0, return_dict=True)
    for name, table in tables.items():
        mean = table[:num_videos].mean()
        np.testing.assert_allclose(history[name], [mean, mean], rtol=1e-6, err_msg=name)
        np.testing.assert_allclose(evaluated[name], mean, rtol=1e-6, err_msg=name)
    scores = model.predict(dataset, verbose=0)
    assert scores[:num_videos].argmax(-1).tolist() == list(range(num_videos))


def fake_tensorflow(version):
    errors = types.SimpleNamespace(InvalidArgumentError=ValueError)
    return types.SimpleNamespace(__version__=version, errors=errors)


def fake_tensorflow_io():
    def decode_video(content):
        raise NotImplementedError("could not find ffmpeg")

    ffmpeg = types.SimpleNamespace(decode_video=decode_video)
    return types.SimpleNamespace(experimental=types.SimpleNamespace(ffmpeg=ffmpeg))


@pytest.mark.parametrize(
    "tensorflow, tensorflow_io, message",
    [
        (None, None, r"tensorflow is missing: pip install 'keras_ctsep\[tensorflow-io\]'"),
        (fake_tensorflow("2.17.1"), None, "tensorflow_io is missing: pip install"),
        (fake_tensorflow("2.21.0"), None, "with TensorFlow 2.17 at most: .* tensorflow 2.21.0"),
        (fake_tensorflow("3.0.0-rc1"), None, "with TensorFlow 2.17 at most"),
        (fake_tensorflow("2.17.1"), fake_tensorflow_io(), "needs FFmpeg 4, .* LD_LIBRARY_PATH"),
    ],
)
def test_what_is_missing_is_said(monkeypatch, painted, tensorflow, tensorflow_io, message):
    monkeypatch.setitem(sys.modules, "tensorflow", tensorflow)
    monkeypatch.setitem(sys.modules, "tensorflow_io", tensorflow_io)
    with pytest.raises(ImportError, match=message):
        tf_video_dataset(painted, 4)


def test_cache_is_refused(painted):
    with pytest.raises(ValueError, match="tf.data.Dataset.cache"):
        tf_video_dataset(painted, 4, cache="folder")


def test_only_ffmpeg_gets_its_usual_names(tmp_path, monkeypatch):
    files = [
        "decord.libs/libavcodec-bc50294c.so.58.35.100",
        "decord.libs/libswscale-8e37dcfd.so.5.3.100",
        "decord.libs/libz-eb09ad1d.so.1.2.3",
        "decord/__init__.py",
    ]
    site = tmp_path / "site"
    for file in [*files, "decord-0.6.0.dist-info/METADATA"]:
        (site / file).parent.mkdir(parents=True, exist_ok=True)
        (site / file).write_text("Name: decord\nVersion: 0.6.0\n")
    record = "".join(f"{file},,\n" for file in files)
    (site / "decord-0.6.0.dist-info/RECORD").write_text(record)
    monkeypatch.syspath_prepend(site)
    for _ in range(2):  # links that are there are made again
        link_ffmpeg4(tmp_path / "links")
    links = {path.name: pathlib.Path(path).readlink() for path in (tmp_path / "links").iterdir()}
    assert links == {
        "libavcodec-bc50294c.so.58.35.100": site / files[0],
        "libavcodec.so.58": site / files[0],
        "libswscale-8e37dcfd.so.5.3.100": site / files[1],
        "libswscale.so.5": site / files[1],
        "libz-eb09ad1d.so.1.2.3": site / files[2],
    }

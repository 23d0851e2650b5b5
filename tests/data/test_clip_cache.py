import errno
import os
import pickle
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from checks import succeeds_in_a_fork
from painted_videos import read_numbers, write_painted

from keras_ctsep.data import (
    Annotations,
    Augmentation,
    ClipCache,
    ClipFormat,
    VideoDataset,
    VideoError,
    clip_cache,
    decode_frames,
)

# A painted video of 8 frames with a short side of 24, and the numbers behind the frames.
VIDEO_BYTES = 8 * 24 * 32 * 3 + 4 * 8 + 4 * 8


@pytest.fixture
def videos(tmp_path):
    return [write_painted(tmp_path / f"{number}.avi", 8) for number in range(6)]


@pytest.fixture
def no_decoding(monkeypatch):
    """Makes opening a video a failure from now on, when called."""

    def fail(*_, **__):
        raise AssertionError("a video was opened")

    def switch():
        monkeypatch.setattr(clip_cache, "open_video", fail)
        monkeypatch.setattr(clip_cache, "decode_frames", fail)

    return switch


def test_frames_equal_the_decoded_ones(tmp_path, no_decoding):
    names = {"a.avi": "mpeg4", "b.mp4": "libx264", "c.webm": "libvpx-vp9"}
    cache = ClipCache(tmp_path / "cache")
    indices = [[0, 39, 7], [7, 2, 40]]
    cases = [(name, side) for name in names for side in (24, None)]
    expected = {}
    for name, side in cases:
        path = write_painted(tmp_path / name, codec=names[name])
        os.utime(path, (1, 1))
        expected[name, side] = decode_frames(path, indices, side)
        first = cache.decode_frames(path, indices, side)
        np.testing.assert_array_equal(first, expected[name, side])
    no_decoding()
    for name, side in cases:
        frames = cache.decode_frames(tmp_path / name, indices, side)
        np.testing.assert_array_equal(frames, expected[name, side])


@pytest.mark.parametrize("augment", [None, Augmentation()])
def test_batches_are_equal_with_and_without(tmp_path, videos, augment, no_decoding):
    annotations = Annotations(videos, range(6), "abcdef")
    clips = ClipFormat(num_frames=4, short_side=24, crop_size=20)
    plain = VideoDataset(annotations, 4, clips, augment=augment)
    cached = VideoDataset(annotations, 4, clips, augment=augment, cache=tmp_path / "cache")
    for epoch in range(3):
        plain.epoch = cached.epoch = epoch
        for index in range(2):
            for expected, array in zip(plain[index], cached[index], strict=True):
                np.testing.assert_array_equal(array, expected)
        no_decoding()


def test_indices_may_depend_on_the_header(tmp_path, videos):
    cache = ClipCache(tmp_path / "cache")
    for _ in range(2):
        frames = cache.decode_frames(videos[0], lambda info: [info.num_frames - 2, info.fps == 25])
        assert read_numbers(frames).tolist() == [6, 1]


def test_changed_files_are_decoded_again(tmp_path, videos):
    cache = ClipCache(tmp_path / "cache")
    assert read_numbers(cache.decode_frames(videos[0], [7])).tolist() == [7]
    write_painted(videos[0], 3)
    with pytest.raises(VideoError, match="0.avi: ends after 3 frames"):
        cache.decode_frames(videos[0], [7])


def test_short_files_are_judged_as_without(tmp_path, videos):
    content = open(videos[0], "rb").read()
    write_painted(videos[0], 100, codec="mjpeg")
    content = open(videos[0], "rb").read()
    open(videos[0], "wb").write(content[: int(0.8 * len(content))])
    cache = ClipCache(tmp_path / "cache")
    reports = []
    for decode in (decode_frames, cache.decode_frames, cache.decode_frames):
        decode(videos[0], [0, 5, 99], report=reports.append)
        with pytest.raises(VideoError, match="2 of the 3 wanted ones are missing") as error:
            decode(videos[0], [0, 98, 99])
        reports.append(str(error.value))
    assert reports[:2] == reports[2:4] == reports[4:]


def test_bad_files_are_named(tmp_path):
    (tmp_path / "text.avi").write_text("This is no video.\n" * 100)
    cache = ClipCache(tmp_path / "cache")
    for name in ("text.avi", "missing.avi"):
        with pytest.raises(VideoError) as expected:
            decode_frames(tmp_path / name, [0])
        with pytest.raises(VideoError) as error:
            cache.decode_frames(tmp_path / name, [0])
        assert str(error.value) == str(expected.value)
    assert cache.num_bytes() == 0 and not os.listdir(tmp_path / "cache")


def test_what_was_used_last_before_goes_first(tmp_path, videos):
    first = ClipCache(tmp_path / "cache")
    for path in videos:
        first.decode_frames(path, [0], short_side=24)
    assert first.num_bytes() == 6 * VIDEO_BYTES
    files = [first._file(path, 24) for path in videos]
    for age, position in enumerate([3, 0, 5, 1, 2, 4]):
        os.utime(files[position], (1000 + age, 1000 + age))
    second = ClipCache(tmp_path / "cache", max_bytes=20 * VIDEO_BYTES)
    second.decode_frames(videos[3], [0], short_side=24)
    # 18 files of 0.75 to 0.92 of the size of the 6 that are there: 21 and room for 20.
    for side in (21, 22, 23):
        for path in videos:
            second.decode_frames(path, [0], side)
            assert second._file(path, side).exists()
    assert second.num_bytes() <= second.max_bytes
    left = [file.exists() for file in files]
    # Number 3 was the oldest and has been used again; 0 and 5 come next.
    assert [left[position] for position in [0, 5, 1, 2, 4, 3]] == [False] * 2 + [True] * 4


def test_full_cache_keeps_what_it_has(tmp_path, videos):
    max_bytes = 17 * VIDEO_BYTES
    cache = ClipCache(tmp_path / "cache", max_bytes)
    sides = range(2, 25)
    for _ in range(2):
        for side in sides:
            for path in videos:
                expected = decode_frames(path, [1, 6], side)
                np.testing.assert_array_equal(cache.decode_frames(path, [1, 6], side), expected)
                assert cache.num_bytes() <= max_bytes
    assert cache.num_bytes() > 0.9 * max_bytes
    # The first ones are still there.
    assert all(cache._file(path, 2).exists() for path in videos)


def test_large_videos_are_not_kept(tmp_path, videos):
    cache = ClipCache(tmp_path / "cache", max_bytes=15 * VIDEO_BYTES)
    assert read_numbers(cache.decode_frames(videos[0], [3], 24)).tolist() == [3]
    assert cache.num_bytes() == 0


def test_full_disk_is_a_warning(tmp_path, videos, monkeypatch):
    def no_space(path):
        raise OSError(28, "No space left on device")

    cache = ClipCache(tmp_path / "cache")
    monkeypatch.setattr(clip_cache, "write_whole", no_space)
    with pytest.warns(UserWarning, match="No space left on device. No more videos are kept"):
        assert read_numbers(cache.decode_frames(videos[0], [3])).tolist() == [3]
    assert read_numbers(cache.decode_frames(videos[1], [4])).tolist() == [4]


def test_a_cache_that_may_only_be_read_serves_as_well(tmp_path, videos, monkeypatch):
    def read_only(*_):
        raise OSError(errno.EROFS, "Read-only file system")

    cache = ClipCache(tmp_path / "cache")
    cache.decode_frames(videos[0], [0], short_side=24)
    file = cache._file(videos[0], 24)
    os.utime(file, (1000, 1000))
    for name in ("utime", "unlink"):
        monkeypatch.setattr(os, name, read_only)
    full = ClipCache(tmp_path / "cache", max_bytes=VIDEO_BYTES + 100)
    assert read_numbers(full.decode_frames(videos[0], [3], 24)).tolist() == [3]
    assert full.decode_frames(videos[1], [4], 2).shape == (1, 2, 3, 3)
    assert full.num_bytes() == VIDEO_BYTES and os.listdir(tmp_path / "cache") == [file.name]


WORKER = """
import sys
from keras_ctsep.data import ClipCache
cache = ClipCache(sys.argv[1])
print("ready", flush=True)
for _ in range(3):
    for path in sys.argv[2:]:
        frames = cache.decode_frames(path, range(8), short_side=24)
        print(frames.sum())
"""


def test_processes_share_a_folder(tmp_path, videos):
    command = [sys.executable, "-c", WORKER, str(tmp_path / "cache"), *videos]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    cache = ClipCache(tmp_path / "cache")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as worker:
        assert worker.stdout.readline() == "ready\n"
        sums = [cache.decode_frames(path, range(8), short_side=24).sum() for path in videos]
        output = worker.stdout.read()
    assert worker.returncode == 0
    assert sums == [decode_frames(path, range(8), short_side=24).sum() for path in videos]
    assert output.split() == [str(value) for value in sums] * 3
    assert ClipCache(tmp_path / "cache").num_bytes() == 6 * VIDEO_BYTES
    assert len(os.listdir(tmp_path / "cache")) == 6


def test_remote_files_are_kept(no_decoding, tmp_path, videos):
    fsspec = pytest.importorskip("fsspec")
    with fsspec.open("memory://cached/video.avi", "wb") as file:
        file.write(open(videos[0], "rb").read())
    cache = ClipCache(tmp_path / "cache")
    expected = cache.decode_frames("memory://cached/video.avi", [2, 5])
    assert read_numbers(expected).tolist() == [2, 5]
    no_decoding()
    frames = cache.decode_frames("memory://cached/video.avi", [2, 5])
    np.testing.assert_array_equal(frames, expected)


def test_copies_and_arguments(tmp_path):
    cache = pickle.loads(pickle.dumps(ClipCache(tmp_path / "cache", 5)))
    assert (cache.directory, cache.max_bytes) == (tmp_path / "cache", 5)
    assert cache._start <= time.time()
    with pytest.raises(ValueError, match="Received: max_bytes=0"):
        ClipCache(tmp_path, 0)


def test_others_may_write_and_delete_meanwhile(tmp_path):
    """A file that is renamed or deleted between listing and looking is no error."""
    cache = ClipCache(tmp_path)
    done = threading.Event()

    def write_and_delete():
        while not done.is_set():
            (tmp_path / ".1a2b3c4d-x.frames").write_bytes(b"12")
            os.replace(tmp_path / ".1a2b3c4d-x.frames", tmp_path / "x.frames")
            (tmp_path / "x.frames").unlink()

    thread = threading.Thread(target=write_and_delete)
    thread.start()
    try:
        sizes = {cache.num_bytes() for _ in range(3000)}
    finally:
        done.set()
        thread.join()
    assert sizes <= {0, 2}


def test_unfinished_files_do_not_count(tmp_path):
    (tmp_path / ".1a2b3c4d-x.frames").write_bytes(b"12")
    assert ClipCache(tmp_path).num_bytes() == 0


def test_a_fork_does_not_wait_for_a_thread_that_it_did_not_take_along(
    tmp_path, videos, monkeypatch
):
    """A thread looks through the full folder, and so holds the lock, while the process forks."""
    folder = tmp_path / "cache"
    ClipCache(folder).decode_frames(videos[0], [0], 24)
    cache = ClipCache(folder, max_bytes=20 * VIDEO_BYTES)
    looks, forked = threading.Event(), threading.Event()

    def slow_scandir(path, scandir=os.scandir):
        looks.set()
        forked.wait(20)
        return scandir(path)

    def reads(video):
        return read_numbers(cache.decode_frames(video, [3], 24)).tolist() == [3]

    for video in videos[1:3]:  # more than a sixteenth, so that the next one looks again
        assert reads(video)
    monkeypatch.setattr(clip_cache.os, "scandir", slow_scandir)
    thread = threading.Thread(target=reads, args=[videos[4]])
    thread.start()
    assert looks.wait(20)
    monkeypatch.undo()
    try:
        assert succeeds_in_a_fork(lambda: reads(videos[5]))
    finally:
        forked.set()
        thread.join()

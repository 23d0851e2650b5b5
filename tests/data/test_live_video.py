"""Frames as they come: from files, pipes and streams, from sources that stop and stutter."""

import contextlib
import os
import socket
import threading
import time

import av
import numpy as np
import pytest

from keras_ctsep.data import LiveVideo, VideoError, decode_frames, live_video

NUM_FRAMES = 100


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """MPEG-TS, which can be read from its middle, with frames that get brighter."""
    path = tmp_path_factory.mktemp("film") / "film.ts"
    with av.open(str(path), "w", format="mpegts") as container:
        stream = container.add_stream("mpeg2video", rate=50, width=48, height=32)
        for number in range(NUM_FRAMES):
            frame = np.full((32, 48, 3), 20 + 2 * number, "uint8")
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame)))
        container.mux(stream.encode())
    return path


def levels(frames):
    return [int(frame.mean()) for frame in frames]


@contextlib.contextmanager
def served(*parts):
    """Yields the address of a server that sends these bytes to one guest, and waits for events."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        guest, _ = server.accept()
        with guest, contextlib.suppress(OSError):
            for part in parts:
                part.wait() if isinstance(part, threading.Event) else guest.sendall(part)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with server:
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize(
    "sampling, indices, rate",
    [
        ({}, range(NUM_FRAMES), 50),
        ({"frame_stride": 3}, range(0, NUM_FRAMES, 3), 50 / 3),
        ({"fps": 20}, [int(number * 2.5) for number in range(40)], 20),
        ({"fps": 75}, [int(number / 1.5) for number in range(150)], 75),
    ],
)
def test_a_file_is_read_whole_however_slow_the_reader(film, sampling, indices, rate):
    with LiveVideo(film, 16, **sampling) as video:
        frames = []
        for frame in video:
            frames.append(frame)
            if len(frames) == 1:
                time.sleep(1)  # longer than what may wait takes
        np.testing.assert_array_equal(frames, decode_frames(film, list(indices), short_side=16))
    assert (video.num_frames, video.num_dropped) == (len(indices), 0)
    assert video.rate == pytest.approx(rate)
    assert video.seconds == pytest.approx(indices[-1] / 50)


def test_frames_are_scaled_as_decode_frames_does_it(film):
    scaling = {"frame_size": (12, 40), "antialias": False}
    with LiveVideo(film, frame_stride=20, **scaling) as video:
        np.testing.assert_array_equal(
            list(video), decode_frames(film, range(0, 100, 20), **scaling)
        )


def test_of_a_stream_frames_are_dropped_and_counted(film):
    with served(film.read_bytes()) as address, LiveVideo(address) as video:
        frames = iter(video)
        seen = [next(frames)]
        while not video.num_dropped:
            time.sleep(0.01)
        seen += frames
    assert len(seen) == video.num_frames == NUM_FRAMES - video.num_dropped
    assert 32 <= len(seen) < NUM_FRAMES
    assert levels(seen) == sorted(levels(seen))
    # What had come before is in one piece, as networks want it.
    np.testing.assert_allclose(levels(seen[:32]), 20 + 2 * np.arange(32), atol=5)


def test_a_stream_that_stutters_goes_on(film, monkeypatch):
    monkeypatch.setattr(live_video, "_PATIENCE", 0.2)
    data, more, said = film.read_bytes(), threading.Event(), []
    half = len(data) // 2

    def report(text):
        said.append(text)
        more.set()

    with served(data[:half], more, data[half:]) as address:
        with LiveVideo(address, report=report) as video:
            assert len(list(video)) + video.num_dropped == NUM_FRAMES
    assert said == [f"{address}: nothing for 0 seconds, waiting"]


def test_a_stream_that_breaks_off_ends(film):
    data = film.read_bytes()
    with served(data[: len(data) // 2]) as address, LiveVideo(address) as video:
        assert 0 < len(list(video)) + video.num_dropped < NUM_FRAMES


def test_a_named_pipe(film, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=[film.read_bytes()])
    writer.start()
    with LiveVideo(tmp_path / "pipe") as video:
        assert len(list(video)) + video.num_dropped == NUM_FRAMES
    writer.join()


def test_a_source_that_says_nothing_can_be_left(tmp_path, monkeypatch):
    """Nobody opens the other end of the pipe: even opening it takes for ever."""
    monkeypatch.setattr(live_video, "_PATIENCE", 0.05)
    os.mkfifo(tmp_path / "pipe")
    with LiveVideo(tmp_path / "pipe", report=lambda text: video.stop()) as video:
        assert list(video) == []


@pytest.mark.parametrize(
    "source, message",
    [
        ("none.ts", "none.ts: No such file or directory"),
        ("text.ts", "text.ts: Invalid data"),
        ("tcp://127.0.0.1:1", "tcp://127.0.0.1:1: Connection refused"),
        ("nothing://at/all", "nothing://at/all: Protocol not found"),
        (os.devnull, f"{os.devnull}: "),
    ],
)
def test_what_cannot_be_opened_is_said(source, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.ts").write_text("no video" * 1000)
    with pytest.raises(VideoError, match=message), LiveVideo(source) as video:
        next(iter(video))

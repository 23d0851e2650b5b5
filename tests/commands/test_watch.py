"""Names of what happens in a video as it comes."""

import os
import signal
import subprocess
import sys

import av
import numpy as np
import pytest
from colour_model import colour_model, write_colour_run
from tiny_videos import COLOURS

from keras_ctsep import commands
from keras_ctsep.commands import watch
from keras_ctsep.data import ClipFormat, decode_frames, read_video_info
from keras_ctsep.inference import VideoClassifier


def write_film(path, *colours, num_frames=8):
    """Writes MPEG-TS of so many frames of each colour."""
    with av.open(str(path), "w", format="mpegts") as container:
        stream = container.add_stream("mpeg2video", rate=25, width=32, height=24)
        for colour in colours:
            frame = np.zeros((24, 32, 3), "uint8") + np.array(COLOURS[colour], "uint8")
            for _ in range(num_frames):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame)))
        container.mux(stream.encode())
    return str(path)


def lines_of(text):
    """Returns time and class of each line."""
    return [(float(line.split()[0]), line.split()[3]) for line in text.splitlines()]


@pytest.fixture
def film(tmp_path):
    return write_film(tmp_path / "film.ts", "Red", "Blue", "Green")


def test_a_line_for_each_new_class(film, tmp_path, capsys):
    """The model sees clips of 4 frames, one after 2 frames."""
    assert watch.main(film, model=str(write_colour_run(tmp_path))) == 0
    printed = capsys.readouterr()
    times, names = zip(*lines_of(printed.out), strict=True)
    assert names == ("Red", "Blue", "Green")
    # Another colour begins with frames 8 and 16. Half of the clip is of both then.
    np.testing.assert_allclose(times, [1 / 25, 10 / 25, 18 / 25], atol=0.041)
    assert printed.err.splitlines()[-2:] == [
        f"{film}: clip by clip, new scores for every 2 frames",
        f"{film}: 24 frames, 0 dropped to keep up",
    ]


def test_a_pipe_is_watched_until_ctrl_c(film, tmp_path):
    """As in a shell; what was drawn by then is a whole video."""
    pytest.importorskip("matplotlib")
    model, output = write_colour_run(tmp_path), tmp_path / "seen" / "film.mp4"
    words = ["watch", "-", "--model", str(model), "--output", str(output)]
    process = subprocess.Popen(
        [sys.executable, "-m", "keras_ctsep_program", *words],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with open(film, "rb") as file:
        process.stdin.write(file.read())
    process.stdin.flush()
    assert process.stdout.readline().split()[3] == b"Red"
    assert process.stdout.readline().split()[3] == b"Blue"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert said.splitlines()[-1].startswith(b"-: ") and b"Traceback" not in said
    info = read_video_info(output)
    assert (info.fps, info.width) == (25, 48) and 10 <= info.num_frames <= 24
    red, _, blue = decode_frames(output, [2, 5, 9])[0].mean(axis=(0, 1))
    assert red > blue


def test_drawn_frames_are_those_of_the_source(film, tmp_path):
    pytest.importorskip("matplotlib")
    output = str(tmp_path / "drawn.mp4")
    assert watch.main(film, model=str(write_colour_run(tmp_path)), output=output) == 0
    frames = decode_frames(output, range(24))
    assert frames.shape == (24, 2 * 18 + 40, 48, 3)
    colours = np.array([COLOURS[name] for name in ("Red", "Blue", "Green")]).repeat(8, axis=0)
    np.testing.assert_allclose(frames[:, 5:30, 5:40].mean(axis=(1, 2)), colours, atol=25)
    banners = frames[:, 38:]
    assert banners.min() < 60 and np.median(banners) > 240  # black on white
    np.testing.assert_allclose(banners[1], banners[0], atol=60)


def test_frames_have_the_size_that_the_clips_have(film, tmp_path):
    pytest.importorskip("matplotlib")
    clips = ClipFormat(num_frames=4, frame_size=(16, 40), crop_size=16)
    model, output = str(tmp_path / "wide.keras"), str(tmp_path / "drawn.mp4")
    VideoClassifier(colour_model(), list(COLOURS), clips).save(model)
    assert watch.main(film, model=model, output=output) == 0
    assert decode_frames(output, [0]).shape == (1, 2 * 16 + 40, 2 * 40, 3)


@pytest.mark.parametrize(
    "line, message",
    [
        ("watch none.ts --model none.keras", "none.ts"),
        ("watch - --model none.keras", "none.keras: Expected a .keras file. Received: "),
        ("watch {model} --model {model}", "last.keras: Invalid data"),
        ("watch tcp://127.0.0.1:1 --model {model}", "tcp://127.0.0.1:1: Connection refused"),
        ("watch {model} --model {model} --shuffle-frames True", "Received: shuffle_frames=True"),
        ("watch {model} --model {model} --output .", "Expected an mp4 file to write. Received: ."),
    ],
)
def test_errors_of_the_user_are_one_line(line, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    model = write_colour_run(tmp_path)
    assert commands.main(line.format(model=model).split()) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("keras-ctsep: ") and message in error

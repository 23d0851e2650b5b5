"""Names of what happens in videos."""

import csv
import functools
import json
import sys

import numpy as np
import pytest
from colour_model import colour_model, write_colour_run
from painted_videos import write_frames
from tiny_videos import COLOURS, write_video
from torch_checkpoints import narrow_state, write_checkpoint
from web_server import serve_published

from keras_ctsep import commands
from keras_ctsep.commands import options, predict
from keras_ctsep.commands.names import output_names
from keras_ctsep.commands.options import ClipOptions
from keras_ctsep.inference import VideoClassifier, classifier, score_windows
from keras_ctsep.models import make_network
from keras_ctsep.weights import kinetics400_class_names


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Two videos of one name."""
    folder = tmp_path_factory.mktemp("videos")
    for name in ("Red", "Blue"):
        write_video(folder / name / "jump.avi", COLOURS[name])
    return [str(folder / name / "jump.avi") for name in ("Red", "Blue")]


@pytest.fixture
def model(tmp_path):
    return str(write_colour_run(tmp_path))


def test_classes_are_named_and_a_bad_file_is_left_out(videos, model, tmp_path, capsys):
    (tmp_path / "text.avi").write_text("no video")
    bad = [str(tmp_path / "text.avi"), str(tmp_path / "none.avi")]
    assert predict.main((videos[0], *bad, videos[1]), model=model, num_clips=2, top=1) == 1
    printed = capsys.readouterr()
    errors = printed.err.splitlines()
    assert len(errors) == 3 and "text.avi" in errors[0] and "none.avi" in errors[1]
    assert errors[2] == "2 of 4 videos could not be read."
    lines = printed.out.splitlines()
    assert lines[::2] == videos
    assert [line.split()[1] for line in lines[1::2]] == ["Red", "Blue"]
    assert all(0.5 < float(line.split()[0]) < 1 for line in lines[1::2])


def test_pictures_are_drawn_when_asked_for_each_under_its_own_name(
    videos, model, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.iterdir())
    assert predict.main(tuple(videos), model=model, num_clips=1) == 0
    assert set(tmp_path.iterdir()) == before
    pytest.importorskip("matplotlib")
    assert predict.main(tuple(videos), model=model, num_clips=1, output="seen") == 0
    pictures = {path.name: path.read_bytes() for path in (tmp_path / "seen").iterdir()}
    assert pictures.keys() == {"jump-frames.png", "jump-2-frames.png"}
    assert pictures["jump-frames.png"] != pictures["jump-2-frames.png"]


def test_names_of_pictures_are_never_the_same():
    videos = ["a/jump.mp4", "b/jump.avi", "b/jump-2.mp4", "JUMP.mp4", "$x_$.mp4"]
    names = output_names(videos)
    assert names[0] == "jump" and names[4] == "$x_$"
    assert len({name.lower() for name in names}) == len(videos)


def test_a_folder_that_cannot_be_written_is_refused_before_the_work(videos, model, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        predict.main(("none.avi",), model="none.keras", output=str(tmp_path / "file"))


def test_pictures_without_matplotlib_are_refused_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ModuleNotFoundError, match="matplotlib"):
        predict.main(("none.avi",), model="none.keras", output=str(tmp_path))


def test_a_file_without_classes_takes_them_from_a_list(videos, tmp_path, capsys):
    path = str(tmp_path / "plain.keras")
    colour_model().save(path)
    clips = ClipOptions(num_frames=4, fps=25, short_side=18, crop_size=16)
    with pytest.raises(ValueError, match=r"plain\.keras: Expected .* class names"):
        predict.main((videos[0],), model=path, clips=clips)
    (tmp_path / "names.txt").write_text("rot\ngruen\nblau\n")
    names = str(tmp_path / "names.txt")
    assert predict.main((videos[0],), model=path, class_names=names, clips=clips, top=1) == 0
    assert capsys.readouterr().out.split()[-1] == "rot"


def test_without_a_model_a_small_network_is_downloaded(videos, tmp_path, capsys, monkeypatch):
    """Clips as published: 16 frames of 6, a square of 112 out of 128 x 171."""
    monkeypatch.setattr(classifier, "make_network", functools.partial(make_network, width=0.0625))
    monkeypatch.setattr(options, "DEFAULT_NETWORK", "R3D18")
    with serve_published(tmp_path, monkeypatch, tuple(COLOURS)):
        for more in ([], ["--model", "R3D18", "--weights", "kinetics400"]):
            assert commands.main(["predict", videos[0], "--num-clips", "1", *more]) == 0
            printed = capsys.readouterr()
            assert ("Downloading data from" in printed.err) == (not more)
            lines = printed.out.splitlines()  # a program reads them: results, and nothing else
            assert len(lines) == 4 and lines[0] == videos[0]
            assert {line.split()[1] for line in lines[1:]} == set(COLOURS)
    assert commands.main(["predict", videos[0], "--weights", "file.pth"]) == 2
    assert "Expected --model" in capsys.readouterr().err


def test_weights_of_torchvision_name_classes_of_kinetics(videos, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(classifier, "make_network", functools.partial(make_network, width=0.0625))
    weights = str(tmp_path / "r3d_18.pth")
    write_checkpoint(weights, narrow_state(num_classes=400))
    line = f"predict {videos[0]} --model R3D18 --weights {weights} --num-clips 1 --num-frames 4"
    assert commands.main([*line.split(), "--short-side", "18", "--crop-size", "16"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == videos[0] and len(lines) == 6
    for line in lines[1:]:
        assert line.split(maxsplit=1)[1] in kinetics400_class_names()


def test_every_follows_what_happens(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = write_colour_run(tmp_path)
    colours = [COLOURS["Red"]] * 30 + [COLOURS["Blue"]] * 20
    frames = [np.full((24, 32, 3), colour, "uint8") for colour in colours]
    write_frames(tmp_path / "a.avi", frames)
    (tmp_path / "text.avi").write_text("no video")
    line = f"predict a.avi text.avi --model {model} --every 0.2 --smooth 1 --output out"
    assert commands.main(line.split()) == 1
    printed = capsys.readouterr()
    assert "1 of 2 videos could not be read." in printed.err
    lines = [line.split() for line in printed.out.splitlines()]
    assert lines[0] == ["a.avi"] and [line[3] for line in lines[1:]] == ["Red", "Blue"]
    # The windows are at 0, 5, ... 45 and have four frames; that at 30 is the first blue one.
    assert [line[:2] for line in lines[1:]] == [["0:00.0", "0:01.2"], ["0:01.2", "0:02.0"]]
    windows = score_windows(VideoClassifier.load(model), "a.avi", every=0.2)
    with open("out/a-scores.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["start"]) for row in rows] == [number / 5 for number in range(10)]
    scores = [[float(row[name]) for name in COLOURS] for row in rows]
    np.testing.assert_allclose(scores, windows.scores, atol=1e-6)
    with open("out/a-segments.csv", newline="") as file:
        red, blue = csv.DictReader(file)
    assert red["class"] == "Red" and red["end"] == blue["start"] == "1.180"
    assert float(red["score"]) == pytest.approx(windows.scores[:6, 0].mean(), abs=1e-5)
    pytest.importorskip("matplotlib")
    assert (tmp_path / "out" / "a-timeline.png").exists()


@pytest.mark.parametrize("options", ["--num-clips 2", "--every 0.08"])
def test_programs_read_lines_of_json(videos, model, options, tmp_path, capsys):
    none = str(tmp_path / "none.avi")
    line = f"predict {videos[0]} {none} {videos[1]} --model {model} --top 2 --json {options}"
    assert commands.main(line.split()) == 1
    red, error, blue = map(json.loads, capsys.readouterr().out.splitlines())
    assert [found["video"] for found in (red, error, blue)] == [videos[0], none, videos[1]]
    assert error["error"] == f"{none}: No such file or directory"
    if "every" in options:
        assert [segment["class"] for segment in blue["segments"]] == ["Blue"]
        assert blue["segments"][0]["end"] == blue["duration"] == 6 / 25
        [first, _] = blue = blue["windows"]
        assert (first["start"], first["end"]) == (0, 4 / 25)
        blue = first
    names = [found["class"] for found in blue["classes"]]
    assert len(names) == 2 and names[0] == "Blue"


def test_a_video_with_too_few_frames_a_second_does_not_stop_the_others(tmp_path, model, capsys):
    grey = [np.full((32, 32, 3), 90, "uint8")] * 60
    write_frames(tmp_path / "slow.avi", grey, rate=25)
    write_frames(tmp_path / "fast.avi", grey, rate=50)
    line = f"predict {tmp_path}/slow.avi {tmp_path}/fast.avi --model {model} --every 0.02 --json"
    assert commands.main(line.split()) == 1
    slow, fast = map(json.loads, capsys.readouterr().out.splitlines())
    assert "one frame apart or more" in slow["error"] and fast["segments"]


@pytest.mark.parametrize("options", ["--every 0", "--every nan", "--every 1 --smooth 0"])
def test_windows_need_a_distance(options, videos, model, capsys):
    line = f"predict {videos[0]} --model {model} {options}"
    assert commands.main(line.split()) == 2
    assert "Received: " in capsys.readouterr().err

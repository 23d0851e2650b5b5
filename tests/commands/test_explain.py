"""Files that show where a model looks."""

import numpy as np
import pytest
from colour_model import CLIPS, colour_map_model, write_colour_run
from tiny_videos import COLOURS, write_video

from keras_ctsep import commands
from keras_ctsep.commands import explain
from keras_ctsep.data import decode_frames, read_video_info
from keras_ctsep.inference import VideoClassifier


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "map.keras"
    VideoClassifier(colour_map_model(), list(COLOURS), CLIPS).save(path)
    return str(path)


def test_a_video_a_sheet_and_a_curve(model, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("red", "blue"):
        write_video(tmp_path / name / "a.avi", COLOURS[name.title()], num_frames=9)
    (tmp_path / "text.avi").write_text("no video")
    line = f"explain red/a.avi text.avi blue/a.avi --model {model} --output out"
    assert commands.main(line.split()) == 1
    printed = capsys.readouterr()
    assert printed.out.splitlines()[0] == "red/a.avi"
    assert printed.out.splitlines()[1].split()[1] == "Red"
    assert "text.avi: " in printed.err and "1 of 3 videos could not be read." in printed.err
    videos = {"a-map.mp4", "a-2-map.mp4"}
    info = read_video_info("out/a-map.mp4")
    assert info.num_frames == 9 and info.fps == 25  # every frame once, as fast as they were
    assert info.height >= 224 and info.width == 2 * info.height
    frames = decode_frames("out/a-map.mp4", range(9)).astype(int)
    plain, drawn = np.split(frames, 2, axis=2)
    assert abs(plain.mean(axis=(1, 2)) - plain[:, 8, 8]).max() < 3
    # All that is red speaks for red: green is added to it, and blue is not.
    assert (drawn - plain)[0].mean(axis=(0, 1))[2] < 5
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert videos <= written
    pytest.importorskip("matplotlib")
    names = {"a-map.png", "a-2-map.png", "a-curve.png", "a-2-curve.png"}
    assert written == videos | names


@pytest.mark.parametrize(
    "line, message",
    [
        ("explain --model {model}", "Expected one video or more. Received: none"),
        ("explain a.avi --model {model} --target pink", "Expected a class of the model. Received"),
        ("explain a.avi --model {other}", "Expected a model that ends in GlobalAveragePooling3D"),
        ("explain a.avi --model {model} --output {model}", "map.keras"),
    ],
)
def test_errors_are_one_line(line, message, model, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "a.avi", COLOURS["Red"])
    other = write_colour_run(tmp_path)
    assert commands.main(line.format(model=model, other=other).split()) == 2
    error = capsys.readouterr().err
    assert error.startswith("keras-ctsep: ") and message in error and error.count("\n") == 1


def test_sheets_have_sixteen_frames_at_most(model, tmp_path):
    write_video(tmp_path / "long.avi", COLOURS["Green"], num_frames=40)
    classifier = VideoClassifier.load(model)
    found = explain.explain(classifier, tmp_path / "long.avi")
    sheet = explain.write_maps(found, classifier.clips, tmp_path / "a.mp4")
    assert sheet.shape == (16, 16, 16, 3)
    assert sheet[0].mean() > sheet[-1].mean()  # these videos get darker

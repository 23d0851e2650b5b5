"""The command that exports, and the commands that take what it wrote."""

import json

import keras
import numpy as np
import pytest
from colour_model import CLIPS, colour_map_model, write_colour_run
from tiny_videos import COLOURS, write_tiny_ucf101

from keras_ctsep import commands
from keras_ctsep.commands import export
from keras_ctsep.inference import VideoClassifier

BACKEND = keras.backend.backend()
FORMAT = {"tensorflow": "saved_model", "torch": "torch"}.get(BACKEND)
needs_writer = pytest.mark.skipif(FORMAT is None, reason="JAX writes no format by itself")


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return write_tiny_ucf101(tmp_path_factory.mktemp("videos"), num_train=2, num_test=2)


@needs_writer
def test_evaluate_and_predict_take_the_file_as_the_model(videos, tmp_path, capsys):
    model = write_colour_run(tmp_path, videos)
    assert commands.main(["export", "--model", str(model), "--format", FORMAT]) == 0
    path = tmp_path / f"last{export.ending_of(FORMAT, int8=False)}"
    assert f"{path}: the largest difference from Keras is " in capsys.readouterr().out
    scores = {}
    for name in (model, path):
        assert commands.main(["evaluate", "--model", str(name), "--num-clips", "2"]) == 0
        stem = "last" if name == model else path.name
        accuracy = json.loads((tmp_path / f"{stem}-test" / "accuracy.json").read_text())
        assert accuracy["video_top1"] == 1 and accuracy["num_videos"] == 6
        with np.load(tmp_path / f"{stem}-test" / "scores.npz") as file:
            scores[name] = file["scores"]
    np.testing.assert_allclose(scores[path], scores[model], atol=1e-6)
    capsys.readouterr()
    video = str(videos / "Green" / "v_Green_g01_c01.avi")
    assert commands.main(["predict", video, "--model", str(path), "--num-clips", "2"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[1] == "Green"


@needs_writer
def test_watch_takes_a_streaming_file(videos, tmp_path, capsys):
    """Any frame is a step of the colour model: each layer treats it by itself."""
    model = tmp_path / "last.keras"
    VideoClassifier(colour_map_model(), list(COLOURS), CLIPS).save(model)
    words = ["export", "--model", str(model), "--format", FORMAT, "--stream-frames", "2"]
    assert commands.main(words) == 0
    path = tmp_path / f"last{export.ending_of(FORMAT, int8=False, stream_frames=2)}"
    capsys.readouterr()
    video = str(videos / "Green" / "v_Green_g01_c01.avi")
    assert commands.main(["watch", video, "--model", str(path)]) == 0
    printed = capsys.readouterr()
    assert "frame by frame, new scores for every 2 frames" in printed.err
    assert printed.out.splitlines()[0].split()[3] == "Green"


@pytest.mark.skipif(BACKEND != "tensorflow", reason="TensorFlow writes this format")
def test_8_bits_print_accuracy_size_and_time_before_and_after(videos, tmp_path, capsys):
    pytest.importorskip("ai_edge_litert")
    model = write_colour_run(tmp_path, videos)
    words = ["export", "--model", str(model), "--format", "litert", "--int8"]
    assert commands.main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "6 test videos, 10 clips of each:" in lines
    rows = [line for line in lines if "ms per clip" in line]
    files = [model, tmp_path / "last-int8.tflite"]
    # The model has no weights.
    for row, file, size in zip(rows, files, (0, files[1].stat().st_size), strict=True):
        assert row.startswith(str(file)) and "video top-1 1.000" in row
        assert row.endswith(f" {size / 1e6:.2f} MB")


def test_8_bits_need_videos_before_the_work(tmp_path):
    model = write_colour_run(tmp_path)
    if BACKEND == "tensorflow":
        pytest.importorskip("ai_edge_litert")
        with pytest.raises(ValueError, match="Expected --dataset and --data"):
            export.main(model=str(model), format="litert", int8=True)
    else:
        with pytest.raises(ValueError, match=r"int8 out of .* Received: format='torch'"):
            export.main(model=str(model), format="torch", int8=True)
    assert [path.name for path in tmp_path.iterdir()] == ["last.keras"]


def test_the_time_is_of_the_fastest_call_after_the_first(monkeypatch):
    clock = iter([0.0, 0.5, 1.0, 1.25, 2.0, 3.0])  # calls of 500, 250 and 1000 ms
    monkeypatch.setattr(export.time, "perf_counter", lambda: next(clock))
    assert export.milliseconds(lambda: None, seconds=1.5) == 250

"""The recipes, run on tiny videos."""

import csv
import json
import shutil
import unittest.mock

import keras
import numpy as np
import pytest
import train
import train_ucf
from tiny_run import tiny_network
from tiny_videos import COLOURS, write_tiny_ucf101
from torch_checkpoints import narrow_state, write_checkpoint

from keras_ctsep import cli
from keras_ctsep.commands import evaluate
from keras_ctsep.inference import VideoClassifier
from keras_ctsep.models import make_network
from keras_ctsep.training import run as training_run

SMALL = {"epochs": 2, "batch_size": 4, "num_frames": 4, "crop_size": 16}


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return write_tiny_ucf101(tmp_path_factory.mktemp("videos") / "UCF-101")


@pytest.fixture(scope="module")
def run(videos, tmp_path_factory):
    """The folder and result of `train_ucf.py`."""
    folder = tmp_path_factory.mktemp("runs") / "ucf"
    with unittest.mock.patch.object(training_run, "make_network", tiny_network):
        return folder, train_ucf.main(data=str(videos), output=str(folder), **SMALL)


@pytest.fixture
def small_network(monkeypatch):
    monkeypatch.setattr(training_run, "make_network", tiny_network)


def test_evaluate_finds_what_training_found(run, tmp_path):
    folder, trained = run
    assert evaluate.main(model=str(folder / "last.keras"), output=str(tmp_path)) == 0
    result = json.loads((tmp_path / "accuracy.json").read_text())
    assert result["clip_top1"] == trained["clip_accuracy"]
    assert result["video_top1"] == trained["video_accuracy"]
    assert (result["subset"], result["num_videos"]) == ("test", 6)


def test_the_model_of_a_run_knows_its_classes_and_clips(run):
    classifier = VideoClassifier.load(run[0] / "last.keras")
    assert classifier.class_names == tuple(COLOURS)
    sizes = {"num_frames": 4, "frame_stride": 1, "short_side": 18, "crop_size": 16}
    others = {"frame_differences": False, "shuffle_frames": False}
    assert classifier.clips == sizes | others


@pytest.mark.parametrize(
    "model",
    [
        "R3D18",
        pytest.param(
            "CTSepXception",
            marks=pytest.mark.skipif(
                keras.backend.backend() == "jax", reason="XLA compiles Xception for minutes"
            ),
        ),
    ],
)
def test_fine_tuning_from_weights_of_others(model, videos, tmp_path, capsys):
    """Narrow networks; test_xception.py has the full-size image network that Xception starts at."""
    if model == "R3D18":
        weights = tmp_path / "r3d_18.pth"
        write_checkpoint(weights, narrow_state(num_classes=9))
    else:
        weights = tmp_path / "xception.keras"
        make_network(model, 9, width=0.0625).save(weights)
    result = train_ucf.main(
        data=str(videos),
        output=str(tmp_path / "run"),
        model=model,
        width=0.0625,
        weights=str(weights),
        **SMALL | {"batch_size": 12},
    )
    assert f"{weights}: the file has 9 classes, the model 3" in capsys.readouterr().out
    assert 0 <= result["video_accuracy"] <= 1
    with open(tmp_path / "run" / "history.csv", newline="") as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file)]
    assert len(losses) == 2 and np.isfinite(losses).all()


def test_train_reads_a_folder_and_keeps_decoded_frames(videos, tmp_path, small_network):
    for name in COLOURS:
        shutil.copytree(videos / name, tmp_path / "folder" / name)
    result = train.main(
        dataset="folder",
        data=str(tmp_path / "folder"),
        output=str(tmp_path / "run"),
        cache=str(tmp_path / "cache"),
        frame_differences=True,
        mixup=0.2,
        erasing=0.5,
        **SMALL,
    )
    assert result["parameters"] == 359
    assert any((tmp_path / "cache").iterdir())
    with open(tmp_path / "run" / "history.csv", newline="") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2"]


def test_train_reads_csv_files(videos, tmp_path, small_network, capsys):
    for side, groups in (("train", (3, 4)), ("test", (1,))):
        lines = [f"{videos}/{n}/v_{n}_g{g:02d}_c01.avi,{n}\n" for n in COLOURS for g in groups]
        (tmp_path / f"{side}.csv").write_text("".join(lines))
    output = tmp_path / "run"
    train.main(dataset="csv", data=str(tmp_path), output=str(output), **SMALL | {"epochs": 1})
    assert "6 videos to train on, 3 to test on, 3 classes" in capsys.readouterr().out
    assert not (output / "best.keras").exists()  # the test must not choose the model
    assert evaluate.main(model=str(output / "last.keras"), num_clips=1) == 0
    result = json.loads((output / "last-test" / "accuracy.json").read_text())
    assert result["num_videos"] == 3 and result["video_top1"] in (0, 1 / 3, 2 / 3, 1)
    assert (output / "classes.txt").read_text().split() == sorted(COLOURS)


def test_train_ucf_without_data_makes_the_motion_videos(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    made = unittest.mock.Mock(side_effect=write_tiny_ucf101_at)
    monkeypatch.setattr(train_ucf, "make_motion_dataset", made)
    trained = unittest.mock.Mock()
    monkeypatch.setattr(train_ucf.training, "train", trained)
    train_ucf.main(epochs=7)
    made.assert_called_once_with(tmp_path / "datasets" / "keras_ctsep_motion")
    (videos, _, source), settings = trained.call_args
    assert videos.class_names == tuple(COLOURS)
    assert source["data"] == str(tmp_path / "datasets" / "keras_ctsep_motion")
    assert settings == train_ucf.EMBEDDED | {
        "epochs": 7,  # given, so not that of EMBEDDED
        "output": train_ucf.training.choose_run_folder("runs/train_ucf"),
        "resume": False,
    }


def write_tiny_ucf101_at(folder):
    folder.mkdir(parents=True)
    return write_tiny_ucf101(folder, num_train=1, num_test=1)


@pytest.mark.parametrize(
    "main, line, expected",
    [
        (
            train.main,
            "--dataset hmdb51 --data H --mixed-precision mixed_bfloat16 --no-flip --fps 12.5",
            {"dataset": "hmdb51", "mixed_precision": "mixed_bfloat16", "flip": False, "fps": 12.5},
        ),
        (
            train_ucf.main,
            "--resume --optimizer sgd --temporal depthwise --label-smoothing 0.2",
            {"resume": True, "optimizer": "sgd", "temporal": "depthwise", "label_smoothing": 0.2},
        ),
    ],
)
def test_command_lines(main, line, expected):
    _, options = cli.parse(main, line.split(), training_run.train)
    assert expected.items() <= options.items()

"""The recipes, run on tiny videos."""

import csv
import functools
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
from keras_ctsep.commands import evaluate, predict
from keras_ctsep.data import Annotations, VideoDataset
from keras_ctsep.inference import classifier
from keras_ctsep.models import make_network
from keras_ctsep.training import run as training_run
from keras_ctsep.weights import kinetics400_class_names

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


def test_evaluate_finds_what_training_found(run, capsys):
    folder, trained = run
    result = evaluate.main(model=str(folder / "last.keras"))
    assert result["clip_top1"] == trained["clip_accuracy"]
    assert result["video_top1"] == trained["video_accuracy"]
    assert result["clip_top5"] == result["video_top5"] == 1.0  # of three classes
    with np.load(folder / "last-test" / "scores.npz") as file:
        assert file["scores"].shape == (6, 10, 3)
        np.testing.assert_allclose(file["scores"].sum(-1), 1, rtol=1e-5)
        predicted = file["scores"].mean(axis=1).argmax(axis=1)
        assert result["video_top1"] == np.mean(predicted == file["labels"])
        right = [np.mean((predicted == label)[file["labels"] == label]) for label in range(3)]
        assert file["class_names"].tolist() == list(COLOURS)
    with open(folder / "last-test" / "per_class.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["class"], row["videos"]) for row in rows] == [(name, "2") for name in COLOURS]
    assert [float(row["accuracy"]) for row in rows] == right
    assert (folder / "last-test" / "confusion_matrix.png").stat().st_size > 1000
    assert "(6 videos, 10 x 1 views" in capsys.readouterr().out


def test_evaluate_takes_other_views_and_leaves_bad_videos_out(run, videos, tmp_path, capsys):
    copy = tmp_path / "copy"
    shutil.copytree(videos, copy)
    (copy / "Red" / "v_Red_g01_c01.avi").write_text("")
    with pytest.warns(UserWarning, match="v_Red_g01_c01.avi"):
        evaluate.main(
            model=str(run[0] / "last.keras"),
            data=str(copy),
            num_clips=2,
            num_crops=3,
            output=str(tmp_path / "scores"),
        )
    with np.load(tmp_path / "scores" / "scores.npz") as file:
        assert file["scores"].shape == (5, 6, 3)
        assert file["labels"].tolist() == [0, 1, 1, 2, 2]
    out = capsys.readouterr().out
    assert "1 videos could not be read" in out and "(5 videos, 2 x 3 views" in out


def test_evaluate_needs_a_data_set_with_the_classes_of_the_model(run, tmp_path):
    shutil.copy(run[0] / "last.keras", tmp_path / "alone.keras")
    with pytest.raises(ValueError, match="give --dataset and --data"):
        evaluate.main(model=str(tmp_path / "alone.keras"))
    (tmp_path / "classes.txt").write_text("Red\nGreen\n")
    with pytest.raises(ValueError, match="3 classes .* Received: 2 lines"):
        evaluate.main(model=str(tmp_path / "alone.keras"))


def test_predict_names_classes_and_goes_on_after_a_bad_file(run, videos, tmp_path, capsys):
    good = [videos / name / f"v_{name}_g01_c01.avi" for name in ("Red", "Blue")]
    (tmp_path / "text.avi").write_text("no video")
    files = [str(good[0]), str(tmp_path / "text.avi"), str(tmp_path / "none.avi"), str(good[1])]
    model = run[0] / "last.keras"
    code = predict.main(*files, model=str(model), num_clips=2, output=str(tmp_path / "seen"))
    assert code == 1
    printed = capsys.readouterr()
    lines = printed.err.splitlines()
    assert len(lines) == 3 and "text.avi" in lines[0] and "none.avi" in lines[1]
    assert lines[2] == "2 of 4 videos could not be read."
    names = {f"v_{name}_g01_c01-frames.png" for name in ("Red", "Blue")}
    assert {path.name for path in (tmp_path / "seen").iterdir()} == names

    clips, _, _ = VideoDataset(
        Annotations([files[0]], [0], list(COLOURS)),
        2,
        num_frames=4,
        short_side=18,
        crop_size=16,
        num_clips=2,
    )[0]
    network = keras.models.load_model(model, compile=False)
    scores = keras.ops.convert_to_numpy(network(clips)).mean(axis=0)
    expected = sorted(zip(scores, COLOURS, strict=True), reverse=True)
    table = [line.split() for line in printed.out.splitlines()[1:4]]
    assert [name for _, name in table] == [name for _, name in expected]
    np.testing.assert_allclose([float(p) for p, _ in table], [s for s, _ in expected], atol=1e-3)


def test_predict_is_successful_without_bad_files(run, videos, tmp_path, capsys):
    file = str(videos / "Red" / "v_Red_g01_c01.avi")
    arguments = {"model": str(run[0] / "last.keras"), "num_clips": 2, "output": str(tmp_path)}
    assert predict.main(file, top=2, **arguments) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_predict_with_weights_of_torchvision_names_classes_of_kinetics(
    videos, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(classifier, "make_network", functools.partial(make_network, width=0.0625))
    write_checkpoint(tmp_path / "r3d_18.pth", narrow_state(num_classes=400))
    weights = str(tmp_path / "r3d_18.pth")
    file = str(videos / "Red" / "v_Red_g01_c01.avi")
    sizes = {"num_frames": 4, "short_side": 18, "crop_size": 16, "num_clips": 1}
    assert predict.main(file, model="R3D18", weights=weights, output=str(tmp_path), **sizes) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == file and len(lines) == 6
    for line in lines[1:]:
        assert line.split(maxsplit=1)[1] in kinetics400_class_names()


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
    result = evaluate.main(model=str(output / "last.keras"), num_clips=1)
    assert result["video_top1"] in (0, 1 / 3, 2 / 3, 1)
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
        (evaluate.main, "--model m.keras --num-crops 3", {"model": "m.keras", "num_crops": 3}),
        (predict.main, "a.mp4 --model m.keras --top 2", {"model": "m.keras", "top": 2}),
    ],
)
def test_command_lines(main, line, expected):
    _, options = cli.parse(main, line.split(), training_run.train)
    assert expected.items() <= options.items()

"""The recipes, run on tiny videos."""

import csv
import functools
import json
import shutil

import finetune
import keras
import numpy as np
import pretrain
import pytest
import train
import train_ucf
import tyro
from tiny_run import tiny_network
from tiny_videos import COLOURS, write_tiny_ucf101
from torch_checkpoints import narrow_state, write_checkpoint
from web_server import serve_published

from keras_ctsep.commands import evaluate
from keras_ctsep.data import ClipFormat, make_motion_dataset, motion
from keras_ctsep.inference import VideoClassifier
from keras_ctsep.models import CTSepResNet10, make_network

SMALL = {"epochs": 2, "batch_size": 4, "num_frames": 4, "crop_size": 16}


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return write_tiny_ucf101(tmp_path_factory.mktemp("videos") / "UCF-101")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder, drawn videos and result of README's first command, but for their number."""
    folder = tmp_path_factory.mktemp("first")
    draw = functools.partial(make_motion_dataset, num_groups=2, clips_per_group=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_HOME", str(folder))
        patch.chdir(folder)
        patch.setattr(train_ucf, "make_motion_dataset", draw)
        result = tyro.cli(train_ucf.main, args=["--epochs", "8"])
    return folder / "runs" / "train_ucf", folder / "datasets" / "keras_ctsep_motion", result


@pytest.fixture
def small_network(monkeypatch):
    """Where the data is what is tested."""
    monkeypatch.setattr(
        train, "make_network", lambda name, num_classes, **_: tiny_network(num_classes)
    )


def history(folder):
    with open(folder / "history.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_first_command_of_the_readme(run):
    folder, videos, result = run
    assert len(list(videos.glob("*/*.avi"))) == 16
    arguments = json.loads((folder / "settings.json").read_text())["arguments"]
    assert train_ucf.DRAWN | {"epochs": 8, "data": str(videos)} == {
        name: arguments[name] for name in (*train_ucf.DRAWN, "data")
    }
    model = keras.models.load_model(folder / "last.keras")
    expected = CTSepResNet10(8, width=0.25)
    assert model.count_params() == expected.count_params() == result["parameters"]
    losses = [float(row["loss"]) for row in history(folder)]
    assert len(losses) == 8 and losses[-1] < losses[0]


def test_evaluate_finds_what_training_found(run, tmp_path):
    folder, _, trained = run
    assert evaluate.main(model=str(folder / "last.keras"), output=str(tmp_path)) == 0
    result = json.loads((tmp_path / "accuracy.json").read_text())
    assert result["clip_top1"] == trained["clip_accuracy"]
    assert result["video_top1"] == trained["video_accuracy"]
    assert (result["subset"], result["num_videos"]) == ("test", 8)


def test_the_model_of_a_run_knows_its_classes_and_clips(run):
    classifier = VideoClassifier.load(run[0] / "last.keras")
    assert classifier.class_names == tuple(motion.CLASSES)
    assert classifier.clips == ClipFormat(num_frames=16, short_side=36, crop_size=32)


def test_folder_that_cannot_be_written_is_refused_before_videos_are_drawn(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        train_ucf.main(output=str(tmp_path / "file" / "run"))
    assert not (tmp_path / "datasets").exists()


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
    train_ucf.main(
        data=str(videos),
        output=str(tmp_path / "run"),
        model=model,
        width=0.0625,
        weights=str(weights),
        **SMALL | {"batch_size": 12},
    )
    assert f"{weights}: the file has 9 classes, the model 3" in capsys.readouterr().out
    losses = [float(row["loss"]) for row in history(tmp_path / "run")]
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
    assert [row["epoch"] for row in history(tmp_path / "run")] == ["1", "2"]


def test_the_side_val_of_the_data_chooses_the_best_model(videos, tmp_path, small_network, capsys):
    for side, group in (("train", 3), ("val", 4), ("test", 1)):
        lines = [f"{videos}/{n}/v_{n}_g{group:02d}_c01.avi,{n}\n" for n in COLOURS]
        (tmp_path / f"{side}.csv").write_text("".join(lines))
    output = tmp_path / "run"
    options = {"dataset": "csv", "data": str(tmp_path), "output": str(output), **SMALL}
    train.main(**options | {"epochs": 1, "resume": True})
    printed = capsys.readouterr().out
    assert "3 videos to train on, 3 to validate, 3 to test on" in printed
    assert f"No run in {output} yet: starts from the beginning." in printed
    assert (output / "best.keras").exists()


def test_train_reads_csv_files(videos, tmp_path, small_network, capsys):
    for side, groups in (("train", (3, 4)), ("test", (1,))):
        lines = [f"{videos}/{n}/v_{n}_g{g:02d}_c01.avi,{n}\n" for n in COLOURS for g in groups]
        (tmp_path / f"{side}.csv").write_text("".join(lines))
    output = tmp_path / "run"
    train.main(dataset="csv", data=str(tmp_path), output=str(output), **SMALL | {"epochs": 1})
    assert "6 videos to train on, 3 to validate, 3 to test on, 3 classes" in capsys.readouterr().out
    assert not (output / "best.keras").exists()  # the test must not choose the model
    assert evaluate.main(model=str(output / "last.keras"), num_clips=1) == 0
    result = json.loads((output / "last-test" / "accuracy.json").read_text())
    assert result["num_videos"] == 3 and result["video_top1"] in (0, 1 / 3, 2 / 3, 1)
    assert (output / "classes.txt").read_text().split() == sorted(COLOURS)


def test_train_takes_what_the_command_line_says(videos, tmp_path, small_network):
    line = f"--dataset ucf101 --data {videos} --output {tmp_path / 'run'} --no-flip --fps 12.5 "
    line += "--balance --color-jitter 0 --optimizer sgd --ema --epochs 1 --label-smoothing 0.2 "
    line += "--temporal depthwise --validation-fraction 0.25 --crop-size 16 --num-frames 4"
    policy = keras.config.dtype_policy()
    tyro.cli(train.main, args=f"{line} --mixed-precision mixed_bfloat16".split())
    assert keras.config.dtype_policy() == policy
    arguments = json.loads((tmp_path / "run" / "settings.json").read_text())["arguments"]
    expected = {"flip": False, "balance": True, "color_jitter": 0, "optimizer": "sgd", "ema": True}
    expected |= {"temporal": "depthwise", "label_smoothing": 0.2, "fps": 12.5, "short_side": 18}
    expected |= {"mixed_precision": "mixed_bfloat16", "num_train_videos": 9, "epochs": 1}
    assert {name: arguments[name] for name in expected} == expected
    model = VideoClassifier.load(tmp_path / "run" / "best.keras")
    assert model.clips == ClipFormat(num_frames=4, fps=12.5, short_side=18, crop_size=16)
    assert model.model.layers[-1].dtype_policy.name == "mixed_bfloat16"


def test_fine_tuning_of_published_weights(videos, tmp_path, monkeypatch):
    """Frozen layers and all norms stay as they came; the others and the classifier learn."""
    names = tuple("abcde")
    options = {"dataset": "ucf101", "data": str(videos), "model": "R3D18", "width": 0.0625}
    options |= {"classifier_epochs": 1, "train_from": "stage4", "learning_rate": 1e-2}
    options |= {"output": str(tmp_path / "run"), **SMALL, "batch_size": 12, "epochs": 1}
    fit, calls = keras.Model.fit, []

    def interrupted(self, *args, **arguments):
        calls.append(self)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return fit(self, *args, **arguments)

    monkeypatch.setattr(keras.Model, "fit", interrupted)
    with serve_published(tmp_path, monkeypatch, names, mean=(0, 0, 0), deviation=(1, 1, 1)):
        with pytest.raises(KeyboardInterrupt):
            finetune.main(**options)
        # Nothing was kept: the classifier is trained again before the other layers.
        result = finetune.main(**options, resume=True)
        assert len(calls) == 3
        again = finetune.main(**options, resume=True, workers=1)
        assert len(calls) == 4 and again["video_accuracy"] == result["video_accuracy"]
    assert 0 <= result["video_accuracy"] <= 1 and len(history(tmp_path / "run")) == 1
    found = VideoClassifier.load(tmp_path / "run" / "last.keras")
    assert found.class_names == tuple(COLOURS) and found.clips.fps == 15
    assert found.clips.frame_size == (128, 171) and not found.clips.antialias
    state = narrow_state()
    for layer, name, same in (
        ("stem_conv", "stem.0", True),
        ("stage3_block2_conv2", "layer3.1.conv2.0", True),
        ("stage4_block2_conv2", "layer4.1.conv2.0", False),
    ):
        kernel = keras.ops.convert_to_numpy(found.model.get_layer(layer).kernel)
        before = state[f"{name}.weight"].transpose(2, 3, 4, 1, 0)
        assert np.array_equal(kernel, before) == same, layer
    norm = found.model.get_layer("stage4_block2_conv2").norm
    for ours, theirs in (("gamma", "weight"), ("moving_mean", "running_mean")):
        np.testing.assert_array_equal(getattr(norm, ours), state[f"layer4.1.conv2.1.{theirs}"])
    with pytest.raises(ValueError, match="'stage1_block1_conv1', .*Received: train_from=block"):
        finetune.train_layers(found.model, "block")


def test_pretraining_continues_and_its_weights_start_a_training(tmp_path, monkeypatch):
    monkeypatch.setattr(pretrain, "make_network", lambda name, classes, **_: tiny_network(classes))
    options = {"num_frames": 4, "crop_size": 16, "batch_size": 2, "batches_per_epoch": 2}
    options |= {"output": str(tmp_path), "epochs": 2, "workers": 1}

    def stopped(data, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(pretrain.MotionPrograms, "start_epoch", stopped)
        pretrain.main(**options)
    assert 0 <= pretrain.main(**options) <= 1
    assert [row["epoch"] for row in history(tmp_path)] == ["0", "1"]
    assert (tmp_path / "curves.png").exists() and (tmp_path / "motions.png").exists()

    network = tiny_network(78)
    start = network.get_weights()
    network.load_weights(tmp_path / "motion.weights.h5")
    assert all(np.any(old != new) for old, new in zip(start, network.get_weights(), strict=True))

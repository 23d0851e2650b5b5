"""Schedules and optimizers by the numbers; runs that are killed and go on."""

import contextlib
import csv
import functools
import json
import math
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading

import keras
import numpy as np
import pytest
from tiny_run import tiny_network, tiny_run
from tiny_videos import write_tiny_ucf101

from keras_ctsep import data, training
from keras_ctsep.training.run import compiled

FILES = {
    "best.keras",
    "classes.txt",
    "confusion_matrix.png",
    "curves.png",
    "history.csv",
    "last.keras",
    "results.json",
    "settings.json",
    "state.npz",
}


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return write_tiny_ucf101(tmp_path_factory.mktemp("videos") / "UCF-101")


@pytest.fixture(scope="module")
def unbroken(videos, tmp_path_factory):
    """A run that nothing stopped: its folder and result."""
    folder = tmp_path_factory.mktemp("runs") / "unbroken"
    return folder, tiny_run(videos, folder)


def weights(folder, name="last.keras"):
    return keras.models.load_model(folder / name, compile=False).get_weights()


def history(folder):
    with open(folder / "history.csv", newline="") as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


def assert_same_run(folder, other, part=None):
    """Compares files; of the epoch `part` only a part of the batches is in the history."""
    assert {path.name for path in folder.iterdir()} == FILES  # and nothing half-written
    rows, expected = history(folder), history(other)
    if part is not None:
        assert rows[part]["loss"] != expected[part]["loss"]
        for row in (rows[part], expected[part]):
            del row["loss"], row["accuracy"]
    assert rows == expected
    for name in ("last.keras", "best.keras"):
        for array, expected in zip(weights(folder, name), weights(other, name), strict=True):
            np.testing.assert_array_equal(array, expected)


def test_warmup_cosine():
    schedule = training.warmup_cosine(0.8, steps=14, warmup_steps=4)
    rates = [float(keras.ops.convert_to_numpy(schedule(step))) for step in (0, 2, 4, 9, 14)]
    np.testing.assert_allclose(rates, [0.16, 0.48, 0.8, 0.4, 0.0], atol=1e-7)
    schedule = training.warmup_cosine(0.8, steps=3, warmup_steps=0)
    rates = [float(keras.ops.convert_to_numpy(schedule(step))) for step in (0, 1, 2)]
    np.testing.assert_allclose(rates, [0.8, 0.6, 0.2], rtol=1e-6)


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_weight_decay_is_for_kernels(name):
    kernel, bias = keras.Variable(np.full((2, 3), 2.0)), keras.Variable(np.full(3, 2.0))
    optimizer = training.make_optimizer(name, 0.1, 0.05, False, [kernel, bias])
    optimizer.apply([keras.ops.zeros((2, 3)), keras.ops.zeros(3)], [kernel, bias])
    # Without a gradient a step is the decay alone: 2 * (1 - 0.1 * 0.05).
    np.testing.assert_allclose(keras.ops.convert_to_numpy(kernel), 1.99, rtol=1e-6)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(bias), 2.0)


@pytest.mark.parametrize("rate, steps, warmup", [(0, 5, 1), (-1, 5, 1), (0.1, 0, 0), (0.1, 5, -1)])
def test_schedules_that_train_nothing_are_refused(rate, steps, warmup):
    with pytest.raises(ValueError, match="Received: "):
        training.warmup_cosine(rate, steps, warmup)


def test_unknown_optimizer_is_refused():
    with pytest.raises(ValueError, match="decay from 0. Received: -5"):
        training.make_optimizer("adamw", 0.1, -5, False, [])
    with pytest.raises(ValueError, match="Received: adam$"):
        training.make_optimizer("adam", 0.1, 0.05, False, [])


def test_a_run_learns_and_fills_its_folder(unbroken):
    folder, result = unbroken
    assert {path.name for path in folder.iterdir()} == FILES
    rows = history(folder)
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert all(0 < float(row["loss"]) < 5 for row in rows)
    # The rates after 3, 6 and 9 of 9 steps, 3 of them warm-up.
    expected = [0.02 * (1 + math.cos(math.pi * part)) / 2 for part in (0, 1 / 2, 1)]
    np.testing.assert_allclose([float(row["learning_rate"]) for row in rows], expected, atol=1e-8)
    settings = json.loads((folder / "settings.json").read_text())
    counts = {"num_train_videos": 9, "num_validation_videos": 3, "num_test_videos": 6}
    assert settings["arguments"] == {"epochs": 3, "precise_norms": 0} | counts
    assert settings["backend"] == keras.backend.backend()
    assert settings["versions"]["keras"] == keras.__version__
    assert (folder / "classes.txt").read_text().split() == ["Red", "Green", "Blue"]
    # Convolution 3*27*4 + 4, norm 4*4, classifier 4*3 + 3; the seed of dropout is not counted.
    assert result["parameters"] == 359


def test_saved_models_are_the_averages_and_notcompiled(unbroken):
    folder, result = unbroken
    model = keras.models.load_model(folder / "last.keras")
    assert not model.compiled
    with np.load(folder / "state.npz") as state:
        raw = [state[f"arr_{index}"] for index in range(2)]
    for array, average in zip(raw, model.get_weights(), strict=False):
        assert array.shape == average.shape and np.abs(array - average).max() > 1e-4


def test_run_that_is_killed_goes_on_to_the_same_weights(videos, unbroken, tmp_path):
    program = pathlib.Path(__file__).parents[1] / "tiny_run.py"
    command = [sys.executable, program, videos, tmp_path / "run", "tiny", "9", "float32"]
    killed = subprocess.run(command, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert [row["epoch"] for row in history(tmp_path / "run")] == ["1"]
    weights(tmp_path / "run")  # readable
    result = tiny_run(videos, tmp_path / "run", resume=True)
    assert_same_run(tmp_path / "run", unbroken[0])
    assert result["video_accuracy"] == unbroken[1]["video_accuracy"]


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_ends_the_batch_and_the_run_goes_on_from_there(
    videos, unbroken, tmp_path, capsys, number, code
):
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as error:
        tiny_run(videos, tmp_path, kill=number)
    assert error.value.code == code
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers
    message = capsys.readouterr().err
    assert number.name in message and "--resume" in message and str(tmp_path) in message
    assert [row["epoch"] for row in history(tmp_path)] == ["1"]
    with np.load(tmp_path / "state.npz") as state:
        assert 1 <= state["batch"] < 3  # of three; the signal comes as the second is read
    tiny_run(videos, tmp_path, resume=True)
    assert_same_run(tmp_path, unbroken[0], part=1)


def test_signal_in_validation_comes_after_the_epoch(videos, unbroken, tmp_path):
    with pytest.raises(SystemExit) as error:
        tiny_run(videos, tmp_path, kill=signal.SIGTERM, in_validation=True)
    assert error.value.code == 143
    assert [row["epoch"] for row in history(tmp_path)] == ["1", "2"]
    tiny_run(videos, tmp_path, resume=True)
    assert_same_run(tmp_path, unbroken[0])


def test_run_on_two_devices_equals_one(videos, tmp_path):
    expected = tiny_run(videos, tmp_path / "one", network="plain")
    program = pathlib.Path(__file__).parents[1] / "tiny_run.py"
    command = [sys.executable, program, videos, tmp_path / "two", "plain", "distribute", "float32"]
    places = [{"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}]
    if keras.backend.backend() == "torch":
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
        places = [address | {"WORLD_SIZE": "2", "RANK": rank} for rank in "01"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    processes = [subprocess.Popen(command, env=os.environ | place, **pipes) for place in places]
    texts = [process.communicate(timeout=200)[0] for process in processes]
    for process, text in zip(processes, texts, strict=True):
        assert process.returncode == 0, text
    assert {path.name for path in (tmp_path / "two").iterdir()} == FILES
    for row, one in zip(history(tmp_path / "two"), history(tmp_path / "one"), strict=True):
        for name in one:
            np.testing.assert_allclose(float(row[name]), float(one[name]), rtol=1e-4, err_msg=name)
    for array, one in zip(weights(tmp_path / "two"), weights(tmp_path / "one"), strict=True):
        np.testing.assert_allclose(array, one, rtol=1e-3, atol=1e-5)
    last_line = "clip accuracy {clip_accuracy:.3f}, video accuracy {video_accuracy:.3f}"
    assert last_line.format(**expected) in texts[0]


def test_resuming_a_finished_run_tests_it_again(videos, unbroken, tmp_path):
    shutil.copytree(unbroken[0], tmp_path / "run")
    result = tiny_run(videos, tmp_path / "run", resume=True)
    assert_same_run(tmp_path / "run", unbroken[0])
    assert result["clip_accuracy"] == unbroken[1]["clip_accuracy"]


def test_a_run_is_neither_overwritten_nor_resumed_with_other_arguments(videos, unbroken):
    folder, _ = unbroken
    with pytest.raises(ValueError, match="holds a run already"):
        tiny_run(videos, folder)
    with pytest.raises(ValueError, match="holds a run already"):  # before any work
        training.choose_run_folder(folder, "run")
    assert training.choose_run_folder(folder, "run", resume=True) == folder
    with pytest.raises(ValueError, match="epochs=3. To train longer, .*Received: epochs=4"):
        tiny_run(videos, folder, resume=True, epochs=4)


def test_state_of_another_model_is_refused(unbroken):
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(3)])
    model.compile("sgd")
    checkpoint = training.Checkpoint(unbroken[0], model, None)
    with pytest.raises(ValueError, match="another model"):
        checkpoint.start(model, resume=True)


def test_folder_that_cannot_be_written_is_an_error_before_training(videos, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        tiny_run(videos, tmp_path / "file" / "run")


def test_full_disk_is_an_error_before_training(videos, tmp_path, monkeypatch):
    usage = type("usage", (), {"free": 1000})
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(ValueError, match="1,000 bytes free"):
        tiny_run(videos, tmp_path)
    assert not (tmp_path / "history.csv").exists()


def test_disk_that_fills_up_leaves_the_last_checkpoint(videos, unbroken, tmp_path, monkeypatch):
    save, calls = np.savez, []

    def save_until_full(path, *arrays, **named):
        calls.append(path)
        if len(calls) == 3:  # one before training, one after each epoch
            pathlib.Path(path).write_bytes(b"part of a state")
            raise OSError(28, "No space left on device")
        save(path, *arrays, **named)

    monkeypatch.setattr(np, "savez", save_until_full)
    with pytest.raises(OSError, match="No space left"):
        tiny_run(videos, tmp_path)
    monkeypatch.undo()
    with np.load(tmp_path / "state.npz") as state:
        assert [row["epoch"] for row in json.loads(str(state["history"]))] == [1]
    tiny_run(videos, tmp_path, resume=True)
    assert_same_run(tmp_path, unbroken[0])


def test_default_folder_is_a_free_one_or_the_last_one(tmp_path):
    choose = functools.partial(training.choose_run_folder, None, tmp_path / "run")
    assert choose() == choose(resume=True) == tmp_path / "run"
    for name in ("run", "run-2"):
        (tmp_path / name / "settings.json").write_text("{}")
        choose()  # makes the next one
    assert choose() == tmp_path / "run-3" and choose(resume=True) == tmp_path / "run-2"
    assert training.choose_run_folder(tmp_path / "a" / "b", "run") == tmp_path / "a" / "b"
    (tmp_path / "a" / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        training.choose_run_folder(tmp_path / "a" / "file" / "run", "run")


def test_training_without_matplotlib_loses_only_the_pictures(
    videos, unbroken, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    result = tiny_run(videos, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        name for name in FILES if not name.endswith(".png")
    }
    for array, expected in zip(weights(tmp_path), weights(unbroken[0]), strict=True):
        np.testing.assert_array_equal(array, expected)
    assert result["video_accuracy"] == unbroken[1]["video_accuracy"]


def test_signals_are_left_alone_outside_the_main_thread():
    before, seen = signal.getsignal(signal.SIGTERM), []

    def enter():
        with training.StopOnSignal(None):
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [before]


def test_folder_of_a_run_keeps_absolute_paths_and_any_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pathlib.Path("videos").mkdir()
    names = ["Caf\udce9", "a\u2028b"]
    arguments = {"data": pathlib.Path("videos"), "b": 1, "a": 1, "annotations": None}
    arguments |= {"frame_size": (128, 171), "weights": "kinetics400", "num_threads": 2}
    training.write_run("run", arguments, names)
    settings = json.loads(pathlib.Path("run/settings.json").read_text())["arguments"]
    assert settings["data"] == str(tmp_path / "videos") and settings["annotations"] is None
    assert settings["weights"] == "kinetics400"  # a name, wherever the run goes on
    assert pathlib.Path("run/classes.txt").read_bytes() == b"Caf\xe9\na\xe2\x80\xa8b\n"
    again = arguments | {"new": 3, "num_threads": 4}
    training.write_run("run", again, names, resume=True)
    with pytest.raises(ValueError, match="a=1. Received: a=2"):
        training.write_run("run", again | {"b": 2, "a": 2}, names, resume=True)
    with pytest.raises(ValueError, match="classes of the run to resume"):
        training.write_run("run", again, names[:1], resume=True)
    with pytest.raises(ValueError, match="line breaks. Received: 'a.nb'"):
        training.write_run("other", arguments, ["a\nb"])
    pathlib.Path("run/settings.json").write_text("{}")
    with pytest.raises(ValueError, match="settings.json of a run"):
        training.write_run("run", again, names, resume=True)


def test_best_model_is_chosen_on_videos_held_out_of_training(videos, tmp_path, monkeypatch):
    """Of 12 training videos of three classes, 3 choose; the test videos only measure."""
    seen = {}
    fit = keras.Model.fit

    def looking_fit(self, x, validation_data, **arguments):
        seen.update(train=x.annotations.paths, validation=validation_data.annotations.paths)
        return fit(self, x, validation_data=validation_data, **arguments)

    monkeypatch.setattr(keras.Model, "fit", looking_fit)
    tiny_run(videos, tmp_path / "held_out", epochs=1)
    train, validation = (set(seen[side]) for side in ("train", "validation"))
    sides = [data.read_videos("ucf101", videos, side).paths for side in ("train", "test")]
    assert train | validation == set(sides[0]) and not train & validation and len(validation) == 3
    assert (tmp_path / "held_out" / "best.keras").exists()
    tiny_run(videos, tmp_path / "all", epochs=1, hold_out=0)
    assert set(seen["train"]) == set(sides[0]) and set(seen["validation"]) == set(sides[1])
    assert not (tmp_path / "all" / "best.keras").exists()


@pytest.mark.parametrize("error", [None, ZeroDivisionError])
def test_global_state_is_restored(error):
    def state():
        at_end = random.getstate(), np.random.get_state()[1].tolist()
        return keras.config.dtype_policy(), training.distribution.is_started(), at_end

    before = state()
    with pytest.raises(error) if error else contextlib.nullcontext():
        with training.restored_global_state():
            if keras.backend.backend() != "torch":
                training.distribution.start(True, 8)
                assert training.distribution.is_started()
            keras.config.set_dtype_policy("mixed_bfloat16")
            keras.utils.set_random_seed(7)
            if error:
                raise error
    assert state() == before


def test_loss_of_few_clips_does_not_depend_on_the_batch_size(videos):
    """Three clips fill a batch of three, and leave a quarter of one of four empty."""
    test = data.read_videos("ucf101", videos, "test")
    three = data.Annotations(test.paths[:5:2], test.labels[:5:2], test.class_names)
    model = compiled(tiny_network(3), "sgd", keras.losses.CategoricalCrossentropy())
    views = data.ClipFormat(num_frames=4, short_side=18, crop_size=16)
    clips, labels, _ = data.VideoDataset(three, 3, views)[0]
    scores = keras.ops.convert_to_numpy(model(clips, training=False))
    expected = -np.log(scores[labels == 1]).mean()
    for batch_size in (2, 3, 4):
        batches = data.VideoDataset(three, batch_size, views)
        seen = model.evaluate(batches, verbose=0, return_dict=True)
        np.testing.assert_allclose(seen["loss"], expected, rtol=1e-5)


def test_callbacks_of_the_user_see_the_training_and_may_end_it(videos, unbroken, tmp_path):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(logs["val_loss"])
            self.model.stop_training = True

    seen = []
    tiny_run(videos, tmp_path, callbacks=[Stop()])
    assert [row["val_loss"] for row in history(tmp_path)] == [str(loss) for loss in seen]
    assert history(tmp_path) == history(unbroken[0])[:1]


def test_run_with_more_videos_or_on_another_backend_is_not_resumed(videos, unbroken, tmp_path):
    folder = shutil.copytree(unbroken[0], tmp_path / "run")
    with pytest.raises(ValueError, match="num_train_videos=9. Received: num_train_videos=12"):
        tiny_run(videos, folder, resume=True, hold_out=0)
    settings = json.loads((folder / "settings.json").read_text()) | {"backend": "theano"}
    (folder / "settings.json").write_text(json.dumps(settings))
    with pytest.raises(ValueError, match="backend='theano'. Received: backend="):
        tiny_run(videos, folder, resume=True)

"""The table of accuracies: what it trains, what it keeps, and what it computes from that."""

import json
import shutil

import accuracy
import keras
import networks
import pytest
from tiny_videos import write_tiny_ucf101

from keras_ctsep.models import CTSepResNet10

NETWORK = "CTSepResNet10 width=0.05 temporal=depthwise"


def test_names_take_options():
    model = networks.keras_network(NETWORK, (4, 16, 16, 3))
    want = CTSepResNet10(networks.NUM_CLASSES, width=0.05, temporal="depthwise")
    assert model.count_params() == want.count_params()
    with pytest.raises(ValueError, match="name=value. Received: width"):
        networks.read_options("width")


def test_the_front_is_what_nothing_beats():
    # By hand: cheaper and worse, dearer and better stay; dearer and not better go.
    assert accuracy.front([10, 20, 20, 30, 40], [0.5, 0.6, 0.7, 0.7, 0.8]) == [0, 2, 4]


def test_a_row_has_mean_and_deviation_of_its_runs():
    run = {"network": "a", "shuffled": False, "balanced_accuracy": 0.25, "seconds": 1800}
    run["parameters"] = 7
    runs = [run | {"video_accuracy": value} for value in (0.25, 0.75)]
    runs.append(run | {"video_accuracy": 0.125, "shuffled": True})
    speeds = dict.fromkeys(("multiply_adds", *accuracy.SPEEDS), 1)
    row = accuracy.row("a", runs, speeds)
    assert (row["runs"], row["hours"], row["parameters"]) == (2, 1.0, 7)
    assert (row["video_accuracy"], row["video_accuracy_deviation"]) == (0.5, 0.25)
    assert row["video_accuracy_shuffled"] == 0.125
    assert accuracy.row("b", runs, speeds) is None


def test_runs_are_trained_once_and_then_read(tmp_path):
    data, output = write_tiny_ucf101(tmp_path / "videos"), tmp_path / "runs"
    options = "epochs=1 batch_size=4 num_frames=4 crop_size=16 precise_norms=0"
    arguments = {"data": str(data), "networks": NETWORK, "seeds": "3", "options": options}
    arguments |= {"backend": keras.backend.backend(), "output": str(output)}
    arguments |= {"batch_sizes": "2"}
    rows = accuracy.main(**arguments)
    folder = output / f"{NETWORK.replace(' ', '_')}_split1_seed3"
    settings = json.loads((folder / "settings.json").read_text())
    assert settings["arguments"]["temporal"] == "depthwise"
    assert settings["backend"] == keras.backend.backend() and settings["seed"] == 3
    kept = (folder / "results.json").read_text()
    assert rows[0]["video_accuracy"] == json.loads(kept)["video_accuracy"]
    assert rows[0]["train_ms"] > 0
    model = CTSepResNet10(3, width=0.05, temporal="depthwise")
    assert rows[0]["parameters"] == model.count_params()
    shutil.rmtree(folder)  # the file of the runs says enough
    again = accuracy.main(**arguments)
    assert again == rows and not folder.exists()
    other_recipe = accuracy.Finished(output / "runs.csv", "videos epochs=2")
    assert other_recipe.runs == []
    assert NETWORK in (output / "accuracy.md").read_text()
    assert (output / "accuracy.png").read_bytes().startswith(b"\x89PNG")

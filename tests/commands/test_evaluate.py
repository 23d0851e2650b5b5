"""What is measured of a model, on which videos, and what is written."""

import csv
import functools
import json
import shutil
import sys

import keras
import numpy as np
import pytest
from colour_model import CLIPS, colour_model, write_colour_run
from tiny_videos import COLOURS, write_tiny_ucf101, write_video
from web_server import serve_published

from keras_ctsep.commands import evaluate
from keras_ctsep.commands.labelled_videos import VideoOptions, choose_videos
from keras_ctsep.commands.options import ClipOptions
from keras_ctsep.data import ClipFormat, VideoDataset, read_videos
from keras_ctsep.inference import VideoClassifier, classifier
from keras_ctsep.models import make_network


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Two training and two test videos a class; the first test video of Red is blue."""
    folder = tmp_path_factory.mktemp("videos") / "UCF-101"
    write_tiny_ucf101(folder, num_train=2, num_test=2)
    write_video(folder / "Red" / "v_Red_g01_c01.avi", COLOURS["Blue"])
    return folder


@pytest.fixture
def model(videos, tmp_path):
    (tmp_path / "run").mkdir()
    return write_colour_run(tmp_path / "run", videos)


def accuracy(folder):
    return json.loads((folder / "accuracy.json").read_text())


def per_class(folder):
    with open(folder / "per_class.csv", newline="", errors="surrogateescape") as file:
        return list(csv.DictReader(file))


def test_the_videos_of_the_run_are_measured(model, videos, capsys):
    assert evaluate.main(model=str(model), num_clips=3) == 0
    folder = model.with_name("last-test")
    expected = {"clip_top1": 5 / 6, "clip_top5": 1, "video_top1": 5 / 6, "video_top5": 1}
    expected["video_balanced"] = pytest.approx((1 / 2 + 1 + 1) / 3)
    expected |= {"subset": "test", "num_videos": 6, "dataset": "ucf101", "split": 1}
    assert accuracy(folder) == expected | {"directory": str(videos), "annotations": None}
    with np.load(folder / "scores.npz") as file:
        assert file["scores"].shape == (6, 3, 3)
        assert file["scores"].mean(axis=1).argmax(axis=1).tolist() == [2, 0, 1, 1, 2, 2]
        assert file["labels"].tolist() == [0, 0, 1, 1, 2, 2]
        assert file["class_names"].tolist() == list(COLOURS)
    assert per_class(folder) == [
        {"class": name, "videos": "2", "accuracy": accuracy}
        for name, accuracy in zip(COLOURS, ("0.500000", "1.000000", "1.000000"), strict=True)
    ]
    if "matplotlib" in sys.modules:
        assert (folder / "confusion_matrix.png").stat().st_size > 1000
    assert "(6 videos of the subset test, 3 x 1 views" in capsys.readouterr().out


def test_other_views_and_bad_videos(model, videos, tmp_path, capsys):
    copy = tmp_path / "copy"
    shutil.copytree(videos, copy)
    (copy / "Red" / "v_Red_g01_c01.avi").write_text("")
    with pytest.warns(UserWarning, match="v_Red_g01_c01.avi"):
        code = evaluate.main(
            model=str(model),
            videos=VideoOptions(data=str(copy)),
            subset="test",
            num_clips=2,
            num_crops=3,
            output=str(tmp_path / "scores"),
            clips=ClipOptions(fps=12.5),
        )
    assert code == 1
    with np.load(tmp_path / "scores" / "scores.npz") as file:
        assert file["scores"].shape == (5, 6, 3)
        assert file["labels"].tolist() == [0, 1, 1, 2, 2]
    out = capsys.readouterr().out
    assert "1 videos could not be read" in out and "(5 videos of the subset test, 2 x 3" in out


def test_other_videos_are_measured_whole_and_may_have_fewer_classes(model, videos, tmp_path):
    for name in ("Green", "Blue"):
        shutil.copytree(videos / name, tmp_path / "mine" / name)
    output = tmp_path / "scores"
    mine = VideoOptions("folder", str(tmp_path / "mine"))
    assert evaluate.main(model=str(model), videos=mine, num_clips=1, output=str(output)) == 0
    assert accuracy(output)["subset"] == "all" and accuracy(output)["num_videos"] == 8
    assert [row["videos"] for row in per_class(output)] == ["0", "4", "4"]
    assert [row["accuracy"] for row in per_class(output)] == ["", "1.000000", "1.000000"]
    # The videos of the run stay those of the run when they are named.
    source, subset, is_of_run = choose_videos(model, VideoOptions("ucf101", str(videos)))
    assert subset == "test" and source["split"] == 1 and is_of_run


def test_videos_that_were_moved_stay_those_of_the_run(model, videos, tmp_path):
    """Another split would have videos of the training in its test side."""
    settings = model.with_name("settings.json")
    run = json.loads(settings.read_text())
    run["arguments"] |= {"data": str(tmp_path / "gone"), "split": 3}
    settings.write_text(json.dumps(run))
    source, subset, is_of_run = choose_videos(model, VideoOptions(data=str(videos)))
    assert (source["split"], subset, is_of_run) == (3, "test", True)
    source, subset, is_of_run = choose_videos(model, VideoOptions("ucf101", str(videos)))
    assert (source["split"], subset, is_of_run) == (1, "all", False)


def test_the_split_of_the_run_may_be_number_0(model, videos):
    settings = model.with_name("settings.json")
    run = json.loads(settings.read_text())
    run["arguments"]["split"] = 0
    settings.write_text(json.dumps(run))
    assert choose_videos(model, VideoOptions())[0]["split"] == 0
    assert choose_videos(model, VideoOptions(split=2))[0]["split"] == 2
    run["arguments"]["split"] = 3
    settings.write_text(json.dumps(run))
    assert choose_videos(model, VideoOptions(split=0))[0]["split"] == 0


def test_no_clips_are_not_the_usual_ones(model):
    with pytest.raises(ValueError, match="`num_clips` must be at least 1. Received: num_clips=0"):
        evaluate.main(model=str(model), num_clips=0)


def test_fewer_classes_of_ucf101_get_the_labels_of_the_model(videos, tmp_path):
    names = ["Blue", "Black", "Green", "Red"]
    clips = keras.Input((None, None, None, 3))
    pooled = keras.layers.GlobalAveragePooling3D()(clips)
    network = keras.Model(clips, keras.layers.Dense(4, use_bias=False)(pooled))
    kernel = np.zeros((3, 4), "float32")
    kernel[[0, 1, 2], [3, 2, 0]] = 1
    network.set_weights([kernel])
    VideoClassifier(network, names, CLIPS).save(tmp_path / "four.keras")
    output = tmp_path / "scores"
    given = {"videos": VideoOptions("ucf101", str(videos)), "subset": "test"}
    path = str(tmp_path / "four.keras")
    assert evaluate.main(model=path, num_clips=1, output=str(output), **given) == 0
    assert accuracy(output)["video_top1"] == 5 / 6
    assert [(row["class"], row["videos"]) for row in per_class(output)] == [
        ("Blue", "2"),
        ("Black", "0"),
        ("Green", "2"),
        ("Red", "2"),
    ]


def test_unknown_classes_are_refused(videos, tmp_path):
    path = tmp_path / "model.keras"
    VideoClassifier(colour_model(), ["Red", "Green", "Teal"], CLIPS).save(path)
    with pytest.raises(ValueError, match="3 classes of the model. Received: 1 other .*'Blue'"):
        evaluate.main(model=str(path), videos=VideoOptions("ucf101", str(videos)), subset="test")


def test_a_model_without_its_run_needs_a_data_set(model, videos, tmp_path):
    alone = tmp_path / "alone.keras"
    shutil.copy(model, alone)
    message = r"alone\.keras: Expected --dataset and --data.*Received: no settings\.json"
    with pytest.raises(ValueError, match=message):
        evaluate.main(model=str(alone))
    for text in ("{}", "[1]", "no json", '{"arguments": {"data": "x"}}'):
        (tmp_path / "settings.json").write_text(text)
        with pytest.raises(ValueError, match=r"Received: another settings\.json"):
            evaluate.main(model=str(alone), videos=VideoOptions(data=str(videos)))
    given = {"videos": VideoOptions("ucf101", str(videos)), "output": str(tmp_path / "scores")}
    assert evaluate.main(model=str(alone), num_clips=1, **given) == 0
    assert accuracy(tmp_path / "scores")["num_videos"] == 12


def test_videos_that_moved_are_asked_for(model, tmp_path):
    write_colour_run(model.parent, tmp_path / "gone")
    with pytest.raises(ValueError, match=r"settings\.json: .* or --data. Received: .*gone"):
        evaluate.main(model=str(model))


def test_names_come_back_and_without_matplotlib_a_line_says_so(
    videos, tmp_path, capsys, monkeypatch
):
    names = ['a "b", c', "d\u2028e", "\udcff$x_"]
    for name, colour in zip(names, COLOURS, strict=True):
        shutil.copytree(videos / colour, tmp_path / "mine" / name)
    (tmp_path / "run").mkdir()
    path = tmp_path / "run" / "m.keras"
    VideoClassifier(colour_model(), names, CLIPS).save(path)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setattr(sys, "stdout", open(tmp_path / "out.txt", "w", errors="backslashreplace"))
    given = {"videos": VideoOptions("folder", str(tmp_path / "mine")), "num_clips": 1}
    assert evaluate.main(model=str(path), **given) == 0
    sys.stdout.close()
    folder = tmp_path / "run" / "m-mine-all"
    assert {row["class"] for row in per_class(folder)} == set(names)
    assert {file.name for file in folder.iterdir()} == {
        "accuracy.json",
        "per_class.csv",
        "scores.npz",
    }
    assert "No confusion_matrix.png: " in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_refused_before_the_work(model, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        evaluate.main(model=str(model), output=str(tmp_path / "file"))
    assert capsys.readouterr().out == ""


def test_named_weights_are_measured_as_published(videos, tmp_path, monkeypatch, capsys):
    """Clips, resizing and number of views of the row; the accuracy of the row is printed."""
    monkeypatch.setattr(classifier, "make_network", functools.partial(make_network, width=0.0625))
    monkeypatch.chdir(tmp_path)
    given = {"model": "R3D18", "videos": VideoOptions("ucf101", str(videos)), "subset": "test"}
    views = {"num_clips": 2, "top1": 12.5, "top5": 25.0}
    with serve_published(tmp_path, monkeypatch, tuple(COLOURS), **views) as row:
        assert evaluate.main(weights="kinetics400", **given) == 0
        annotations = read_videos("ucf101", videos, "test")
        clips = VideoDataset(annotations, 12, ClipFormat.from_dict(row.clips), num_clips=2)[0][0]
        network = make_network("R3D18", 3, weights="kinetics400", width=0.0625)
    with np.load(tmp_path / "R3D18-kinetics400-UCF-101-test" / "scores.npz") as file:
        np.testing.assert_allclose(file["scores"].reshape(12, 3), network.predict(clips), atol=1e-5)
    last = capsys.readouterr().out
    assert "published: video top-1 12.500 %, top-5 25.000 % (2 x 1 views)" in last
    with pytest.raises(ValueError, match="Expected --dataset and --data"):
        evaluate.main(model="R3D18", weights="kinetics400")

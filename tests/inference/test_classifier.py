"""A model that carries the names of its classes and the way its clips are cut."""

import dataclasses
import functools
import json
import os
import shutil
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest
from colour_model import CLIPS, colour_model, write_colour_run
from painted_videos import read_numbers, write_painted
from tiny_videos import COLOURS, write_video
from torch_checkpoints import narrow_state, write_checkpoint

import keras_ctsep
from keras_ctsep.data import Annotations, ClipFormat
from keras_ctsep.inference import VideoClassifier, about_weights, classifier, read_class_names
from keras_ctsep.models import make_network
from keras_ctsep.weights import kinetics400_class_names, kinetics600_class_names


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp("video") / "green.avi"
    write_video(path, COLOURS["Green"])
    return str(path)


def test_a_moved_file_predicts_the_same_from_any_folder(video, tmp_path):
    (tmp_path / "run").mkdir()
    path = write_colour_run(tmp_path / "run")
    [here] = VideoClassifier.load(path).predict([video], num_clips=2)
    (tmp_path / "elsewhere").mkdir()
    shutil.move(path, tmp_path / "elsewhere" / "mine.keras")
    program = (
        "from keras_ctsep.inference import VideoClassifier\n"
        "classifier = VideoClassifier.load('mine.keras')\n"
        f"[there] = classifier.predict([{video!r}], num_clips=2)\n"
        "print(classifier.class_names, classifier.clips)\n"
        "print(there.scores.tolist())\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path / "elsewhere",
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    names, scores = run.stdout.splitlines()[-2:]
    assert names == f"{tuple(COLOURS)} {CLIPS}"
    assert scores == str(here.scores.tolist())
    assert here.scores.argmax() == 1 and here.scores.sum() == pytest.approx(1)


def test_keras_opens_the_file_as_the_model_alone(tmp_path):
    path = write_colour_run(tmp_path)
    clips = np.full((1, 2, 4, 4, 3), (10, 200, 30), "uint8")
    scores = keras.saving.load_model(path).predict(clips, verbose=0)
    np.testing.assert_array_equal(scores, colour_model().predict(clips, verbose=0))
    assert [path.name for path in tmp_path.iterdir()] == ["last.keras"]
    with zipfile.ZipFile(path) as archive:
        about = json.loads(archive.read("keras_ctsep.json"))
    expected = {"class_names": list(COLOURS), "clips": CLIPS.to_dict()}
    versions = {"keras_ctsep": keras_ctsep.__version__, "keras": keras.__version__}
    assert about == expected | versions


def test_names_with_any_letters_come_back(tmp_path):
    names = ["a\u2028b", "\udcff.", "$x_"]
    VideoClassifier(colour_model(), names, CLIPS).save(tmp_path / "m.keras")
    assert VideoClassifier.load(tmp_path / "m.keras").class_names == tuple(names)
    text = "".join(f"{name}\r\n" for name in names)
    (tmp_path / "names.txt").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert read_class_names(tmp_path / "names.txt") == names


def test_one_rate_replaces_the_other_in_both_directions(tmp_path):
    path = write_colour_run(tmp_path)
    by_rate = VideoClassifier.load(path, fps=12.5, crop_size=None)
    assert by_rate.clips == dataclasses.replace(CLIPS, fps=12.5)
    by_rate.save(tmp_path / "rate.keras")
    assert VideoClassifier.load(tmp_path / "rate.keras", frame_stride=1).clips == CLIPS


def test_numbers_of_numpy_are_saved(tmp_path):
    sizes = {name: np.int64(value) for name, value in CLIPS.to_dict().items()}
    VideoClassifier(colour_model(), list(COLOURS), ClipFormat(**sizes)).save(tmp_path / "m.keras")
    assert VideoClassifier.load(tmp_path / "m.keras").clips == CLIPS


def test_a_file_that_says_nothing_needs_names_and_clips(tmp_path):
    path = tmp_path / "plain.keras"
    colour_model().save(path)
    for given in ({}, {"class_names": list(COLOURS)}, CLIPS.to_dict()):
        with pytest.raises(ValueError, match=r"plain\.keras: Expected .* class names.*Received:"):
            VideoClassifier.load(path, **given)
    found = VideoClassifier.load(path, class_names=list(COLOURS), **CLIPS.to_dict())
    assert found.class_names == tuple(COLOURS) and found.clips == CLIPS


def test_names_of_other_classes_and_clips_of_another_kind_are_refused():
    with pytest.raises(ValueError, match="each of the 3 classes .*Received: 2 names"):
        VideoClassifier(colour_model(), ["a", "b"], CLIPS)
    with pytest.raises(ValueError, match="must be a ClipFormat. Received: clips={'fps': 5}"):
        VideoClassifier(colour_model(), COLOURS, {"fps": 5})


def test_files_that_are_no_models_are_named(tmp_path):
    path = tmp_path / "m.keras"
    with pytest.raises(ValueError, match=r"m\.keras: Expected a \.keras file"):
        VideoClassifier.load(path)
    path.write_text("no model")
    with pytest.raises(ValueError, match=r"m\.keras: Expected a \.keras file"):
        VideoClassifier.load(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", "b")
    with pytest.raises(ValueError, match=r"m\.keras: Expected a \.keras file"):
        VideoClassifier.load(path, class_names=list(COLOURS), **CLIPS.to_dict())
    with pytest.raises(ValueError, match=r"ends in \.keras. Received: .*m\.h5"):
        VideoClassifier(colour_model(), COLOURS, CLIPS).save(tmp_path / "m.h5")


def test_a_save_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = write_colour_run(tmp_path)
    before = path.read_bytes()

    def fail(*args):
        raise OSError("No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", fail)
    with pytest.raises(OSError, match="No space"):
        VideoClassifier(colour_model(), COLOURS, CLIPS).save(path)
    assert path.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["last.keras"]


@pytest.mark.parametrize("num_clips", [3, 17])  # 17 in two batches, of which one is filled up
def test_predict_cuts_the_clips_that_the_data_set_cuts(num_clips, tmp_path):
    path = write_painted(tmp_path / "a.avi", num_frames=40, width=48)
    clips = ClipFormat(num_frames=4, frame_stride=3, short_side=48, crop_size=48)
    painted = VideoClassifier(colour_model(), list(COLOURS), clips)
    [found] = painted.predict([path], num_clips)
    annotations = Annotations([path], [0], COLOURS)
    views, _, _ = painted.dataset(annotations, batch_size=num_clips, num_clips=num_clips)[0]
    np.testing.assert_array_equal(found.frames, views[num_clips // 2])
    np.testing.assert_array_equal(np.diff(read_numbers(found.frames)), 3)
    expected = painted.model.predict(views, verbose=0).mean(axis=0)
    np.testing.assert_allclose(found.scores, expected, rtol=1e-6)


def test_predict_goes_on_after_a_file_that_cannot_be_read(video, tmp_path):
    (tmp_path / "text.avi").write_text("no video")
    videos = [video, tmp_path / "text.avi", str(tmp_path / "none.avi"), video]
    colours = VideoClassifier(colour_model(), COLOURS, CLIPS)
    found = list(colours.predict(videos, num_clips=2))
    assert [one.path for one in found] == [str(path) for path in videos]
    assert [one.error is None for one in found] == [True, False, False, True]
    assert "text.avi" in str(found[1].error) and found[1].scores is found[2].frames is None
    np.testing.assert_array_equal(found[0].scores, found[3].scores)
    assert colours.top(found[0].scores, 1)[0][0] == "Green"
    with pytest.raises(ValueError, match="Received: num_clips=0"):
        next(colours.predict([video], num_clips=0))


def test_top_puts_the_first_of_equals_first():
    colours = VideoClassifier(colour_model(), COLOURS, CLIPS)
    assert colours.top([0.25, 0.5, 0.25], 5) == [("Green", 0.5), ("Red", 0.25), ("Blue", 0.25)]


def test_a_data_set_of_other_classes_is_refused(video):
    colours = VideoClassifier(colour_model(), COLOURS, CLIPS)
    with pytest.raises(ValueError, match="Expected the 3 classes of the model, in its order"):
        colours.dataset(Annotations([video], [0], ["Green", "Red", "Blue"]), batch_size=1)


@pytest.fixture
def read(tmp_path, monkeypatch):
    """A function from a number of classes and of lines beside the file to the class names."""
    monkeypatch.setattr(classifier, "make_network", functools.partial(make_network, width=0.0625))

    def read(num_classes, lines):
        write_checkpoint(tmp_path / "r3d_18.pth", narrow_state(num_classes=num_classes))
        if lines:
            text = "".join(f"name {number}\n" for number in range(lines))
            (tmp_path / "classes.txt").write_text(text)
        found = VideoClassifier.from_weights("R3D18", tmp_path / "r3d_18.pth", short_side=120)
        assert found.model.output_shape == (None, num_classes)
        assert found.clips == ClipFormat(fps=15.0, short_side=120, antialias=False)
        return list(found.class_names)

    return read


def test_a_list_of_another_length_next_to_the_file_does_not_name_its_classes(read):
    assert read(400, 0) == list(kinetics400_class_names())
    assert read(400, 3) == list(kinetics400_class_names())
    assert read(600, 400) == list(kinetics600_class_names())
    assert read(3, 3) == ["name 0", "name 1", "name 2"]


@pytest.mark.parametrize("lines", [0, 4])
def test_classes_without_names_are_refused(read, lines):
    with pytest.raises(ValueError, match=rf"r3d_18\.pth.*Received: 7 classes, {lines} lines"):
        read(7, lines)


def test_a_keras_file_brings_its_clips_and_names_to_a_network(tmp_path, monkeypatch):
    """As weights too: those of the package's own weights are differences at another rate."""
    clips = ClipFormat(num_frames=8, fps=12.5, short_side=36, crop_size=32)
    network = make_network("CTSepResNet_S", 2, width=0.0625)
    path = str(tmp_path / "last.keras")
    VideoClassifier(network, ["dark", "bright"], clips).save(path)
    assert about_weights("CTSepResNet_S", path)["clips"] == clips.to_dict()
    monkeypatch.setattr(classifier, "make_network", functools.partial(make_network, width=0.0625))
    found = VideoClassifier.from_weights("CTSepResNet_S", path)
    assert found.clips == clips and found.class_names == ("dark", "bright")
    # Another file says nothing: frames, and not the differences of "motion".
    assert not about_weights("CTSepResNet_S", "other.weights.h5")["clips"].get("frame_differences")
    assert about_weights("CTSepResNet_S", "motion")["clips"]["frame_differences"]


@pytest.mark.parametrize("text", ["[]", '{"clips": {"num_frames": "4"}, "class_names": ["a"]}'])
def test_a_file_with_other_words_inside_is_one_line(text, tmp_path):
    path = tmp_path / "model.keras"
    keras.Sequential([keras.Input((4, 8, 8, 3)), keras.layers.GlobalAveragePooling3D()]).save(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("keras_ctsep.json", text)
    with pytest.raises(ValueError, match="model.keras: "):
        VideoClassifier.load(path, frame_stride=1, short_side=8, crop_size=8)


def test_damage_inside_a_file_is_named(tmp_path):
    path = tmp_path / "model.keras"
    network = make_network("CTSepResNet_S", 2, width=0.0625)
    clips = ClipFormat(num_frames=8, short_side=36, crop_size=32)
    VideoClassifier(network, ["dark", "bright"], clips).save(path)
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("model.weights.h5").header_offset + 2000
    content[start : start + 40] = bytes(255 - byte for byte in content[start : start + 40])
    path.write_bytes(content)
    with pytest.raises(ValueError, match="model.keras: Expected a .keras file"):
        VideoClassifier.load(path)

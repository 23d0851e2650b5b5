"""What is known of published weights."""

import importlib.util
import re

import pytest

from keras_ctsep.data import ClipFormat, MotionPrograms
from keras_ctsep.data.motion_programs import CLASS_NAMES
from keras_ctsep.inference import VideoClassifier
from keras_ctsep.models import NETWORKS
from keras_ctsep.weights import kinetics400_class_names, kinetics600_class_names
from keras_ctsep.weights.published import PUBLISHED, find_published


def test_class_names_are_in_the_order_of_published_weights():
    names = kinetics400_class_names()
    assert len(set(names)) == 400
    assert list(names) == sorted(names)
    assert (names[0], names[59], names[399]) == ("abseiling", "clean and jerk", "zumba")
    more = kinetics600_class_names()
    assert len(set(more)) == 600
    assert list(more) == sorted(more)
    # As its authors say, 368 classes of Kinetics-400 are in it (arXiv 1808.01340).
    assert len(set(names) & set(more)) == 368


def test_rows_fit_the_package():
    assert len({(row.network, row.name) for row in PUBLISHED}) == len(PUBLISHED)
    for row in PUBLISHED:
        assert row.network in NETWORKS
        assert ClipFormat.from_dict(row.clips).to_dict() == row.clips
        assert row.address.endswith((".pth", ".pyth", "_statedict_v3", ".h5"))
        assert row.sha256 in row.address
        assert row.level in ("clip", "video")
        assert 0 < row.top1 < (row.top5 or 100) and len(row.mean) == len(row.deviation) == 3


def test_names_of_motions_are_those_that_are_drawn():
    assert find_published("CTSepResNet_S", "motion").class_names == CLASS_NAMES


def test_motion_weights_tell_motions_apart():
    """Without a download. 0.89 of many clips are right; chance is 0.013."""
    classifier = VideoClassifier.from_weights("CTSepResNet_S", "motion")
    data = MotionPrograms(1, batch_size=64, frame_differences=True, seed=7)
    clips, labels = data[0]
    scores = classifier.model.predict(clips, batch_size=16, verbose=0)
    assert (scores.argmax(axis=1) == labels.argmax(axis=1)).mean() > 0.75
    assert classifier.clips.frame_differences and classifier.class_names == CLASS_NAMES


def test_rows_of_torchvision_say_what_it_says():
    pytest.importorskip("torch")
    if importlib.util.find_spec("torchvision") is None:
        pytest.skip("torchvision is not installed")
    from peers import import_torchvision

    get_model_weights = import_torchvision().models.get_model_weights
    rows = [row for row in PUBLISHED if "download.pytorch.org" in row.address]
    assert len(rows) >= 3
    for row in rows:
        theirs = get_model_weights(re.search(r"/(\w+)-", row.address)[1]).KINETICS400_V1
        preset = theirs.transforms()
        assert row.address == theirs.url
        # Names in the file of Kinetics have no quotes, and one dash less.
        assert len(row.class_names) == len(theirs.meta["categories"])
        assert (*row.mean, *row.deviation) == (*preset.mean, *preset.std)
        assert [row.clips["crop_size"]] * 2 == preset.crop_size
        assert list(row.clips["frame_size"]) == preset.resize_size
        accuracy = theirs.meta["_metrics"]["Kinetics-400"]
        assert (row.top1, row.top5) == (accuracy["acc@1"], accuracy["acc@5"])
        documented = theirs.meta["_docs"]
        for word in (
            f"{row.level}-level",
            f"`frame_rate={row.clips['fps']:.0f}`",
            f"`clips_per_video={row.num_clips}`",
            f"`clip_len={row.clips['num_frames']}`",
        ):
            assert word in documented

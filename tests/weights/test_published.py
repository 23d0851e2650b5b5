"""What is known of published weights."""

import inspect

from keras_ctsep.data import VideoDataset
from keras_ctsep.weights import kinetics400_class_names
from keras_ctsep.weights.published import TORCHVISION


def test_class_names_are_in_the_order_of_published_weights():
    names = kinetics400_class_names()
    assert len(set(names)) == 400
    assert list(names) == sorted(names)
    assert (names[0], names[59], names[399]) == ("abseiling", "clean and jerk", "zumba")


def test_a_row_says_how_clips_are_cut():
    """torchvision 0.28: clips of 16 frames, 15 a second, a square of 112 out of 128 pixels."""
    assert TORCHVISION.clips == {"num_frames": 16, "fps": 15, "short_side": 128, "crop_size": 112}
    assert set(TORCHVISION.clips) <= set(inspect.signature(VideoDataset).parameters)
    assert TORCHVISION.class_names == kinetics400_class_names()

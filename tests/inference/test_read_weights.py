"""Weights that others trained, with the names of their classes."""

import functools

import pytest
from torch_checkpoints import narrow_state, write_checkpoint

from keras_ctsep.inference import classifier
from keras_ctsep.models import make_network
from keras_ctsep.weights import kinetics400_class_names


@pytest.fixture
def read(tmp_path, monkeypatch):
    """A function from a number of classes and of lines beside the file to the class names."""
    monkeypatch.setattr(classifier, "make_network", functools.partial(make_network, width=0.0625))

    def read(num_classes, lines):
        write_checkpoint(tmp_path / "r3d_18.pth", narrow_state(num_classes=num_classes))
        if lines:
            text = "".join(f"name {number}\n" for number in range(lines))
            (tmp_path / "classes.txt").write_text(text)
        model, _, names = classifier.read_weights("R3D18", tmp_path / "r3d_18.pth")
        assert model.output_shape == (None, num_classes)
        return names

    return read


def test_a_list_of_another_length_next_to_the_file_does_not_name_its_classes(read):
    assert read(400, 0) == list(kinetics400_class_names())
    assert read(400, 3) == list(kinetics400_class_names())
    assert read(3, 3) == ["name 0", "name 1", "name 2"]


@pytest.mark.parametrize("lines", [0, 4])
def test_classes_without_names_are_refused(read, lines):
    with pytest.raises(ValueError, match=rf"r3d_18\.pth.*Received: 7 classes, {lines} lines"):
        read(7, lines)

"""What the window arguments of layers and networks may be."""

import numpy as np
import pytest

from keras_ctsep.ops.arguments import positive, standardize_padding, triple


def test_integers_of_numpy_become_those_of_python():
    assert type(positive(np.int64(101), "filters")) is int
    for value in (np.int32(3), [np.int64(3), 3, np.uint8(3)]):
        window = triple(value, "kernel_size")
        assert window == (3, 3, 3) and {type(size) for size in window} == {int}


@pytest.mark.parametrize("value", [0, 3.0, np.float32(3), "3", None])
def test_what_is_no_number_of_places_is_refused(value):
    with pytest.raises(ValueError, match=f"Received: filters={value}"):
        positive(value, "filters")
    for window in (value, (3, 3, value), (3, 3), np.asarray([3, 3, 3])):
        with pytest.raises(ValueError, match="Received: kernel_size="):
            triple(window, "kernel_size", minimum=1)


def test_padding_is_a_word_or_a_value_of_each_axis():
    assert standardize_padding("CAUSAL") == "causal"
    assert standardize_padding(["causal", np.int64(1), "same"]) == ("causal", 1, "same")
    assert standardize_padding(2) == (2, 2, 2)
    for padding in ("full", ("causal", 1), (1, "causal", 1), ("valid", 1, 1), ("same", -1, 0)):
        with pytest.raises(ValueError, match="Received: padding="):
            standardize_padding(padding)

"""S3D and CTSepS3D: what is theirs alone. Their numbers are in test_golden_peers.py."""

import numpy as np
import pytest

import keras_ctsep
from keras_ctsep import models
from keras_ctsep.models.s3d import STAGE2_FILTERS, STAGES
from keras_ctsep.weights.torch_state import load_torch_state


def test_a_channel_separable_unit_saves_what_its_kernels_say():
    """9 C + C F + 3 F F weights instead of 9 C F + 3 F F, and two norms either way."""
    pairs = [pair for rows in STAGES.values() for row in rows for pair in row[1:3]]
    saved = sum(9 * c * f - 9 * c - c * f for c, f in [STAGE2_FILTERS, *pairs])
    assert keras_ctsep.CTSepS3D().count_params() == keras_ctsep.S3D().count_params() - saved


def test_clips_that_are_too_short_are_refused():
    with pytest.raises(ValueError, match=r"13 frames or more. Received: input_shape=\(12, "):
        keras_ctsep.S3D(3, input_shape=(12, 32, 32, 3), width=0.0625)
    features = keras_ctsep.S3D(input_shape=(8, 32, 32, 3), include_top=False, width=0.0625)
    assert features.output_shape == (None, 1, 1, 1, 64)
    with pytest.raises(ValueError, match="Received: variant=I3D"):
        models.s3d.SeparableInception("I3D")


def test_names_of_another_network_are_refused():
    model = keras_ctsep.CTSepS3D(3, width=0.0625)
    state = {"features.0.0.0.weight": np.zeros((4, 3, 1, 7, 7), "float32")}
    with pytest.raises(ValueError, match="here: CTSepS3D is not .* S3D. Received: stage2_conv2/"):
        load_torch_state(model, state, "here")
    with pytest.raises(ValueError, match=r"here: Expected the names .*Received: \['conv'\]"):
        load_torch_state(model, {"conv": np.zeros(1)}, "here")

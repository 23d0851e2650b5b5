"""The networks of this package where training is hardest: 16 bits, killed, stopped, resumed.

Other tests of `training` take a network that compiles in a second.
"""

import pathlib
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
from tiny_run import make_network, tiny_run
from tiny_videos import write_tiny_ucf101

PROGRAM = pathlib.Path(__file__).parents[1] / "tiny_run.py"
# Temporal kind, what ends the run in its second epoch, dtype policy.
RUNS = [
    ("full", signal.SIGKILL, "mixed_float16"),
    ("depthwise", signal.SIGTERM, "mixed_bfloat16"),
]


@pytest.mark.parametrize("kind, number, policy", RUNS)
def test_a_run_that_is_ended_goes_on_to_the_same_weights(kind, number, policy, tmp_path):
    """With averaged weights; in 16 bits, where an optimizer may scale the loss."""
    videos = write_tiny_ucf101(tmp_path / "UCF-101")
    settings = {"network": kind, "dtype_policy": policy, "epochs": 5}
    whole = tiny_run(videos, tmp_path / "whole", **settings)
    ended = tmp_path / "ended"
    command = [sys.executable, PROGRAM, videos, ended, kind, str(int(number)), policy]
    program = subprocess.run(command, capture_output=True, text=True)
    expected = -number if number == signal.SIGKILL else 128 + number
    assert program.returncode == expected, program.stderr
    resumed = tiny_run(videos, ended, resume=True, **settings)
    assert resumed["video_accuracy"] == whole["video_accuracy"]
    model, other = (keras.models.load_model(f / "last.keras") for f in (tmp_path / "whole", ended))
    assert model.get_layer("stage1_block1_conv1").compute_dtype == policy.removeprefix("mixed_")
    keras.utils.set_random_seed(0)
    start = make_network(kind, 3).get_weights()
    for array, again, first in zip(model.get_weights(), other.get_weights(), start, strict=True):
        assert np.isfinite(array).all() and np.abs(array - first).max() > 0
        np.testing.assert_array_equal(array, again)

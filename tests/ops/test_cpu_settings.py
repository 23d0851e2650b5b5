"""A faster setting of the backend is named once, where it is missing."""

import os
import subprocess
import sys

import keras
import pytest

from keras_ctsep.ops.cpu_settings import CPU_INFO, SETTINGS

# As every import sorter puts them.
CODE = """
import keras

import keras_ctsep

layer = keras_ctsep.layers.DepthwiseConv3D(3)
for training in {modes}:
    layer(keras.ops.ones((1, 3, 4, 4, 2)), training=training)
"""


def warned(variable, own, modes):
    environment = {name: value for name, value in os.environ.items() if name != variable}
    environment |= {} if own is None else {variable: own}
    command = [sys.executable, "-c", CODE.format(modes=modes)]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return run.stderr.count(f"{variable}=1 in the environment")


def test_training_hints_once_at_what_is_missing():
    variable, _ = SETTINGS.get(keras.backend.backend(), (None, None))
    if variable is None or not CPU_INFO.exists():
        pytest.skip("no setting of this backend is known here")
    is_default = variable == "TF_ENABLE_ONEDNN_OPTS" and "avx512_vnni" in CPU_INFO.read_text()
    assert warned(variable, None, [True, True]) == int(not is_default)
    assert warned(variable, None, [False]) == 0
    assert warned(variable, "0", [True]) == 0

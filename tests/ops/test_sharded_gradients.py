"""JAX on several accelerators: each works on its own part of the batch."""

import os
import subprocess
import sys

import keras
import pytest

PROGRAM = """
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from keras_ctsep import ops
from keras_ctsep.ops import backend, forms

forms.device_kind = backend.device_kind = lambda tensor: "accelerator"
mesh = Mesh(np.array(jax.devices()), ("batch",))
parts, whole = (NamedSharding(mesh, PartitionSpec(*names)) for names in (("batch",), ()))
for convolve, filters in ((ops.depthwise_conv3d, 1), (ops.conv3d, 8)):
    for window in ((1, 1, 1), (1, 3, 3), (3, 1, 1), (3, 3, 3)):
        def loss(inputs, kernel):
            outputs = convolve(inputs, kernel, (1, 1, 1), "same", training=True)
            return jnp.sum(jnp.square(outputs))

        inputs = jax.ShapeDtypeStruct((4, 4, 8, 8, 8), "float32", sharding=parts)
        kernel = jax.ShapeDtypeStruct((*window, 8, filters), "float32", sharding=whole)
        gradient = jax.jit(jax.grad(loss, (0, 1)), out_shardings=(parts, whole))
        program = gradient.lower(inputs, kernel).compile().as_text()
        print(len(jax.devices()), "all-gather" in program, "all-reduce" in program)
"""


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="programs of JAX")
def test_no_device_gathers_the_batch():
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, env=os.environ | flags, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["2 False True"] * 8, done.stderr

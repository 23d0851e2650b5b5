"""One seed, one start: in each network, in every process, on every backend."""

import functools
import hashlib
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_ctsep.models import NETWORKS, make_network

# The kind that drew all kernels of one width alike.
DEPTHWISE = [name for name in NETWORKS if name.startswith(("CTSepResNet", "CTSepXception"))]


@functools.cache
def build(name, seed):
    keras.utils.set_random_seed(seed)
    temporal = "depthwise" if name in DEPTHWISE else None
    return make_network(name, 3, width=0.0625, temporal=temporal)


def digest(model):
    hashed = hashlib.sha256()
    for weight in model.trainable_weights:
        hashed.update(keras.ops.convert_to_numpy(weight).tobytes())
    return hashed.hexdigest()


@pytest.mark.parametrize("name", NETWORKS)
def test_kernels_of_one_shape_differ(name):
    seen = {}
    for weight in build(name, seed=4).trainable_weights:
        array = keras.ops.convert_to_numpy(weight)
        # Norms, and what starts as the identity over time, are meant to be equal.
        if "kernel" not in weight.name or "_temporal" in weight.path:
            continue
        for other_path, other in seen.get(array.shape, []):
            assert array.size < 2 or not np.array_equal(array, other), (weight.path, other_path)
        seen.setdefault(array.shape, []).append((weight.path, array))


def test_one_seed_gives_one_network_in_every_process():
    program = "import test_starts as t; print(*[t.digest(t.build(n, 4)) for n in t.NETWORKS])"
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([os.path.dirname(__file__), *sys.path])
    }
    run = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    here = [digest(build(name, seed=4)) for name in NETWORKS]
    assert run.stdout.split() == here


@pytest.mark.parametrize("name", NETWORKS)
def test_another_seed_gives_another_network(name):
    assert digest(build(name, seed=5)) != digest(build(name, seed=4))


def test_one_seed_gives_one_network_on_every_backend():
    """The number is that of each backend."""
    model = build("CTSepResNet10", seed=0)
    total = sum(np.abs(keras.ops.convert_to_numpy(w)).sum() for w in model.trainable_weights)
    assert total == pytest.approx(1591.363, rel=1e-5)

"""Several devices and several processes give the loss curve of one device."""

import functools
import json
import os
import pathlib
import socket
import subprocess
import sys

import keras
import numpy as np
import pytest
from distributed_run import CLIPS, distributed_run
from tiny_videos import write_tiny_ucf101

from keras_ctsep import data
from keras_ctsep.training import distribution

BACKEND = keras.backend.backend()
# Two processes that each compile the real network on JAX would take minutes.
NETWORKS = ("full", "depthwise") if BACKEND == "torch" else ("tiny", "tiny")
PROGRAM = pathlib.Path(__file__).parents[1] / "distributed_run.py"
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return write_tiny_ucf101(tmp_path_factory.mktemp("videos") / "UCF-101")


def start_program(*words, **variables):
    return subprocess.Popen(
        [sys.executable, *words],
        env=os.environ | {"OMP_NUM_THREADS": "1"} | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def start_processes(*words):
    """Starts two processes with what the backend asks for."""
    if BACKEND == "torch":
        return [start_program(*TORCHRUN, *words)]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return [
        start_program(
            *words,
            KERAS_DISTRIBUTION_JOB_ADDRESSES=f"127.0.0.1:{port}",
            KERAS_DISTRIBUTION_NUM_PROCESSES="2",
            KERAS_DISTRIBUTION_PROCESS_ID=str(process),
        )
        for process in range(2)
    ]


@pytest.fixture(scope="module")
def run_of_one(videos, tmp_path_factory):
    """Returns the folder of a run of one device, and what it has seen, for a network."""

    @functools.cache
    def run(network):
        folder = tmp_path_factory.mktemp("one")
        return folder, distributed_run(videos, folder, 8, (0, 1), network)

    return run


def wait(programs):
    texts = [program.communicate(timeout=600)[0] for program in programs]
    for program, text in zip(programs, texts, strict=True):
        assert program.returncode == 0, text
    return texts[0]


def statistics_of_eight_clips(videos):
    train = data.read_videos("ucf101", videos, "train")
    clips, _, _ = data.VideoDataset(train, 8, CLIPS, augment=data.Augmentation())[0]
    pixels = clips.reshape(-1, 3).astype("float64")
    return np.stack([pixels.mean(axis=0), pixels.var(axis=0)])


def assert_equal_runs(two, one, expected, precise, num_processes, atol=1e-5):
    """Compares what every process of `two` has seen, and the files, with those of `one`.

    `precise` are the statistics of batch norm that every process has to find.
    """
    assert expected["loss"][-1] < 0.9 * expected["loss"][0]
    close = functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=atol)
    np.testing.assert_allclose(np.load(two / "run0.npz")["loss"], expected["loss"], rtol=1e-4)
    for process in range(num_processes):
        with np.load(two / f"run{process}.npz") as run:
            assert set(run) == set(expected)
            for name, value in expected.items():
                close(run[name], value, err_msg=name)
        with np.load(two / f"more{process}.npz") as more:
            assert str(more["odd_batch"]).endswith("that 2 devices divide. Received: 7")
            np.testing.assert_allclose(more["precise"], precise, rtol=1e-4)
    for name in ("best.keras", "last.keras"):
        saved = [keras.models.load_model(folder / name).get_weights() for folder in (two, one)]
        for array, value in zip(*saved, strict=True):
            close(array, value, err_msg=name)


@pytest.mark.skipif(BACKEND == "torch", reason="one device a process on PyTorch")
@pytest.mark.parametrize("network", ["tiny, norm", "depthwise"])
def test_two_devices_of_one_process(network, videos, tmp_path):
    flags = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=2"
    two, one = tmp_path / "two", tmp_path / "one"
    program = start_program(PROGRAM, videos, two, network, XLA_FLAGS=flags)
    expected = distributed_run(videos, one, 8, (0, 1), network)
    assert f"{BACKEND}: 1 processes, 2 devices" in wait([program])
    # Synchronized batch norm on TensorFlow takes the mean of squares minus the square of the mean,
    # which loses digits, and the optimizer's steps make that larger in weights.
    atol = 1e-3 if BACKEND == "tensorflow" else 1e-5
    assert_equal_runs(
        two, one, expected, statistics_of_eight_clips(videos), num_processes=1, atol=atol
    )


@pytest.mark.skipif(BACKEND == "tensorflow", reason="one process on TensorFlow")
def test_two_processes(videos, tmp_path, run_of_one):
    two = tmp_path / "two"
    programs = start_processes(PROGRAM, videos, two, NETWORKS[0])
    one, expected = run_of_one(NETWORKS[0])
    assert f"{BACKEND}: 2 processes, 2 devices" in wait(programs)
    assert_equal_runs(two, one, expected, statistics_of_eight_clips(videos), num_processes=2)
    if BACKEND == "torch":
        check_norm_statistics(two)


@pytest.mark.skipif(BACKEND == "tensorflow", reason="one process on TensorFlow")
def test_a_signal_to_one_of_two_processes_stops_both(videos, tmp_path, run_of_one):
    programs = start_processes(PROGRAM, videos, tmp_path, NETWORKS[1], "kill")
    texts = [program.communicate(timeout=600)[0] for program in programs]
    # Two of 128 + SIGTERM; torchrun has a code of its own.
    expected = [1] if BACKEND == "torch" else [143, 143]
    assert [program.returncode for program in programs] == expected, texts
    assert "".join(texts).count("Stopped by SIGTERM.") == 2, texts
    with np.load(tmp_path / "state.npz") as state:
        assert state["batch"] == 1
        assert len(json.loads(str(state["history"]))) == 1
    wait(start_processes(PROGRAM, videos, tmp_path, NETWORKS[1]))
    _, one = run_of_one(NETWORKS[1])
    for process in range(2):
        with np.load(tmp_path / f"run{process}.npz") as run:
            for name in ("weights", "scores", "val_loss"):
                np.testing.assert_allclose(run[name], one[name], rtol=1e-4, atol=1e-5)
            # The row of the broken epoch is about its second half; the next one is whole again.
            np.testing.assert_allclose(run["loss"][-1], one["loss"][-1], rtol=1e-4)


def check_norm_statistics(folder):
    inputs = np.random.default_rng(3).normal(size=(8, 2)) * 9
    variance = (inputs[:4].var(axis=0) + inputs[4:].var(axis=0)) / 2
    for process in range(2):
        with np.load(folder / f"more{process}.npz") as more:
            # Half of the mean 0 and variance 1 from the start, as the momentum says.
            np.testing.assert_allclose(more["mean"], inputs.mean(axis=0) / 2, rtol=1e-5)
            np.testing.assert_allclose(more["variance"], 0.5 + variance / 2, rtol=1e-5)
            assert str(more["unused"]).endswith("2 trainable variables. Received: 1")


def test_one_device():
    assert distribution.start(False, 7) == (7, (0, 1))
    assert distribution.callbacks([], [], (0, 1)) == []
    rows = distribution.gather([[1], [2], [3], [4]], num_batches=2, shard=(0, 1))
    np.testing.assert_array_equal(rows, [[1], [2], [3], [4]])


@pytest.mark.skipif(BACKEND == "torch", reason="PyTorch needs a launcher for one device, too")
def test_variables_of_other_launchers_and_of_one_machine_do_not_matter(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    one = {"cluster": {"worker": ["127.0.0.1:1"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(one))
    try:
        assert distribution.start(True, 8) == (8, (0, 1))
        assert is_distributed()
    finally:
        distribution.stop()
    assert not is_distributed()


def is_distributed():
    if BACKEND == "jax":
        return keras.distribution.distribution() is not None
    import tensorflow as tf

    return tf.distribute.has_strategy()


def test_what_keras_does_not_support_is_said(monkeypatch):
    if BACKEND == "jax":
        pytest.skip("Keras has no such limit on JAX")
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.setenv("TF_CONFIG", '{"cluster": {"chief": ["a:1"], "worker": ["b:1"]}}')
    message = {"tensorflow": "keras#20585.*torch and jax", "torch": "torchrun --nproc-per-node=gpu"}
    with pytest.raises(ValueError, match=message[BACKEND]):
        distribution.start(True, 8)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="the variable is TensorFlow's")
@pytest.mark.parametrize("text", ["{", "[1]", '{"cluster": 3}'])
def test_a_broken_tf_config_is_named(monkeypatch, text):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ValueError, match="Expected TF_CONFIG to be a JSON object. Received: "):
        distribution.start(True, 8)

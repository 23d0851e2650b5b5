"""Several devices and several processes give the loss curve of one device."""

import os
import pathlib
import socket
import subprocess
import sys

import keras
import numpy as np
import pytest
from distributed_run import distributed_run
from tiny_videos import write_tiny_ucf101

from keras_ctsep.training import distribution

BACKEND = keras.backend.backend()
PROGRAM = pathlib.Path(__file__).with_name("distributed_run.py")


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return write_tiny_ucf101(tmp_path_factory.mktemp("videos") / "UCF-101")


def start_program(videos, output, norm, **variables):
    command = [sys.executable, PROGRAM, videos, output, norm]
    return subprocess.Popen(
        command, env=os.environ | variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def wait(programs):
    texts = [program.communicate(timeout=200)[0] for program in programs]
    for program, text in zip(programs, texts, strict=True):
        assert program.returncode == 0, text
    return texts


def free_address():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def assert_equal_runs(file, expected):
    with np.load(file) as run:
        assert set(run) == set(expected)
        for name in expected:
            np.testing.assert_allclose(run[name], expected[name], rtol=1e-4, atol=2e-5, err_msg=name)


def test_one_device_is_as_before():
    assert distribution.start(False, 6) == (6, (0, 1))
    assert distribution.callbacks([], [], (0, 1)) == []
    np.testing.assert_array_equal(distribution.gather([[1], [2]], 2, (0, 1)), [[1], [2]])


@pytest.mark.skipif(BACKEND == "torch", reason="one device a process on PyTorch")
def test_two_devices_of_one_process(videos, tmp_path):
    flags = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=2"
    program = start_program(videos, tmp_path / "run.npz", "norm", XLA_FLAGS=flags)
    expected = distributed_run(videos, False, norm=True)
    assert f"{BACKEND}: 1 processes, 2 devices" in wait([program])[0]
    assert expected["loss"][-1] < 0.9 * expected["loss"][0]
    assert_equal_runs(tmp_path / "run.npz", expected)


@pytest.mark.skipif(BACKEND == "tensorflow", reason="one process on TensorFlow")
def test_two_processes(videos, tmp_path):
    address = free_address()
    host, port = address.split(":")
    programs = [
        start_program(
            videos,
            tmp_path / f"{process}.npz",
            "no norm",
            **{
                "torch": {
                    "MASTER_ADDR": host,
                    "MASTER_PORT": port,
                    "WORLD_SIZE": "2",
                    "RANK": str(process),
                },
                "jax": {
                    "KERAS_DISTRIBUTION_JOB_ADDRESSES": address,
                    "KERAS_DISTRIBUTION_NUM_PROCESSES": "2",
                    "KERAS_DISTRIBUTION_PROCESS_ID": str(process),
                },
            }[BACKEND],
        )
        for process in range(2)
    ]
    expected = distributed_run(videos, False, norm=False)
    assert f"{BACKEND}: 2 processes, 2 devices" in wait(programs)[0]
    assert expected["loss"][-1] < 0.9 * expected["loss"][0]
    for process in range(2):
        assert_equal_runs(tmp_path / f"{process}.npz", expected)

"""The backend asked for is the one that runs, and the package under test is the built one."""

import os
import pathlib

import keras
import pytest

import keras_ctsep


def test_backend_is_the_one_asked_for():
    wanted = os.environ.get("KERAS_BACKEND")
    assert wanted, "set KERAS_BACKEND: the tests are of one backend at a time"
    assert keras.backend.backend() == wanted


@pytest.mark.skipif("TOX_ENV_NAME" not in os.environ, reason="outside tox any install will do")
def test_package_is_the_installed_wheel():
    checkout = pathlib.Path(__file__).resolve().parents[1]
    module = pathlib.Path(keras_ctsep.__file__).resolve()
    assert module.parent != checkout / "keras_ctsep"

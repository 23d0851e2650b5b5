import os
import pathlib

import numpy as np
import pytest


@pytest.fixture
def rng():
    return np.random.default_rng(1711)


@pytest.fixture(scope="session")
def test_data():
    """The folder of real videos that KERAS_CTSEP_TEST_DATA names."""
    folder = os.environ.get("KERAS_CTSEP_TEST_DATA")
    if not folder:
        pytest.skip("KERAS_CTSEP_TEST_DATA names no folder of real videos")
    return pathlib.Path(folder)


@pytest.fixture(scope="session")
def cases(test_data):
    """The folder of small difficult videos next to the real ones."""
    folder = test_data.parent / "cases"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    return folder

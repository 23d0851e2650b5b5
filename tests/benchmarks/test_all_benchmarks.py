"""Benchmarks that no test runs still fit the package."""

import importlib
import pathlib

import pytest

FOLDER = pathlib.Path(__file__).parents[2] / "benchmarks"


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.py")))
def test_what_it_imports_is_there(name):
    assert importlib.import_module(name).__doc__

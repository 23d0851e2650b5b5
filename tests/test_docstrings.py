"""The examples in the docstrings run as they stand."""

import doctest
import importlib
import pkgutil

import pytest

import keras_ctsep

MODULES = [module.name for module in pkgutil.walk_packages(keras_ctsep.__path__, "keras_ctsep.")]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    results = doctest.testmod(
        importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE
    )
    assert results.failed == 0


def test_public_functions_and_layers_have_an_example():
    parts = [keras_ctsep.layers, keras_ctsep.data, keras_ctsep.models]
    public = {
        f"{part.__name__}.{name}": getattr(part, name)
        for part in parts
        for name in dir(part)
        if not name.startswith("_") and callable(getattr(part, name))
    }
    without = [
        name
        for name, thing in public.items()
        if ">>>" not in (thing.__doc__ or "") and "Takes the arguments of `" not in thing.__doc__
    ]
    assert not without

"""Imports point one way, nothing private is used, and nothing heavy comes in unasked."""

import ast
import pathlib
import subprocess
import sys

import keras_ctsep

PACKAGE = pathlib.Path(keras_ctsep.__file__).parent
# What each part of the package may import of the others.
ALLOWED = {
    "files": set(),
    "cpu": set(),
    "ops": {"cpu"},
    "evaluation": set(),
    "plots": {"files"},
    "layers": {"ops"},
    "weights": {"files"},
    "models": {"ops", "layers", "weights"},
    "data": {"files"},
    "inference": {"files", "data", "layers", "models", "weights"},
    "export": {"files", "data", "inference", "ops"},
    "training": {"files", "data", "models", "evaluation", "inference", "plots"},
    "commands": {"files", "data", "evaluation", "export", "inference", "plots", "weights"},
}
BACKENDS = {"tensorflow", "torch", "jax", "tensorflow_io"}


def imports_of(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def sources():
    return {
        path.relative_to(PACKAGE): ast.parse(path.read_text()) for path in PACKAGE.rglob("*.py")
    }


def part_of(path):
    return path.parts[0].removesuffix(".py")


def test_imports_point_one_way():
    for path, tree in sources().items():
        if path.name == "__init__.py" and len(path.parts) == 1:
            continue
        part = part_of(path)
        for name in imports_of(tree):
            words = name.split(".")
            if words[0] == "keras_ctsep" and len(words) > 1:
                assert words[1] in ALLOWED[part] | {part}, f"{path} imports {name}"


def test_nothing_private_is_imported():
    for path, tree in sources().items():
        for name in imports_of(tree):
            words = name.split(".")
            assert words[:2] != ["keras", "src"], path
            if words[0] in BACKENDS | {"keras", "numpy"}:
                assert not any(word.startswith("_") for word in words), f"{path} imports {name}"


def test_backends_are_imported_inside_functions_only():
    for path, tree in sources().items():
        top = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
        names = {name.split(".")[0] for node in top for name in imports_of(node)}
        assert not names & BACKENDS, path
        anywhere = {name.split(".")[0] for name in imports_of(tree)} & BACKENDS
        if part_of(path) in ("layers", "evaluation", "plots", "files"):
            assert not anywhere, path


def test_the_rooms_are_there_after_one_import_and_nothing_by_accident():
    code = "import keras_ctsep; print(*(n for n in vars(keras_ctsep) if not n.startswith('_')))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names = set(run.stdout.split())
    rooms = {"cpu", "data", "evaluation", "export", "inference", "layers", "models", "ops"}
    rooms |= {"training", "weights"}
    assert rooms | set(keras_ctsep.models.__all__) == set(keras_ctsep.__all__) <= names
    # What else is imported on the way becomes an attribute too.
    parts = {path.stem for path in PACKAGE.iterdir()}
    assert names - set(keras_ctsep.__all__) <= parts


def test_import_brings_nothing_unasked():
    code = "import sys, keras; before = set(sys.modules); import keras_ctsep; " + (
        "print(*sorted({name.split('.')[0] for name in set(sys.modules) - before}))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(run.stdout.split()) & {"matplotlib", "fsspec", "pandas", "tensorflow_io"}


def test_import_sets_no_variable_of_others():
    code = "import os; before = dict(os.environ); import keras_ctsep; print(before == os.environ)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["True"]

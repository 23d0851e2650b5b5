"""Runs every code block and command of the guides and the notebook as a reader would.

    pytest tests/docs/run_guides.py

The videos are tiny and training is short. The name keeps this file out of the other environments'
tests: one backend is enough for the texts. Only the page about export is run with TensorFlow, which
writes ONNX files.
"""

import dataclasses
import inspect
import json
import pathlib
import re
import runpy
import shlex
import shutil
import sys

import finetune
import numpy as np
import pytest
import run
import train
import train_ucf
from tiny_videos import COLOURS, write_tiny_ucf101, write_video
from torch_checkpoints import GOLDEN, write_checkpoint

from keras_ctsep import commands
from keras_ctsep.commands import check, demo, evaluate, explain, export, options, predict, watch
from keras_ctsep.weights import published

ROOT = pathlib.Path(__file__).parents[2]
PAGES = {str(path.relative_to(ROOT)): path for path in sorted((ROOT / "docs").glob("**/*.md"))}
BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<reason>[^\n]+) -->\n)?```(?P<language>\w*)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
# Added to the end of a command: where an option stands twice, the last one counts.
SHORT_COMMANDS = {
    "python recipes/": "--epochs 1 --batch-size 4 --num-frames 4 --crop-size 32",
    "python recipes/finetune": "--classifier-epochs 1",
    "python benchmarks/": "--steps 1 --seconds 0.1",
    "keras-ctsep predict": "--num-clips 2",
    "keras-ctsep evaluate": "--num-clips 2",
}
SHORT_CODE = {
    r"epochs=\d+": "epochs=1",
    r"num_frames=\d+": "num_frames=4",
    r"short_side=\d+": "short_side=36",
    r"crop_size=\d+": "crop_size=32",
    r"\.predict\(\[(.*)\]\)": r".predict([\1], num_clips=2)",
}


def blocks_of(page):
    """Returns (number of the line before, language, code, why it is not run) of each block."""
    text = PAGES[page].read_text(encoding="utf-8")
    blocks = list(BLOCK.finditer(text))
    assert text.count("```") == 2 * len(blocks), f"{page}: a block begins or ends in another way"
    languages = {block["language"] for block in blocks}
    assert languages <= {"python", "shell", "text"}, f"{page}: blocks in {languages}"
    return [
        (text.count("\n", 0, block.start("code")), *block.group("language", "code", "reason"))
        for block in blocks
        if block["language"] != "text"
    ]


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    """A reader's folder: videos, a file of weights, the recipes, and a model that was trained."""
    folder = tmp_path_factory.mktemp("reader")
    (folder / "recipes").symlink_to(ROOT / "recipes")
    (folder / "benchmarks").symlink_to(ROOT / "benchmarks")
    for number in range(6):
        for name, colour in COLOURS.items():
            write_video(
                folder / "my_videos" / name / f"{number}.mp4", colour, num_frames=20 + number
            )
    (folder / "my_lists").mkdir()
    for side, numbers in (("train", range(2, 6)), ("test", range(2))):
        lines = [f"../my_videos/{name}/{n}.mp4,{name}\n" for name in COLOURS for n in numbers]
        (folder / "my_lists" / f"{side}.csv").write_text("path,label\n" + "".join(lines))
    write_video(folder / "jump.mp4", COLOURS["Red"], num_frames=40)
    write_tiny_ucf101(folder / "UCF-101")
    write_full_size(folder / "r2plus1d_18.pth", "r2plus1d_18")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(folder)
        run_shell("python recipes/train.py --dataset folder --data my_videos", monkeypatch)
    return folder


def write_full_size(path, name):
    """Writes a checkpoint with the names and shapes of a golden file, and other numbers."""
    with np.load(GOLDEN / f"{name}.npz") as golden:
        shapes = zip(golden["names"].tolist(), golden["shapes"].tolist(), strict=True)
    rng = np.random.default_rng(0)
    state = {}
    for key, text in shapes:
        shape = [int(size) for size in text.split(",") if size]
        state[key] = (rng.uniform(0.5, 1.5, shape) / np.prod(shape[1:])).astype("float32")
    write_checkpoint(path, state)


@pytest.fixture(scope="session")
def downloads(prepared, tmp_path_factory):
    """Keras's folder, as if the published weights that the texts name were downloaded."""
    folder = tmp_path_factory.mktemp("keras") / "models"
    folder.mkdir()
    (folder / "r2plus1d_18-91a641e6.pth").symlink_to(prepared / "r2plus1d_18.pth")
    write_full_size(folder / "X3D_S.pyth", "x3d_s")
    return folder.parent


@pytest.fixture
def reader(prepared, downloads, tmp_path, monkeypatch):
    """A copy of the folder for each page, as the current folder."""
    monkeypatch.setenv("KERAS_HOME", str(downloads))
    # Other numbers than in the real files have another SHA-256.
    rows = tuple(row._replace(sha256="") for row in published.PUBLISHED)
    monkeypatch.setattr(published, "PUBLISHED", rows)
    folder = tmp_path / "reader"
    shutil.copytree(prepared, folder, symlinks=True)
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("page", [page for page in PAGES if blocks_of(page)])
def test_page(page, reader, monkeypatch):
    if page == "docs/guides/export.md":
        pytest.importorskip("tf2onnx")
    namespace = {"__name__": "__main__"}
    for line, language, code, reason in blocks_of(page):
        if language == "shell" and not reason:
            run_shell(code, monkeypatch)
        elif not reason:
            run_python(code, PAGES[page], line, namespace)


def test_notebook(reader, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    path = ROOT / "docs" / "notebooks" / "finetune.ipynb"
    namespace = {"__name__": "__main__"}
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        assert not cell.get("outputs"), f"{path}: clear the outputs before a commit"
        code = "".join(cell["source"])
        if cell["cell_type"] == "code" and "%pip" not in code:
            run_python(code, path, 0, namespace)
    assert (reader / "finetuned.keras").exists()


def run_python(code, path, line, namespace):
    for pattern, short in SHORT_CODE.items():
        code = re.sub(pattern, short, code)
    exec(compile("\n" * line + code, path, "exec"), namespace)


def run_shell(code, monkeypatch):
    """Runs commands in this process: to start Python and Keras takes longer than most of them."""
    for line in code.replace("\\\n", " ").splitlines():
        for program, more in SHORT_COMMANDS.items():
            line += f" {more}" * line.startswith(program)
        if line.startswith("python recipes/train") and "--weights" not in line:
            line += " --width 0.125"
        program, *words = shlex.split(line, comments=True)
        if program == "keras-ctsep":
            assert commands.main(words) == 0, line
        else:
            assert program == "python", line
            monkeypatch.setattr(sys, "argv", words)
            runpy.run_path(words[0], run_name="__main__")


def test_most_blocks_are_run():
    reasons = [reason for page in PAGES for *_, reason in blocks_of(page)]
    assert sum(reason is not None for reason in reasons) < len(reasons) / 4


def test_files_that_readme_links_to_exist():
    links = re.findall(r"\]\(([^)#]+)", (ROOT / "README.md").read_text(encoding="utf-8"))
    files = [link for link in links if not link.startswith("https://")]
    assert files and all((ROOT / file).exists() for file in files)


def test_options_that_the_texts_name_exist():
    commands_ = (check, evaluate, predict, explain, export, watch, demo)
    mains = [module.main for module in (train, train_ucf, finetune, run, *commands_)]
    known = {name for main in mains for name in inspect.signature(main).parameters}
    known |= {field.name for field in dataclasses.fields(options.ClipOptions)}
    for page, path in PAGES.items():
        named = re.findall(r"`--(?:no-)?([a-z][a-z0-9-]*)", path.read_text(encoding="utf-8"))
        unknown = {name.replace("-", "_") for name in named} - known - {"help"}
        assert not unknown, f"{page}: {unknown}"

"""The program `keras-ctsep`: its overview, its errors and its exit codes."""

import os
import subprocess
import sys

import pytest
from colour_model import write_colour_run
from tiny_videos import COLOURS, write_tiny_ucf101, write_video

import keras_ctsep_program
from keras_ctsep import commands
from keras_ctsep.commands import predict


def run(*words, **environment):
    # The paths of this process too, among them those of the helpers of the tests.
    paths = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.run(
        [sys.executable, "-m", "keras_ctsep_program", *words],
        env=os.environ | paths | environment,
        capture_output=True,
    )


def test_the_overview_brings_no_backend():
    code = (
        "import sys, keras_ctsep_program; sys.argv[1:] = ['--help']; "
        "assert keras_ctsep_program.main() == 0; "
        "assert not {'keras', 'numpy', 'torch', 'jax', 'tensorflow', 'tyro'} & sys.modules.keys()"
    )
    overview = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert overview.returncode == 0, overview.stderr
    for name, command in commands.COMMANDS.items():
        assert f"  {name:10}{command.__doc__.splitlines()[0]}\n" in overview.stdout
    assert keras_ctsep_program.COMMANDS.keys() == commands.COMMANDS.keys()


@pytest.mark.parametrize("words", [[], ["prdict"], ["--model"]])
def test_a_word_that_is_no_command_shows_the_overview(words, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["keras-ctsep", *words])
    assert keras_ctsep_program.main() == 2
    assert "predict" in capsys.readouterr().err


def test_an_interrupt_while_the_model_loads_is_one_line(monkeypatch, capsys):
    def load(*_, **__):
        raise KeyboardInterrupt  # as a signal would, which a program in the background may ignore

    monkeypatch.setattr(predict, "open_classifier", load)
    monkeypatch.setattr(sys, "argv", ["keras-ctsep", "predict", "a.avi", "--model", "a.keras"])
    assert keras_ctsep_program.main() == 130
    assert capsys.readouterr().err == "keras-ctsep: interrupted\n"


def test_names_that_the_shell_cannot_write_are_shown(tmp_path):
    model = write_colour_run(tmp_path)
    video = os.fsencode(tmp_path) + b"/\xff\xe6\x97\xa5.avi"
    write_video(tmp_path / "red.avi", COLOURS["Red"])
    os.rename(tmp_path / "red.avi", video)
    words = ["predict", video, "--model", str(model), "--num-clips", "1", "--top", "1"]
    done = run(*words, PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].endswith(rb"/\udcff\u65e5.avi")
    assert done.stdout.split()[-1] == b"Red"


@pytest.mark.parametrize(
    "line, message",
    [
        ("predict none.avi --model none.keras", "none.keras: Expected a .keras file. Received: "),
        ("predict --model none.keras", "Expected one video or more. Received: none"),
        ("predict a.avi --model none.keras --top 0", "Received: top=0"),
        ("predict a.avi --model R3D18 --weights none.pth", "none.pth"),
        ("evaluate --model none.keras", "none.keras: Expected a .keras file"),
        ("check --data none --output out", "Received: "),
    ],
)
def test_errors_of_the_user_are_one_line(line, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert commands.main(line.split()) == 2
    error = capsys.readouterr().err
    assert error.startswith("keras-ctsep: ") and message in error
    assert error.count("\n") == 1 and error.endswith("\n")


def test_a_package_that_is_missing_is_one_line(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    assert commands.main("predict a.avi --model s3://bucket/last.keras".split()) == 2
    error = capsys.readouterr().err
    assert error.startswith("keras-ctsep: s3://bucket/last.keras needs fsspec: pip install ")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "line", ["predict a.avi --top", "evaluate --model m --num-crops 2", "check -x"]
)
def test_wrong_options_exit_2(line):
    with pytest.raises(SystemExit) as error:
        commands.main(line.split())
    assert error.value.code == 2


def test_options_reach_the_command(tmp_path, capsys):
    videos = write_tiny_ucf101(tmp_path / "videos", num_train=1, num_test=1)
    model = write_colour_run(tmp_path, videos)
    line = f"evaluate --model {model} --num-crops 3 --num-clips 2 --fps 12.5 --crop-size 8"
    assert commands.main([*line.split(), "--output", str(tmp_path / "scores")]) == 0
    assert "(3 videos of the subset test, 2 x 3 views" in capsys.readouterr().out


@pytest.mark.parametrize("name", commands.COMMANDS)
def test_help_describes_every_option(name, capsys):
    with pytest.raises(SystemExit) as error:
        commands.main([name, "--help"])
    assert error.value.code == 0
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    parameters = {name.replace("_", "-") for name in commands.COMMANDS[name].__kwdefaults__}
    groups = {"clips": ("--fps", "frames a second of a clip"), "videos": ("--data", "folder of")}
    for option in parameters - groups.keys():
        assert f"--{option}" in text
    for group in parameters & groups.keys():
        assert all(words in text for words in groups[group])

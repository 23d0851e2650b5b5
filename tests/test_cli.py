"""Command lines, and the calls they become."""

import sys
from typing import Literal

import pytest

from keras_ctsep import cli


def settings(data, *, epochs: int = 3, rate: float = 1e-3, optimizer: Literal["a", "b"] = "a"):
    """Does things.

    Args:
        data: positional arguments are not options.
        epochs: passes over
            100% of the data.
        rate: step.
        optimizer: which.
    """


def main(*videos, model, num_crops: Literal[1, 3] = 1, ema=False, rate: float = None, **settings):
    """Names videos.

    More about it.

    Args:
        *videos: files.
        model: a file.
        num_crops: squares.
        **settings: see there.
    """
    return sorted(settings.items())


def test_options_become_keyword_arguments():
    line = "a.avi b.avi --model m.keras --num-crops 3 --ema --epochs 12 --optimizer b".split()
    videos, options = cli.parse(main, line, settings)
    assert videos == ["a.avi", "b.avi"]
    assert options == {
        "model": "m.keras",
        "num_crops": 3,
        "ema": True,
        "rate": None,  # main's own, not the one of settings
        "epochs": 12,
        "optimizer": "b",
    }


def test_settings_that_are_not_given_are_not_passed_on():
    _, options = cli.parse(main, ["a.avi", "--model", "m", "--no-ema"], settings)
    assert options == {"model": "m", "num_crops": 1, "ema": False, "rate": None}


@pytest.mark.parametrize(
    "line, message",
    [
        ("a.avi", "--model"),
        ("--model m", "VIDEO"),
        ("a.avi --model m --num-crops 2", "invalid choice: 2"),
        ("a.avi --model m --epochs many", "invalid int value: 'many'"),
        ("a.avi --model m --data x", "--data"),
        ("a.avi --mod m", "--mod"),
    ],
)
def test_wrong_command_lines_are_refused(line, message, capsys):
    with pytest.raises(SystemExit) as error:
        cli.parse(main, line.split(), settings)
    assert error.value.code == 2
    assert message in capsys.readouterr().err


def test_help_has_the_texts_and_defaults(capsys):
    with pytest.raises(SystemExit):
        cli.parse(main, ["--help"], settings)
    text = " ".join(capsys.readouterr().out.split())
    assert "Names videos." in text and "More about it" not in text
    assert "VIDEO files." in text
    assert "--epochs INT passes over 100% of the data. (default: 3)" in text
    assert "--num-crops {1,3} squares. (default: 1)" in text


@pytest.mark.parametrize("result, code", [(1, 1), (0, 0)])
def test_an_int_is_the_exit_code(result, code, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["program"])
    with pytest.raises(SystemExit) as error:
        cli.run(lambda: result)
    assert error.value.code == code


def test_other_results_end_normally(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["program"])
    cli.run(lambda: {"accuracy": 1.0})

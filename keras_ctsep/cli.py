"""A command line out of a function's signature and docstring."""

import argparse
import inspect
import re
import sys
import typing


def run(main, settings_of=None):
    """Runs `main` with the arguments of the command line.

    Each keyword-only argument `num_frames=16` becomes an option `--num-frames 16`; one without a
    default has to be given. `*videos` takes the words that belong to no option. The type is that
    of the annotation, or else of the default; a bool makes the pair `--ema`, `--no-ema`, and
    `typing.Literal` a list of choices. Help texts come from the docstring's `Args` section. When
    `main` returns an int, it is the exit code.

    Args:
        main: the function.
        settings_of: another function, whose keyword-only arguments stand for the `**settings` at
            the end of `main`'s signature. Only those that the command line has are passed on.

    Example:
    ```python
    def main(*videos, model, top=5):
        '''Names what happens in videos.

    Args:
            *videos: files to look at.
            model: a saved model.
            top: how many classes to name.
        '''

    if __name__ == "__main__":
        run(main)  # python predict.py jump.mp4 run.mp4 --model best.keras --top 3
    ```
    """
    words, options = parse(main, sys.argv[1:], settings_of)
    result = main(*words, **options)
    if isinstance(result, int):
        sys.exit(result)


def parse(main, argv, settings_of=None):
    """Reads a list of command line words for `main`, as `run` does.

    Returns:
        A tuple `(words, options)`: what `main(*words, **options)` takes.
    """
    parser = argparse.ArgumentParser(
        description=(inspect.getdoc(main) or "").split("\n\n")[0], allow_abbrev=False
    )
    own, help_texts = _parameters(main), _help_texts(main)
    words = None
    for name, parameter in own.items():
        if parameter.kind is parameter.VAR_POSITIONAL:
            words = name
            metavar = name.upper().rstrip("S")
            parser.add_argument(name, nargs="+", metavar=metavar, help=help_texts.get(name))
        elif parameter.kind is parameter.KEYWORD_ONLY:
            _add_option(parser, parameter, help_texts.get(name, ""))
    if settings_of is not None:
        help_texts = _help_texts(settings_of)
        for name, parameter in _parameters(settings_of).items():
            if parameter.kind is parameter.KEYWORD_ONLY and name not in own:
                _add_option(parser, parameter, help_texts.get(name, ""), suppress=True)
    options = vars(parser.parse_args(argv))
    return options.pop(words, []), options


def _parameters(function):
    return dict(inspect.signature(function, eval_str=True).parameters)


def _add_option(parser, parameter, text, suppress=False):
    default, kind = parameter.default, parameter.annotation
    option = {"required": True} if default is parameter.empty else {"default": default}
    if default not in (parameter.empty, None):
        text += f" (default: {default})"
    if suppress:
        option = {"default": argparse.SUPPRESS}
    if kind is parameter.empty:
        kind = str if default in (parameter.empty, None) else type(default)
    if typing.get_origin(kind) is typing.Literal:
        choices = typing.get_args(kind)
        option |= {"choices": choices, "type": type(choices[0])}
    elif kind is bool:
        option["action"] = argparse.BooleanOptionalAction
    else:
        option |= {"type": kind, "metavar": kind.__name__.upper()}
    flag = f"--{parameter.name.replace('_', '-')}"
    parser.add_argument(flag, help=text.replace("%", "%%"), **option)


def _help_texts(function):
    """Gives a dict from argument to text, out of a Google-style `Args` section."""
    text = inspect.getdoc(function) or ""
    section = re.search(r"^Args:\n((?:[ ]+.*\n?|\n)+)", text, re.MULTILINE)
    entries = re.findall(
        r"^ {4}(?:\*{0,2})(\w+): (.*(?:\n {5,}.*)*)", section[1] if section else "", re.MULTILINE
    )
    return {name: " ".join(words.split()) for name, words in entries}

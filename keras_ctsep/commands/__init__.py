"""What a person does with videos and a trained model from a shell: the program `keras-ctsep`."""

import sys

import tyro

from keras_ctsep.commands import check, demo, evaluate, explain, export, predict, watch

COMMANDS = {
    "predict": predict.main,
    "explain": explain.main,
    "evaluate": evaluate.main,
    "export": export.main,
    "check": check.main,
    "watch": watch.main,
    "demo": demo.main,
}


def main(args):
    """Runs the command that a line of a shell names.

    Args:
        args: list of str, the words after the program's name.

    Returns:
        The exit code: that of the command, or 2 after an error that the user can mend, which is
        said in one line.
    """
    for stream in (sys.stdout, sys.stderr):
        # Names of files may have bytes that are no UTF-8, and a shell may not know all letters.
        stream.reconfigure(errors="backslashreplace")
    try:
        return tyro.extras.subcommand_cli_from_dict(
            COMMANDS,
            prog="keras-ctsep",
            args=args,
            config=(tyro.conf.OmitArgPrefixes,),
        )
    except (ValueError, OSError, ModuleNotFoundError) as error:
        print("keras-ctsep:", " ".join(str(error).split()), file=sys.stderr)
        return 2

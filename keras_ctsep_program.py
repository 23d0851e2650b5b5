"""The program `keras-ctsep`.

It stands outside the package because `import keras_ctsep` brings Keras and its backend, which takes
seconds: the overview of the commands needs neither, and TensorFlow reads its settings when it
starts.
"""

import os
import signal
import sys

COMMANDS = {
    "predict": "Names what happens in videos.",
    "explain": "Shows where a model looks in videos.",
    "evaluate": "Measures a saved model: accuracy of clips, of videos and of each class.",
    "export": "Writes a model as a file for another runtime.",
    "check": "Reads every frame of a data set, and says what is wrong with it.",
    "watch": "Names what happens in a video as it comes.",
    "demo": "Opens a page in the browser to try a model on videos.",
}


def main():
    """Runs the command that the line of the shell names, and returns its exit code."""
    words = sys.argv[1:]
    if words and words[0] in COMMANDS:
        # In a process of our own: TensorFlow's convolutions on a CPU then take half the time. Where
        # the user has made this setting, it stays.
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
        # TensorFlow's remarks about the processor hide our one line of an error.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        try:
            # Keras and a large model load for seconds, in which many people press Ctrl-C.
            from keras_ctsep import commands

            return commands.main(words)
        except KeyboardInterrupt:
            print("keras-ctsep: interrupted", file=sys.stderr)
            return 128 + signal.SIGINT
    overview = [f"usage: keras-ctsep {{{','.join(COMMANDS)}}} ...", ""]
    overview += [f"  {name:10}{text}" for name, text in COMMANDS.items()]
    overview += ["", "keras-ctsep COMMAND --help lists the options of a command."]
    asked = words in (["-h"], ["--help"])
    print("\n".join(overview), file=sys.stdout if asked else sys.stderr)
    return 0 if asked else 2


if __name__ == "__main__":
    sys.exit(main())

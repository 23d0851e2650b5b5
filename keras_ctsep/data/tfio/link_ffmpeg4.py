"""Links the FFmpeg 4 libraries of the decord wheel into a folder, for tensorflow-io to find.

pip install decord==0.6.0
python -m keras_ctsep.data.tfio.link_ffmpeg4 FOLDER
LD_LIBRARY_PATH=FOLDER python ...
"""

import importlib.metadata
import pathlib
import re
import sys


def link_ffmpeg4(folder):
    """Links the libraries of an installed decord wheel, FFmpeg's by their usual names as well.

    Args:
        folder: where to make the links. Put it on `LD_LIBRARY_PATH` before Python starts.

    Raises:
        ValueError: when the installed decord brings no libraries.
    """
    files = [file for file in importlib.metadata.files("decord") if ".libs" in file.parent.name]
    if not files:
        raise ValueError("decord brings no libraries here. Its wheel for Linux on x86-64 does")
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        names = {file.name}
        # libavcodec-bc50294c.so.58.35.100 is looked for as libavcodec.so.58. The others, such as
        # libz, must not get their usual names: they would stand before the system's.
        if match := re.match(r"(lib(?:av|sw)\w+)-\w+(\.so\.\d+)", file.name):
            names.add("".join(match.groups()))
        for name in names:
            link = folder / name
            link.unlink(missing_ok=True)
            link.symlink_to(pathlib.Path(file.locate()).resolve())


if __name__ == "__main__":
    link_ffmpeg4(*sys.argv[1:])

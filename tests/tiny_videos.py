"""A data set of tiny videos in UCF101's layout, one colour a class."""

import av
import numpy as np

COLOURS = {"Red": (250, 10, 10), "Green": (10, 250, 10), "Blue": (10, 10, 250)}


def write_video(path, colour, num_frames=6, height=24, width=32):
    """Writes frames of one colour that get darker by 20 from one to the next."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25, width=width, height=height)
        for number in range(num_frames):
            frame = np.zeros((height, width, 3), "uint8") + np.array(colour, "uint8")
            frame = np.maximum(frame.astype(int) - 20 * number, 0).astype("uint8")
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame)))
        container.mux(stream.encode())


def write_tiny_ucf101(folder, num_train=4, num_test=2):
    """Writes `num_train` and `num_test` videos of each class, and the lists of split 1."""
    lists = {"train": [], "test": []}
    for label, (name, colour) in enumerate(COLOURS.items(), start=1):
        for group in range(1, num_train + num_test + 1):
            file = f"{name}/v_{name}_g{group:02d}_c01.avi"
            write_video(folder / file, colour)
            lists["train" if group > num_test else "test"].append(f"{file} {label}")
    lines = {
        "classInd": [f"{label} {name}" for label, name in enumerate(COLOURS, start=1)],
        "trainlist01": lists["train"],
        "testlist01": [line.split()[0] for line in lists["test"]],
    }
    (folder / "ucfTrainTestlist").mkdir()
    for name, text in lines.items():
        (folder / "ucfTrainTestlist" / f"{name}.txt").write_text("\n".join(text) + "\n")
    return folder

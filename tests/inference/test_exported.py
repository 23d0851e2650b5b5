"""Files of other runtimes, behind the same class as `.keras` files."""

import dataclasses
import importlib.util
import subprocess
import sys

import keras
import numpy as np
import pytest
from colour_model import CLIPS
from tiny_videos import COLOURS, write_video

from keras_ctsep import evaluation
from keras_ctsep.data import Annotations
from keras_ctsep.inference import VideoClassifier
from keras_ctsep.inference.exported import RUNTIMES, ExportedModel, format_of
from keras_ctsep.inference.live import LiveClassifier

ENDINGS = [(name, row.ending) for name, row in RUNTIMES.items() if row.ending]


def mean_colours(clips):
    assert clips.dtype == "float32" and clips.flags["C_CONTIGUOUS"]
    return clips.mean(axis=(1, 2, 3))


@pytest.fixture
def colours():
    return ExportedModel(mean_colours, (None, None, 16, 16, 3), 3)


def test_arrays_are_scored_in_batches(colours):
    clips = np.arange(5 * 2 * 4 * 4 * 3, dtype="uint8").reshape(5, 2, 4, 4, 3)
    expected = clips.mean(axis=(1, 2, 3))
    np.testing.assert_allclose(colours.predict(clips, batch_size=2), expected, rtol=1e-6)
    np.testing.assert_allclose(colours.predict_on_batch(clips[::2]), expected[::2], rtol=1e-6)
    assert colours.output_shape == (None, 3)
    with pytest.raises(ValueError, match="Received: callbacks="):
        colours.predict(clips, callbacks=[keras.callbacks.Callback()])


def test_videos_are_predicted_and_evaluated(colours, tmp_path, capsys):
    paths = [str(tmp_path / f"{name}.avi") for name in COLOURS]
    for path, colour in zip(paths, COLOURS.values(), strict=True):
        write_video(tmp_path / path, colour)
    classifier = VideoClassifier(colours, list(COLOURS), CLIPS)
    found = [classifier.top(one.scores, 1)[0][0] for one in classifier.predict(paths, num_clips=2)]
    assert found == list(COLOURS)
    views = classifier.dataset(Annotations(paths, [0, 1, 2], COLOURS), batch_size=4, num_clips=2)
    scores, labels, _ = evaluation.score_views(classifier.model, views)
    clips = np.concatenate([views[0][0], views[1][0]])[:6]
    np.testing.assert_allclose(scores.reshape(6, 3), clips.mean(axis=(1, 2, 3)), rtol=1e-6)
    assert scores.argmax(axis=2).tolist() == [[0, 0], [1, 1], [2, 2]] and labels.tolist() == [
        0,
        1,
        2,
    ]
    assert "2/2" in capsys.readouterr().out  # the progress bar


def test_a_live_video_is_scored_in_windows(colours):
    live = LiveClassifier(VideoClassifier(colours, list(COLOURS), CLIPS))
    assert not live.is_streaming
    frames = np.full((4, 18, 24, 3), (10, 200, 30), "uint8")
    for _, scores in live.scores(frames):
        np.testing.assert_allclose(scores, (10, 200, 30))


def test_sizes_that_the_file_does_not_take_are_refused(colours):
    with pytest.raises(ValueError, match=r"None, 16, 16\. Received: clips=.*'crop_size': 8"):
        VideoClassifier(colours, list(COLOURS), dataclasses.replace(CLIPS, crop_size=8))


def test_formats_are_known_by_the_ending(tmp_path):
    assert [format_of(f"m{ending}") for _, ending in ENDINGS] == [name for name, _ in ENDINGS]
    assert format_of(tmp_path) is None and format_of(tmp_path / "m.keras") is None
    (tmp_path / "saved_model.pb").touch()
    assert format_of(tmp_path) == "saved_model"


@pytest.mark.parametrize("file_format, ending", ENDINGS)
def test_files_that_are_none_are_named_and_a_missing_runtime_too(file_format, ending, tmp_path):
    path = tmp_path / f"m{ending}"
    row = RUNTIMES[file_format]
    if importlib.util.find_spec(row.module) is None:
        with pytest.raises(ModuleNotFoundError, match=rf"pip install 'keras_ctsep\[{row.extra}\]'"):
            VideoClassifier.load(path)
        return
    for content in (None, b"", b"no model"):
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(
            ValueError, match=rf"m\{ending}: Expected a file in .* Received: ."
        ) as e:
            VideoClassifier.load(path)
        assert "\n" not in str(e.value)


SIGNAL_AFTER_OPENVINO = """
import gc, os, signal, sys
import numpy as np
import openvino
from keras_ctsep.inference.exported import RUNTIMES
clips = openvino.opset13.parameter([1, 2, 4, 4, 3], np.float32)
scores = openvino.opset13.reduce_mean(clips, np.array([1, 2, 3]), keep_dims=False)
clips.output(0).set_names({"clips"})
scores.output(0).set_names({"output_0"})
openvino.save_model(openvino.Model([scores], [clips], "mean"), sys.argv[1])
opened = [RUNTIMES["openvino"].open(sys.argv[1]) for _ in range(2)]
while opened:
    opened.pop(0)
    gc.collect()
signal.signal(signal.SIGUSR1, lambda *_: print("handled"))
os.kill(os.getpid(), signal.SIGUSR1)
"""


def test_signals_are_handled_after_two_openvino_files(tmp_path):
    pytest.importorskip("openvino")
    command = [sys.executable, "-c", SIGNAL_AFTER_OPENVINO, str(tmp_path / "mean.xml")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()[-1:]) == (0, ["handled"]), done.stderr

"""Weights by name: downloaded once, checked, kept, and never used when they are damaged."""

import shutil

import fsspec
import keras
import numpy as np
import pytest
from torch_checkpoints import narrow_state, write_checkpoint
from web_server import Quiet, serve_published

import keras_ctsep
from keras_ctsep import models
from keras_ctsep.data import ClipFormat
from keras_ctsep.inference import VideoClassifier
from keras_ctsep.weights import load_weights, published
from keras_ctsep.weights.load import count_saved_classes

TINY = {"num_classes": 5, "width": 0.0625}
MEAN, DEVIATION = (0.25, 0.5, 0.75), (0.5, 0.25, 0.125)


class Counting(Quiet):
    """Counts what is asked for, and cuts files off in the middle where it is told to."""

    requests = []
    cuts = False

    def do_GET(self):
        self.requests.append(self.path)
        super().do_GET()

    def copyfile(self, source, target):
        content = source.read()
        target.write(content[: len(content) // 2] if self.cuts else content)


@pytest.fixture
def row(tmp_path, monkeypatch):
    """A published file of a narrow R3D18 for 5 classes, on a web server."""
    monkeypatch.setattr(Counting, "requests", [])
    frames = {"mean": MEAN, "deviation": DEVIATION}
    with serve_published(tmp_path, monkeypatch, tuple("abcde"), Counting, **frames) as row:
        yield row


@pytest.fixture
def home(tmp_path):
    """The folder that Keras keeps downloads in."""
    return tmp_path / "keras" / "models"


def test_a_name_is_downloaded_once_and_kept(row, home):
    for _ in range(2):
        model = keras_ctsep.R3D18(**TINY, weights="kinetics400")
        kernel = keras.ops.convert_to_numpy(model.get_layer("classifier").kernel)
        np.testing.assert_array_equal(kernel, narrow_state()["fc.weight"].T)
    assert len(Counting.requests) == 1
    assert [path.name for path in home.iterdir()] == [row.address.rpartition("/")[2]]


def test_frames_are_normalized_as_the_weights_want_it(row, rng):
    model = keras_ctsep.R3D18(**TINY, weights="kinetics400")
    clips = rng.integers(0, 256, size=(1, 2, 16, 16, 3), dtype="uint8")
    normalized = keras.Model(model.input, model.get_layer("normalization").output)(clips)
    want = (clips / 255 - np.array(MEAN)) / np.array(DEVIATION)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(normalized), want, atol=1e-5)


def test_a_damaged_copy_is_replaced(row, home):
    home.mkdir(parents=True)
    copy = home / row.address.rpartition("/")[2]
    copy.write_bytes(b"half a file")
    keras_ctsep.R3D18(**TINY, weights="kinetics400")
    assert len(Counting.requests) == 1 and copy.stat().st_size > 10_000


def test_a_half_download_is_not_kept(row, home, monkeypatch):
    monkeypatch.setattr(Counting, "cuts", True)
    name = row.address.rpartition("/")[2]
    with pytest.raises(ValueError, match=f"put that file at .*{name}. Received: .*got only"):
        keras_ctsep.R3D18(**TINY, weights="kinetics400")
    assert not list(home.iterdir())


def test_another_file_is_refused_and_not_kept(row, home, monkeypatch):
    monkeypatch.setattr(published, "PUBLISHED", (row._replace(sha256="00000000"),))
    with pytest.raises(ValueError, match=f"not kept. .*with 00000000. Received: {row.sha256}"):
        keras_ctsep.R3D18(**TINY, weights="kinetics400")
    assert not list(home.iterdir())


def test_without_published_digits_a_file_has_to_be_whole(row, home, monkeypatch):
    monkeypatch.setattr(published, "PUBLISHED", (row._replace(sha256=""),))
    home.mkdir(parents=True)
    (home / row.address.rpartition("/")[2]).write_bytes(b"half a file")
    keras_ctsep.R3D18(**TINY, weights="kinetics400")
    assert len(Counting.requests) == 1
    text = row._replace(sha256="", address=f"{row.address.rpartition('/')[0]}/text.pth")
    (home.parents[1] / "server" / "text.pth").write_text("no weights")
    monkeypatch.setattr(published, "PUBLISHED", (text,))
    with pytest.raises(ValueError, match="text.pth: The file is not used .*whole checkpoint"):
        keras_ctsep.R3D18(**TINY, weights="kinetics400")
    assert [path.name for path in home.iterdir()] == [row.address.rpartition("/")[2]]


def test_a_file_without_an_ending_is_kept_with_one(row, home, monkeypatch):
    address = row.address.removesuffix(".pth")
    server = home.parents[1] / "server"
    shutil.copy(server / row.address.rpartition("/")[2], server / address.rpartition("/")[2])
    monkeypatch.setattr(published, "PUBLISHED", (row._replace(address=address),))
    for _ in range(2):
        model = keras_ctsep.R3D18(**TINY, weights="kinetics400")
    kernel = keras.ops.convert_to_numpy(model.get_layer("classifier").kernel)
    np.testing.assert_array_equal(kernel, narrow_state()["fc.weight"].T)
    assert len(Counting.requests) == 1
    assert [path.name for path in home.iterdir()] == [row.address.rpartition("/")[2]]


def test_offline_one_line_says_what_to_put_where(row, home, monkeypatch):
    offline = row._replace(address=f"http://127.0.0.1:1/{row.address.rpartition('/')[2]}")
    monkeypatch.setattr(published, "PUBLISHED", (offline,))
    with pytest.raises(ValueError) as error:
        keras_ctsep.R3D18(**TINY, weights="kinetics400")
    message = str(error.value)
    assert message.startswith('weights="kinetics400" of R3D18: Expected to download http://127.')
    assert str(home / offline.address.rpartition("/")[2]) in message and "Received: " in message
    # Put there by hand, it is used.
    home.mkdir(parents=True, exist_ok=True)
    name = offline.address.rpartition("/")[2]
    shutil.copy(home.parents[1] / "server" / name, home / name)
    keras_ctsep.R3D18(**TINY, weights="kinetics400")


def test_other_networks_other_classes_and_other_widths(row, capsys):
    with pytest.raises(ValueError, match=r"one of \['R3D18'\]. Received: R3D34"):
        keras_ctsep.R3D34(**TINY, weights="kinetics400")
    with pytest.raises(ValueError, match=r"Expected a head of 6 classes. Received: 5 classes"):
        models.make_network("R3D18", 6, weights="kinetics400", head="same")
    with pytest.raises(ValueError, match="of another shape"):
        keras_ctsep.R3D18(5, width=0.125, weights="kinetics400")
    keras_ctsep.R3D18(6, width=0.0625, weights="kinetics400")
    assert "5 classes, the model 6: the classifier starts fresh" in capsys.readouterr().out
    with pytest.raises(ValueError, match="such as kinetics400.*Received: weights=kinetics$"):
        keras_ctsep.R3D18(**TINY, weights="kinetics")


@pytest.fixture
def remote(tmp_path):
    """A function that copies a file to an address that lives in memory."""
    memory = fsspec.filesystem("memory")

    def remote(path):
        memory.put_file(str(path), f"/zoo/{path.name}")
        return f"memory://zoo/{path.name}"

    yield remote
    memory.rm("/zoo", recursive=True)


def test_weights_at_an_address(remote, tmp_path):
    write_checkpoint(tmp_path / "r3d_18.pth", narrow_state())
    model = keras_ctsep.R3D18(**TINY, weights=remote(tmp_path / "r3d_18.pth"))
    model.save_weights(tmp_path / "tiny.weights.h5")
    other = keras_ctsep.R3D18(**TINY)
    address = remote(tmp_path / "tiny.weights.h5")
    load_weights(other, address)
    for one, same in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, same)
    assert count_saved_classes(address) == 5


def test_a_model_at_an_address(remote, tmp_path):
    clip = keras.Input((None, None, None, 3))
    model = keras.Model(clip, keras.layers.GlobalAveragePooling3D()(clip))
    clips = ClipFormat(num_frames=8, fps=15, short_side=64, crop_size=56)
    VideoClassifier(model, ["red", "green", "blue"], clips).save(tmp_path / "model.keras")
    found = VideoClassifier.load(remote(tmp_path / "model.keras"))
    assert found.clips == clips and found.class_names == ("red", "green", "blue")


def test_errors_about_an_address_name_it(remote, tmp_path):
    (tmp_path / "text.pth").write_text("no weights")
    address = remote(tmp_path / "text.pth")
    with pytest.raises(ValueError, match=f"^{address}: this is no PyTorch checkpoint"):
        keras_ctsep.R3D18(**TINY, weights=address)
    with pytest.raises(ValueError, match="^memory://zoo/none.pth: Expected .*: No such file"):
        keras_ctsep.R3D18(**TINY, weights="memory://zoo/none.pth")
    with pytest.raises(ValueError, match="^abc://none.pth: Expected .*Received: .*abc"):
        keras_ctsep.R3D18(**TINY, weights="abc://none.pth")

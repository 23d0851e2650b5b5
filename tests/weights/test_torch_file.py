"""PyTorch's checkpoints: read safely, whole or not at all."""

import io
import os
import pickle
import zipfile

import numpy as np
import pytest
from checks import GOLDEN

from keras_ctsep.weights.torch_file import _read_with_numpy, read_torch_checkpoint

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C


@pytest.mark.parametrize("kind", ["zip", "legacy"])
def test_numbers_of_a_torch_checkpoint(kind):
    state = read_torch_checkpoint(GOLDEN / f"tiny_{kind}.pth")
    want = {
        "turned": [[0, 3], [1, 4], [2, 5]],
        "part": [1, 2],
        "half": [0.5, -2],
        "brain": [1.5, -0.125],
        "count": 7,
        "learned": [3],
        "empty": np.zeros((0, 2)),
    }
    assert list(state) == list(want)
    for name, values in want.items():
        np.testing.assert_array_equal(state[name], values, err_msg=name)
    assert state["half"].dtype == state["brain"].dtype == "float32"


@pytest.mark.parametrize("kind", ["zip", "legacy"])
def test_a_checkpoint_cut_short_is_refused_wherever_it_is_cut(kind, tmp_path):
    content = (GOLDEN / f"tiny_{kind}.pth").read_bytes()
    path = tmp_path / "cut.pth"
    for length in [0, 1, 3, 20, 60, *range(100, len(content) - 1, 97), len(content) - 1]:
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match="cut.pth"):
            read_torch_checkpoint(path)


class MakesFolder:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def zip_checkpoint(thing):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(thing, protocol=2))
        archive.writestr("archive/version", "3\n")
    return file.getvalue()


def legacy_checkpoint(thing):
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}
    parts = (MAGIC_NUMBER, 1001, system, thing, [])
    return b"".join(pickle.dumps(part, protocol=2) for part in parts)


@pytest.mark.parametrize("write", [zip_checkpoint, legacy_checkpoint])
def test_code_in_a_checkpoint_is_refused_and_not_run(write, tmp_path):
    path, trace = tmp_path / "evil.pth", tmp_path / "trace"
    path.write_bytes(write({"fc.bias": MakesFolder(str(trace))}))
    with pytest.raises(ValueError, match=r"evil\.pth.*\.mkdir; only tensors are allowed"):
        read_torch_checkpoint(path)
    assert not trace.exists()
    pickle.loads(pickle.dumps(MakesFolder(str(trace))))
    assert trace.exists(), "the file would have done nothing anyway"


@pytest.mark.parametrize("kind", ["zip", "legacy"])
def test_weights_may_be_one_entry_of_what_training_left(kind, tmp_path):
    torch = pytest.importorskip("torch")
    for name in ("model_state", "state_dict"):
        state = {name: {"a": torch.arange(3.0)}, "epoch": 3, "cfg": "TEST:", "optimizer": {}}
        is_zip = kind == "zip"
        torch.save(state, tmp_path / "a.pyth", _use_new_zipfile_serialization=is_zip)
        for read in (_read_with_numpy, read_torch_checkpoint):
            assert read(tmp_path / "a.pyth")["a"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("thing", [[1, 2], {}, {"epoch": 3}, {"model": {"fc.bias": 1}}])
def test_a_checkpoint_of_other_things_is_refused(thing, tmp_path):
    path = tmp_path / "other.pth"
    path.write_bytes(legacy_checkpoint(thing))
    with pytest.raises(ValueError, match="dictionary"):
        read_torch_checkpoint(path)

"""The measurements for accelerators, run on the CPU: what they compute is right there too."""

import json

import forms
import gpu
import keras

from keras_ctsep.ops.forms import FORMS


def test_forms_and_networks_in_sixteen_bits(tmp_path, monkeypatch):
    monkeypatch.setattr(forms, "WINDOWS", {"depthwise": [(3, 1, 1)], "full": [(3, 1, 1)]})
    small = {"shapes": "1,3,5,5,4", "batch_size": 2, "num_frames": 4, "crop_size": 16, "steps": 1}
    small |= {"copied": 1000, "side": 32, "models": "CTSepResNet10 width=0.05"}
    results = gpu.main(**small, precisions="bfloat16", output=str(tmp_path))
    measured = [row for row in results["forms"] if "failed" not in row]
    assert {row["form"] for row in measured} == {*FORMS["full"], *FORMS["depthwise"]}
    # Beside float32: a bfloat16 has 8 bits.
    differences = [row["difference"] for row in measured]
    assert 1e-4 < min(differences) and max(differences) < 0.05
    (network,) = results["networks"]
    assert network["precision"] == "bfloat16" and network["train_ms"] > 0
    assert json.loads((tmp_path / "gpu.json").read_text())["networks"] == [network]
    assert "CTSepResNet10" in (tmp_path / "gpu.md").read_text()
    assert keras.config.dtype_policy().name == "float32"

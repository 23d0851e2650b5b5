"""The benchmark: what it compares is the same network, and what it writes is what it measured."""

import csv
import sys

import forms
import keras
import networks
import numpy as np
import pytest
import report
import run
import saved_activations
from checks import randomize

import keras_ctsep
from keras_ctsep.ops.forms import FORMS

SETTINGS = {"shape": (4, 16, 16, 3), "steps": 2, "seconds": 60.0, "jit_compile": None}


def small(temporal):
    return keras_ctsep.CTSepResNet10(
        101, input_shape=SETTINGS["shape"], width=0.1, temporal=temporal
    )


def in_order_of_layers(model):
    """Weights of a network of ours in the order of the same network spelled in Keras."""
    weights = []
    for layer in model.layers:
        if not hasattr(layer, "temporal_kernel"):
            weights += layer.get_weights()
            continue
        kernels = [layer.spatial_kernel, getattr(layer, "pointwise_kernel", None)]
        weights += [keras.ops.convert_to_numpy(kernel) for kernel in kernels if kernel is not None]
        weights += layer.mid_norm.get_weights()
        weights.append(keras.ops.convert_to_numpy(layer.temporal_kernel))
        weights += layer.norm.get_weights()
    return weights


@pytest.mark.parametrize("temporal", ["full", "depthwise"])
def test_spelled_in_keras_it_is_the_same_network(temporal, rng):
    model = small(temporal)
    randomize(model)
    spelled = networks.spelled_in_keras(model)
    assert not any(type(layer).__module__.startswith("keras_ctsep") for layer in spelled.layers)
    shapes = [weight.shape for weight in spelled.weights]
    spelled.set_weights(
        [
            weight.reshape(shape)
            for weight, shape in zip(in_order_of_layers(model), shapes, strict=True)
        ]
    )
    clips = rng.integers(0, 256, (1, *SETTINGS["shape"])).astype("uint8")
    want = keras.ops.convert_to_numpy(spelled(clips))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(model(clips)), want, atol=1e-5)


def test_measure_counts_and_times(monkeypatch):
    one = {"small": lambda shape: small("full")}
    monkeypatch.setattr(networks, "KERAS_NETWORKS", one)
    row = run.measure("small", 2, SETTINGS)
    assert row["parameters"] == small("full").count_params()
    assert 0 < row["train_ms_min"] <= row["train_ms"] <= row["train_ms_max"]
    assert row["train_clips_per_second"] == pytest.approx(1000 / row["train_ms"], abs=0.01)
    assert 50 < row["peak_mb"] < 100_000


def test_a_missing_package_is_left_out(monkeypatch):
    for module in ("torchvision", "torchvision.models"):
        monkeypatch.setitem(sys.modules, module, None)
    assert networks.torch_network("torchvision/r3d_18") is None


def test_rows_of_all_batch_sizes_are_written(monkeypatch, tmp_path, capsys):
    """Peaks of 100 MB and 30 MB a clip, in place of processes that measure."""

    def in_own_process(model, backend, batch_size, settings):
        if model.startswith("pytorchvideo"):
            return None
        if model == "too-large":
            raise MemoryError
        row = dict.fromkeys(report.COLUMNS, 1.0)
        return row | {
            "model": model,
            "backend": backend,
            "batch_size": batch_size,
            "peak_mb": 100 + 30 * batch_size,
        }

    monkeypatch.setattr(run, "in_own_process", in_own_process)
    rows = run.main(
        models="CTSepResNet18,too-large,torchvision/r3d_18,pytorchvideo/x3d_s",
        backends="torch,jax",
        batch_sizes="2,4",
        precision="bfloat16",
        output=str(tmp_path),
    )
    with open(tmp_path / "benchmark.csv", newline="") as file:
        written = list(csv.DictReader(file))
    assert [row["model"] for row in written[:4]] == [
        *["CTSepResNet18"] * 2,
        "torchvision/r3d_18",
        "torchvision/r3d_18 channels_last",
    ]
    assert len(written) == len(rows) == 8
    assert "too-large, jax, batch 4 failed: MemoryError" in capsys.readouterr().err
    assert {float(row["added_mb_per_clip"]) for row in written} == {30.0}
    table = (tmp_path / "benchmark.md").read_text()
    assert table.count("| CTSepResNet18 |") == 2  # the first batch size
    assert "bfloat16, batch 2" in table
    assert (tmp_path / "benchmark.png").read_bytes()[:4] == b"\x89PNG"


def test_own_process_has_its_own_backend():
    """The smallest real run: another process, the running backend, four frames of 16x16."""
    row = run.in_own_process(
        "CTSepResNet18-depthwise", keras.backend.backend(), 1, SETTINGS | {"steps": 1}
    )
    assert row["parameters"] == keras_ctsep.CTSepResNet18(101, temporal="depthwise").count_params()
    assert row["batch_size"] == 1


def test_all_forms_are_measured():
    results = forms.main(shape="1,3,4,5,2", channels="depthwise", steps=1)
    assert results["copy", None, None][0] > 0
    assert {key[2] for key in results if key[1] == (1, 3, 3)} == {"keras", *FORMS["depthwise"]}
    assert all(min(times) > 0 for key, times in results.items() if key[1])


def test_what_layers_keep_is_counted(tmp_path, monkeypatch):
    """Of a convolution without ReLU: its inputs, and its outputs, which its norm needs."""
    if keras.backend.backend() != "jax":
        with pytest.raises(ValueError, match="Expected KERAS_BACKEND=jax"):
            saved_activations.main(output=str(tmp_path))
        return
    one = {"small": lambda shape: small("full")}
    monkeypatch.setattr(networks, "KERAS_NETWORKS", one)
    kept = saved_activations.main(model="small", num_frames=4, crop_size=16, output=str(tmp_path))
    assert (tmp_path / "kept.png").read_bytes()[:4] == b"\x89PNG"
    channels = round(0.1 * 64)
    default, everything = kept["stage1_block1_conv2"]
    assert default == pytest.approx(2 * 4 * 8 * 8 * channels * 4 / 1e6, abs=1e-3)
    assert everything > 2 * default

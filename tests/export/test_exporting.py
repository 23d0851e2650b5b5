"""Exported files return the scores of Keras, know their classes, and are kept only if they do."""

import dataclasses
import importlib.util

import keras
import numpy as np
import pytest
from colour_model import CLIPS

from keras_ctsep import CTSepResNet10
from keras_ctsep.data import ClipFormat
from keras_ctsep.export import export, writers
from keras_ctsep.export.own_process import export_in_own_process
from keras_ctsep.inference import LiveClassifier, VideoClassifier
from keras_ctsep.inference.exported import RUNTIMES, ExportedModel
from keras_ctsep.layers import MaxPooling3D

NAMES = ('a "b", <c>', "d\u2028e", "\udcff$x_")
PATHS = {"onnx": "m.onnx", "litert": "m.tflite", "openvino": "m.xml", "torch": "m.pt2"}
BACKEND = keras.backend.backend()
# What this backend writes by itself; nothing on JAX.
HERE = [name for name, row in writers.WRITERS.items() if row.backend == BACKEND]
OWN = {"tensorflow": "saved_model", "torch": "torch"}.get(BACKEND)
needs_writer = pytest.mark.skipif(OWN is None, reason="JAX writes no format by itself")


def require(file_format):
    for module in (*writers.WRITERS[file_format].modules, RUNTIMES[file_format].module):
        pytest.importorskip(module)


def narrow_classifier(temporal="full", causal=False, **clips):
    """A network whose scores depend on the clip, with norms that are no identities."""
    keras.utils.set_random_seed(0)
    network = CTSepResNet10(3, width=0.0625, temporal=temporal, causal=causal)
    rng = np.random.default_rng(0)
    for weight in network.weights:
        if "norm" in weight.path:
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
    return VideoClassifier(network, NAMES, dataclasses.replace(CLIPS, **clips))


def small_classifier(sizes=(None, None, None)):
    """A dense layer on the mean colours."""
    clips = keras.Input((*sizes, 3))
    means = keras.layers.GlobalAveragePooling3D()(keras.layers.Rescaling(1 / 64)(clips))
    outputs = keras.layers.Dense(3, activation="softmax", name="classifier")(means)
    return VideoClassifier(keras.Model(clips, outputs), NAMES, CLIPS)


@pytest.fixture(scope="module")
def small():
    return small_classifier()


@pytest.mark.parametrize(
    "file_format, temporal",
    [(name, "full") for name in HERE]
    + [(name, "depthwise") for name in HERE if name in ("onnx", "torch")],
)
def test_a_file_scores_as_keras_does_for_other_batches_and_sizes(file_format, temporal, tmp_path):
    require(file_format)
    trained = narrow_classifier(temporal)
    path = tmp_path / PATHS.get(file_format, "m")
    assert export(trained, path, file_format) < 1e-5
    files = {path.name, "m.bin"} if file_format == "openvino" else {path.name}
    assert {file.name for file in tmp_path.iterdir()} == files
    found = VideoClassifier.load(path)
    assert found.class_names == NAMES and found.clips == CLIPS
    # torch.export's files have one size.
    sizes = (4, 16, 16) if file_format == "torch" else (None, None, None)
    assert found.model.input_shape == (None, *sizes, 3)
    shapes = [(2, 4, 16, 16, 3), (5, 4, 16, 16, 3)]
    for shape in shapes + [(1, 7, 24, 20, 3)] * (sizes[0] is None):
        clips = np.random.default_rng(1).integers(0, 256, shape, "uint8")
        expected = trained.model.predict_on_batch(clips)
        np.testing.assert_allclose(found.model.predict_on_batch(clips), expected, atol=1e-6)


@pytest.mark.parametrize("file_format", HERE)
def test_a_model_of_one_size_is_a_file_of_one_size(file_format, tmp_path):
    require(file_format)
    path = tmp_path / PATHS.get(file_format, "m")
    assert export(small_classifier(sizes=(4, 16, 16)), path, file_format) < 1e-5
    found = VideoClassifier.load(path, frame_stride=2)
    assert found.model.input_shape == (None, 4, 16, 16, 3)
    assert found.clips == dataclasses.replace(CLIPS, frame_stride=2)
    with pytest.raises(ValueError, match=r"4, 16, 16\. Received: clips=.*'crop_size': 8"):
        VideoClassifier.load(path, crop_size=8)


@pytest.mark.parametrize("file_format", HERE)
def test_a_streaming_file_scores_as_the_network_on_the_whole_video(file_format, tmp_path):
    require(file_format)
    trained = narrow_classifier(causal=True, num_frames=16)
    path = tmp_path / PATHS.get(file_format, "m")
    assert export(trained, path, file_format, stream_frames=8) < 1e-5
    found = VideoClassifier.load(path)
    assert found.class_names == NAMES and found.clips == trained.clips
    live = LiveClassifier(found)
    assert live.is_streaming and live.num_frames == 8
    clips = np.random.default_rng(1).integers(0, 256, (2, 16, 16, 16, 3), "uint8")
    whole = trained.model.predict_on_batch(clips)
    np.testing.assert_allclose(found.model.predict_on_batch(clips), whole, atol=1e-6)
    half = trained.model.predict_on_batch(clips[:1, :8])
    for (_, scores), expected in zip(live.scores(clips[0]), (half[0], whole[0]), strict=True):
        np.testing.assert_allclose(scores, expected, atol=1e-6)
    with pytest.raises(ValueError, match="a multiple of 8 frames. Received: 12"):
        found.model.predict_on_batch(clips[:, :12])


@pytest.mark.parametrize(
    "causal, stream_frames, calibration, message",
    [
        (False, 8, None, r"a layer that looks back only.* Received: "),
        (True, 12, None, r"a multiple of 8 frames\. Received: .*=12"),
        (True, 8, np.zeros((1, 4, 16, 16, 3)), "not both. Received: stream_frames=8"),
    ],
)
def test_what_cannot_be_a_streaming_file_is_refused(
    causal, stream_frames, calibration, message, tmp_path
):
    file_format = OWN or "saved_model"
    require(file_format)
    path = tmp_path / PATHS.get(file_format, "m")
    with pytest.raises(ValueError, match=message):
        export(narrow_classifier(causal=causal), path, file_format, calibration, stream_frames)
    assert list(tmp_path.iterdir()) == []


@needs_writer
@pytest.mark.parametrize("error, received", [(0.003, r"0\.0"), (float("nan"), "nan")])
def test_a_file_with_other_scores_is_not_kept(error, received, small, tmp_path, monkeypatch):
    path = tmp_path / PATHS.get(OWN, "m")
    row = writers.WRITERS[OWN]

    def write_wrong(model, *arguments):
        bias = model.get_layer("classifier").bias
        right = keras.ops.convert_to_numpy(bias)
        bias.assign(right + [error, 0, 0])
        try:
            row.write(model, *arguments)
        finally:
            bias.assign(right)

    monkeypatch.setitem(writers.WRITERS, OWN, row._replace(write=write_wrong))
    with pytest.raises(ValueError, match=f"scores of Keras .* a difference of {received}"):
        export(small, path, OWN)
    assert list(tmp_path.iterdir()) == []
    if RUNTIMES[OWN].ending:  # a folder would be refused
        path.write_text("an older file")
        with pytest.raises(ValueError, match="no file is left"):
            export(small, path, OWN)
        assert path.read_text() == "an older file" and list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(BACKEND != "tensorflow", reason="TensorFlow writes this format")
@pytest.mark.parametrize("sizes", [(4, 16, 16), (None, None, None)])
def test_an_operation_that_litert_does_not_have_is_one_error(tmp_path, sizes):
    require("litert")
    clips = keras.Input((*sizes, 3))
    means = keras.layers.GlobalAveragePooling3D()(keras.layers.MaxPooling3D(2)(clips))
    classifier = VideoClassifier(keras.Model(clips, means), NAMES, CLIPS)
    with pytest.raises(ValueError, match="that LiteRT can run. Received: .*FlexMaxPool3D"):
        export(classifier, tmp_path / "m.tflite", "litert")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("file_format", HERE)
def test_max_pooling_of_the_package_is_exported(tmp_path, file_format):
    require(file_format)
    sizes = (4, 16, 16) if file_format == "torch" else (None, None, None)
    clips = keras.Input((*sizes, 3))
    x = MaxPooling3D((3, 3, 3), 1, "same")(MaxPooling3D((2, 3, 3), 2, "same")(clips))
    means = keras.layers.GlobalAveragePooling3D()(x)
    classifier = VideoClassifier(keras.Model(clips, means), NAMES, CLIPS)
    assert export(classifier, tmp_path / PATHS.get(file_format, "m"), file_format) < 1e-5


@needs_writer
def test_a_process_of_its_own_writes_the_same(small, tmp_path, capsys):
    path = tmp_path / PATHS.get(OWN, "m")
    assert export_in_own_process(small, path, OWN) < 1e-5
    assert capsys.readouterr().out.count("\n") == 1
    found = VideoClassifier.load(path)
    assert found.class_names == NAMES
    clips = np.random.default_rng(1).integers(0, 256, (2, 4, 16, 16, 3), "uint8")
    expected = small.model.predict_on_batch(clips)
    np.testing.assert_allclose(found.model.predict_on_batch(clips), expected, atol=1e-6)
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=f"Expected {BACKEND} to write .* Received: .*file"):
        export_in_own_process(small, tmp_path / "file" / path.name, OWN)


def test_another_backend_writes_its_formats_or_is_named(small, tmp_path):
    file_format, other = ("saved_model", "tensorflow") if OWN == "torch" else ("torch", "torch")
    path = tmp_path / PATHS.get(file_format, "m")
    if importlib.util.find_spec(other) is None:
        command = rf"pip install 'keras_ctsep\[{other}\]'"
        with pytest.raises(ModuleNotFoundError, match=f"files need {other}: {command}"):
            export(small, path, file_format)
        assert list(tmp_path.iterdir()) == []
    else:
        assert export(small, path, file_format) < 1e-5
        assert VideoClassifier.load(path).class_names == NAMES


@pytest.mark.parametrize("file_format", ["onnx", "litert"])
@pytest.mark.skipif(BACKEND != "tensorflow", reason="TensorFlow writes these formats")
def test_8_bit_files_are_quantized_and_close(file_format, tmp_path):
    require(file_format)
    narrow = narrow_classifier()
    clips = np.random.default_rng(2).integers(0, 256, (8, 4, 16, 16, 3), "uint8")
    path = tmp_path / PATHS[file_format]
    assert 1e-4 < export(narrow, path, file_format, calibration=clips) < 0.2
    found = VideoClassifier.load(path)
    assert found.class_names == NAMES
    difference = found.model.predict_on_batch(clips) - narrow.model.predict_on_batch(clips)
    assert 1e-4 < abs(difference).max() < 0.05
    assert np.dtype("int8") in types_of(path, file_format)


def types_of(path, file_format):
    """Returns the types of the numbers in a file."""
    if file_format == "onnx":
        import onnx

        tensors = onnx.load(path).graph.initializer
        return {onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type) for tensor in tensors}
    from ai_edge_litert.interpreter import Interpreter

    details = Interpreter(str(path)).get_tensor_details()
    return {np.dtype(tensor["dtype"]) for tensor in details}


@pytest.mark.parametrize(
    "path, file_format, int8, message",
    [
        ("m.onnx", "litert", False, r"ends in \.tflite for the format litert. Received: .*m\.onnx"),
        ("m.onnx", "saved_model", False, r"that of a folder .* Received: .*m\.onnx"),
        ("m.keras", "saved_model", False, r"that of a folder .* Received: .*m\.keras"),
        ("m.tf", "tf", False, r"out of \['onnx', .*'torch'\]\. Received: format='tf'"),
        ("m.pt2", "torch", True, r"int8 out of \['onnx', 'litert'\]\. Received: format='torch'"),
        ("taken", "saved_model", False, r"new file or folder. Received: .*taken, exists"),
        ("taken.xml", "openvino", False, r"new file or folder. Received: .*taken\.xml, exists"),
    ],
)
def test_what_cannot_be_written_is_refused(small, path, file_format, int8, message, tmp_path):
    for name in ("taken", "taken.xml"):
        (tmp_path / name).mkdir()
    with pytest.raises(ValueError, match=message):
        export(small, tmp_path / path, file_format, np.zeros((1, 4, 16, 16, 3)) if int8 else None)


@needs_writer
def test_a_folder_that_cannot_be_written_is_refused_before_the_work(small, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        export(small, tmp_path / "file" / PATHS.get(OWN, "m"), OWN)


@needs_writer
def test_a_keras_model_is_exported_without_names(small, tmp_path):
    path = tmp_path / PATHS.get(OWN, "m")
    assert export_in_own_process(small.model, path, OWN) < 1e-5
    with pytest.raises(ValueError, match="Expected a file that VideoClassifier saved"):
        VideoClassifier.load(path)
    found = VideoClassifier.load(path, class_names=NAMES, **ClipFormat().to_dict())
    # PyTorch's file has the default size.
    assert found.model.input_shape[1:4] == ((16, 112, 112) if OWN == "torch" else (None,) * 3)


def test_what_is_no_model_of_clips_is_refused(tmp_path):
    images = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()])
    exported = ExportedModel(lambda clips: clips, (None, None, None, None, 3), 3)
    exported = VideoClassifier(exported, NAMES, CLIPS)
    path = tmp_path / PATHS.get(OWN, "m")
    if OWN:
        with pytest.raises(ValueError, match=r"Received: Sequential with .*\(None, 8, 8, 3\)"):
            export(images, path, OWN)
        with pytest.raises(ValueError, match="a .keras file. Received: an exported file"):
            export(exported, path, OWN)
    with pytest.raises(ValueError, match="a .keras file. Received: an exported file"):
        exported.save(tmp_path / "m.keras")


@needs_writer
def test_a_keras_model_of_one_size_needs_no_classifier(tmp_path):
    model = small_classifier(sizes=(4, 16, 16)).model
    assert export(model, tmp_path / PATHS.get(OWN, "m"), OWN) < 1e-5


@needs_writer
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_a_model_that_computes_in_16_bits_is_written_in_32(policy, small, tmp_path):
    keras.config.set_dtype_policy(policy)
    try:
        model = small_classifier().model
    finally:
        keras.config.set_dtype_policy("float32")
    model.set_weights(small.model.get_weights())
    classifier = VideoClassifier(model, small.class_names, small.clips)
    for file_format in {OWN, "onnx"} & set(HERE):
        path = tmp_path / PATHS.get(file_format, "m")
        assert export(classifier, path, file_format) < 1e-5

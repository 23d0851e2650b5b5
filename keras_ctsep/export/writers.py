"""Writing a model in another format, on the backend whose exporter is right for it."""

import pathlib
import tempfile
import warnings
from typing import NamedTuple

import keras

from keras_ctsep.inference.about import ABOUT, about_text, append_about
from keras_ctsep.inference.exported import names_of, openvino_core


class Writer(NamedTuple):
    """A row of the table of writers.

    Attributes:
        backend: the Keras backend that writes the format. Of the others, some exporters fail, and
            some write files that return other scores.
        modules: the packages that write and open it.
        write: function `(model, path, shape, about, calibration)`.
        takes_any_size: whether sizes that are free in the model are free in the file.
        takes_int8: whether `calibration` may be clips, for a file of 8-bit integers.
    """

    backend: str
    modules: tuple
    write: object
    takes_any_size: bool = True
    takes_int8: bool = False


def write(model, path, file_format, shape, about, calibration=None):
    """Writes a model in a format, on the backend of that format.

    Args:
        model: a Keras model of clips, or one that `streaming` returned.
        path: `pathlib.Path` of the file.
        file_format: name of a row of `WRITERS`.
        shape: `(None, frames, height, width, channels)` with None for free sizes.
        about: dict that the file has inside.
        calibration: None, or clips to quantize with.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of exporters about themselves
        WRITERS[file_format].write(model, path, shape, about, calibration)


def _write_with_keras(model, path, keras_format, shape, **options):
    shapes = [shape, *(state.shape for state in model.inputs[1:])]
    names, _ = names_of(len(shapes))
    inputs = [
        keras.layers.InputSpec("float32", one, name=name)
        for one, name in zip(shapes, names, strict=True)
    ]
    signature = [inputs] if len(inputs) > 1 else inputs
    model.export(str(path), keras_format, verbose=False, input_signature=signature, **options)


def _write_onnx(model, path, shape, about, calibration):
    import onnx

    _write_with_keras(model, path, "onnx", shape)
    if calibration is not None:
        _quantize_onnx(path, calibration)
    file = onnx.load(str(path))
    names = ("batch", "frames", "height", "width", "channels")
    for tensor in file.graph.input:
        for size, name in zip(tensor.type.tensor_type.shape.dim, names, strict=False):
            if size.dim_param:
                size.dim_param = name
    onnx.helper.set_model_props(file, {ABOUT: about_text(about)})
    onnx.save(file, str(path))


def _quantize_onnx(path, calibration):
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Clips(quantization.CalibrationDataReader):
        def __init__(self):
            self.clips = iter(calibration)

        def get_next(self):
            clip = next(self.clips, None)
            return None if clip is None else {"clips": clip[None].astype("float32")}

    with tempfile.TemporaryDirectory() as folder:
        prepared = pathlib.Path(folder, "prepared.onnx")
        quant_pre_process(path, prepared, skip_symbolic_shape=True)
        # One scale a channel: depthwise kernels differ much from channel to channel.
        quantization.quantize_static(prepared, path, Clips(), per_channel=True)


def _write_litert(model, path, shape, about, calibration):
    import tensorflow as tf

    options = {}
    if calibration is not None:
        options["optimizations"] = [tf.lite.Optimize.DEFAULT]
        options["representative_dataset"] = lambda: (
            [clip[None].astype("float32")] for clip in calibration
        )
    _write_with_keras(model, path, "litert", shape, **options)
    append_about(path, about)


def _write_saved_model(model, path, shape, about, _):
    _write_with_keras(model, path, "tf_saved_model", shape)
    (path / "assets.extra").mkdir()
    (path / "assets.extra" / ABOUT).write_text(about_text(about), encoding="utf-8")


def _write_openvino(model, path, shape, about, _):
    import openvino

    with tempfile.TemporaryDirectory() as folder:
        plain = pathlib.Path(folder, "plain.xml")
        _write_with_keras(model, plain, "openvino", shape)
        file = openvino_core().read_model(plain)
        _, names = names_of(len(file.inputs))
        for index, name in enumerate(names):  # OpenVINO has the outputs in another order
            output = file.output(f"Identity_{index}:0" if index else "Identity:0")
            output.get_tensor().set_names({name})
        file.set_rt_info(about_text(about), [ABOUT])
        openvino.serialize(file, path, path.with_suffix(".bin"))


def _write_torch(model, path, shape, about, _):
    import torch

    with tempfile.TemporaryDirectory() as folder:
        plain = pathlib.Path(folder, "plain.pt2")
        batch = {0: torch.export.Dim("batch")}
        if len(model.inputs) > 1:
            batch = [([batch] * len(model.inputs),)]
        _write_with_keras(model, plain, "torch", shape, dynamic_shapes=batch)
        program = torch.export.load(plain)
        torch.export.save(program, path, extra_files={ABOUT: about_text(about)})


WRITERS = {
    "onnx": Writer("tensorflow", ("tf2onnx", "onnx"), _write_onnx, takes_int8=True),
    "litert": Writer("tensorflow", (), _write_litert, takes_int8=True),
    "saved_model": Writer("tensorflow", (), _write_saved_model),
    "openvino": Writer("tensorflow", ("scipy",), _write_openvino),
    # torch.export has guards for lengths and sizes: a file would take a few others at most.
    "torch": Writer("torch", (), _write_torch, takes_any_size=False),
}

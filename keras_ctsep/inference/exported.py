"""Exported files, each opened in the runtime of its format."""

import functools
import importlib.util
import json
import os
import pathlib
from typing import NamedTuple

import keras
import numpy as np

from keras_ctsep.inference.about import ABOUT, read_about
from keras_ctsep.inference.streaming import initial_states, score_steps


class ExportedModel:
    """A network in another runtime, with those methods of a Keras model that predict.

    Args:
        run: function from float32 clips to scores.
        input_shape: `(None, frames, height, width, channels)`, with None for sizes that are free.
        num_classes: number of scores of a clip.
    """

    def __init__(self, run, input_shape, num_classes):
        self._run = run
        self.input_shape = tuple(input_shape)
        self.output_shape = (None, num_classes)

    def predict_on_batch(self, clips):
        """Returns scores `(batch, num_classes)` of clips, uint8 or float."""
        return np.asarray(self._run(np.ascontiguousarray(clips, "float32")))

    def predict(self, clips, batch_size=32, verbose=0, callbacks=None):
        """Returns the scores of all clips, as `keras.Model.predict` does.

        Args:
            clips: array of clips, or a `keras.utils.PyDataset` whose batches begin with clips.
            batch_size: number of clips in a batch of an array.
            verbose: whether to show a progress bar.
            callbacks: None; only Keras's models have any.

        Returns:
            Array `(num_clips, num_classes)`.

        Raises:
            ValueError: for callbacks.
        """
        if callbacks:
            raise ValueError(f"Expected no callbacks. Received: callbacks={callbacks}")
        if isinstance(clips, keras.utils.PyDataset):
            batches, num_batches = (clips[index][0] for index in range(len(clips))), len(clips)
        else:
            starts = range(0, len(clips), batch_size)
            batches = (clips[start : start + batch_size] for start in starts)
            num_batches = len(starts)
        bar = keras.utils.Progbar(num_batches, verbose=verbose)
        scores = []
        for batch in batches:
            scores.append(self.predict_on_batch(batch))
            bar.add(1)
        return np.concatenate(scores)


class ExportedStream(ExportedModel):
    """A streaming network in another runtime. Clips are scored a few frames at a time.

    Args:
        step: function from the arrays `[frames, *states]` to `[scores, *new_states]`.
        input_shapes: `(None, frames, height, width, channels)`, then the shapes of the states.
        num_classes: number of scores of a clip.

    Attributes:
        step: the function.
        inputs: `keras.KerasTensor` of each input, as those of a Keras model.
    """

    def __init__(self, step, input_shapes, num_classes):
        self.step = lambda arrays: step([np.ascontiguousarray(x, "float32") for x in arrays])
        self.inputs = [keras.KerasTensor((None, *shape[1:]), "float32") for shape in input_shapes]
        super().__init__(self._score, (None, None, *input_shapes[0][2:]), num_classes)

    def _score(self, clips):
        states, num_frames = initial_states(self, len(clips)), self.inputs[0].shape[1]
        *_, scores = score_steps(self.step, clips, states, num_frames)
        return scores


class Runtime(NamedTuple):
    """A row of the table of runtimes.

    Attributes:
        title: what people call the format.
        ending: of its files; empty for a folder.
        module: the package that opens them.
        extra: the extra of this package that brings it.
        open: function from a path to `(run, input_shapes, num_classes, about)`; `run` is a
            function from the list of inputs to that of outputs, in the order of `names_of`.
    """

    title: str
    ending: str
    module: str
    extra: str
    open: object


def open_exported(path, file_format=None):
    """Opens an exported file in the runtime of its format, on the CPU.

    Args:
        path: file or folder that `keras_ctsep.export.export` wrote.
        file_format: name of a row of `RUNTIMES`; default: by the ending of the path.

    Returns:
        A tuple of the `ExportedModel` or `ExportedStream`, and of what the file has beside it, a
        dict.

    Raises:
        ModuleNotFoundError: without the runtime.
        ValueError: when the runtime cannot open the file.
    """
    path = os.fspath(path)
    runtime = RUNTIMES[file_format or format_of(path)]
    require_modules(f"{runtime.title} files", [runtime.module], [runtime.extra])
    try:
        if not os.path.exists(path):
            raise ValueError("no such file")
        run, input_shapes, num_classes, about = runtime.open(path)
        about = json.loads(about) if isinstance(about, str) else about
    except Exception as error:  # each runtime raises errors of its own
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        message = f"{path}: Expected a file in the format {runtime.title}. Received: {reason}"
        raise ValueError(message) from error
    if len(input_shapes) > 1:
        return ExportedStream(run, input_shapes, num_classes), about or {}
    [shape] = input_shapes
    return ExportedModel(lambda x: run([x])[0], (None, *shape[1:]), num_classes), about or {}


def names_of(number):
    """Returns the names of a number of inputs of a file, and of as many outputs.

    What came out as `output_1` goes in again as `state_1`, and so on.

    Example:
    >>> names_of(2)
    (['clips', 'state_1'], ['output_0', 'output_1'])
    """
    states = [f"state_{index}" for index in range(1, number)]
    return ["clips", *states], [f"output_{index}" for index in range(number)]


def format_of(path):
    """Returns the format of an exported file by the ending of its path, else None.

    Example:
    >>> format_of("best.onnx"), format_of("best.keras")
    ('onnx', None)
    """
    path = pathlib.Path(path)
    if path.is_dir():  # that of a run is none
        return "saved_model" if (path / "saved_model.pb").exists() else None
    endings = {row.ending: name for name, row in RUNTIMES.items() if row.ending}
    return endings.get(path.suffix)


def require_modules(subject, modules, extras):
    """Raises unless packages are installed, with the one command that brings them.

    Args:
        subject: what needs them, for the message.
        modules: names of top modules.
        extras: the extras of this package that have them.

    Raises:
        ModuleNotFoundError: when one is missing.
    """
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    if missing:
        raise ModuleNotFoundError(
            f"{subject} need {', '.join(missing)}: "
            f"pip install 'keras_ctsep[{','.join(dict.fromkeys(extras))}]'"
        )


def _open_onnx(path):
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    inputs = {tensor.name: tensor for tensor in session.get_inputs()}
    names, _ = names_of(len(inputs))  # ONNX files have their outputs in order
    about = session.get_modelmeta().custom_metadata_map.get(ABOUT)
    shapes = [
        [size if isinstance(size, int) else None for size in inputs[name].shape] for name in names
    ]

    def run(arrays):
        return session.run(None, dict(zip(names, arrays, strict=True)))

    return run, shapes, session.get_outputs()[0].shape[-1], about


def _open_litert(path):
    from ai_edge_litert.interpreter import Interpreter

    about = read_about(path)
    interpreter = Interpreter(path, num_threads=os.cpu_count())
    signature = interpreter.get_signature_runner()
    inputs, outputs = signature.get_input_details(), signature.get_output_details()
    names, new_names = names_of(len(inputs))
    inputs, outputs = [inputs[name] for name in names], [outputs[name] for name in new_names]
    sizes = None

    def run(arrays):
        nonlocal sizes
        try:
            if arrays[0].shape != sizes:
                for tensor, array in zip(inputs, arrays, strict=True):
                    interpreter.resize_tensor_input(tensor["index"], array.shape)
                interpreter.allocate_tensors()
                sizes = arrays[0].shape
            for tensor, array in zip(inputs, arrays, strict=True):
                interpreter.set_tensor(tensor["index"], array)
            interpreter.invoke()
        except RuntimeError as error:  # an operation that LiteRT does not have
            message = f"{path}: Expected a file that LiteRT can run. Received: {error}"
            raise ValueError(message) from error
        return [interpreter.get_tensor(tensor["index"]) for tensor in outputs]

    shapes = [
        [None if size < 0 else int(size) for size in tensor["shape_signature"]] for tensor in inputs
    ]
    return run, shapes, int(outputs[0]["shape_signature"][-1]), about


@functools.cache
def openvino_core():
    """Returns the one `openvino.Core` of this process.

    Each sets a stack for signal handlers. Where two have been, the one of the first is in use
    again after it was freed (OpenVINO 2026.4), and the next Ctrl-C crashes Python.
    """
    import openvino

    return openvino.Core()


def _open_openvino(path):
    core = openvino_core()
    model = core.read_model(path)
    about = model.get_rt_info([ABOUT]).value if model.has_rt_info([ABOUT]) else None
    # Its own choice is bfloat16 where the processor has it, which changes the third digit.
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    names, new_names = names_of(len(model.inputs))
    shapes = [
        [None if size.is_dynamic else size.get_length() for size in model.input(name).partial_shape]
        for name in names
    ]

    def run(arrays):
        found = compiled(dict(zip(names, arrays, strict=True)))
        return [found[name] for name in new_names]

    return run, shapes, model.output("output_0").partial_shape[-1].get_length(), about


def _open_saved_model(path):
    import tensorflow as tf

    loaded = tf.saved_model.load(path)
    serve = loaded.signatures["serving_default"]
    inputs = serve.structured_input_signature[1]
    names, new_names = names_of(len(inputs))

    def run(arrays, loaded=loaded):  # which has the weights as long as somebody holds it
        found = serve(**dict(zip(names, map(tf.constant, arrays), strict=True)))
        return [found[name].numpy() for name in new_names]

    file = pathlib.Path(path, "assets.extra", ABOUT)
    about = file.read_text(encoding="utf-8") if file.exists() else None
    shapes = [inputs[name].shape.as_list() for name in names]
    return run, shapes, serve.structured_outputs["output_0"].shape[-1], about


def _open_torch(path):
    import torch

    extra = {ABOUT: ""}
    program = torch.export.load(path, extra_files=extra)
    tensors = {node.name: node.meta.get("val") for node in program.graph.nodes}
    inputs, outputs = program.graph_signature.user_inputs, program.graph_signature.user_outputs
    module = program.module()

    def run(arrays):
        clips, *states = map(torch.from_numpy, arrays)
        with torch.no_grad():
            found = module([clips, *states]) if states else [module(clips)]
        return [tensor.numpy() for tensor in found]

    shapes = [
        [size if isinstance(size, int) else None for size in tensors[name].shape] for name in inputs
    ]
    return run, shapes, tensors[outputs[0]].shape[-1], extra[ABOUT] or None


RUNTIMES = {
    "onnx": Runtime("ONNX", ".onnx", "onnxruntime", "onnx", _open_onnx),
    "litert": Runtime("LiteRT", ".tflite", "ai_edge_litert", "litert", _open_litert),
    "saved_model": Runtime("SavedModel", "", "tensorflow", "tensorflow", _open_saved_model),
    "openvino": Runtime("OpenVINO", ".xml", "openvino", "openvino", _open_openvino),
    "torch": Runtime("torch.export", ".pt2", "torch", "torch", _open_torch),
}

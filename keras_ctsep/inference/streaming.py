"""Causal networks that take a video as it comes, a few frames at a time."""

import keras
import numpy as np

from keras_ctsep.layers import AddReLU, ReZero, RunningMean, StreamingStep

_LAYERS = keras.layers
_TENSOR = keras.KerasTensor
# What treats each frame by itself, or comes after the pooling.
_WITHOUT_TIME = (
    AddReLU,
    ReZero,
    _LAYERS.Activation,
    _LAYERS.Add,
    _LAYERS.BatchNormalization,
    _LAYERS.Dense,
    _LAYERS.Dropout,
    _LAYERS.Multiply,
    _LAYERS.ReLU,
    _LAYERS.Rescaling,
)


def streaming(model, input_shape=None, num_frames=None):
    """Turns a causal network into one that takes a few frames at a time, with the same weights.

    What it has to know of earlier frames are states: tensors that go in with the frames and come
    out new. After any number of frames the scores are those of the network on the whole video so
    far. No frame is computed twice.

    The result is an ordinary functional model, which is saved and exported like any other. It is
    for inference: its norms use their moving statistics.

    Args:
        model: a functional `keras.Model` whose layers look back only, such as
            `CTSepResNet18(causal=True)`, with one input and one output.
        input_shape: `(frames, height, width, channels)` of what it takes at a time. Frames, if not
            None, must be a multiple of `frames_per_step(model)`; height and width must be known,
            since they are sizes of states. Default: the model's own, with any number of frames.
        num_frames: the scores are for so many of the latest frames, a multiple of
            `frames_per_step(model)`. Default: for all frames so far. The `CausalMeans` of a
            MoViNet are always of all frames so far.

    Returns:
        A `keras.Model` from `[frames, *states]` to `[scores, *new_states]`. States have up to four
        axes; `initial_states` makes the first ones.

    Raises:
        ValueError: for a model with a layer that looks ahead or that is not known to look back
            only, unknown height or width, and numbers of frames that the strides do not divide.

    Example:
    >>> import numpy as np
    >>> from keras_ctsep import CTSepResNet10
    >>> model = CTSepResNet10(3, width=0.0625, causal=True)
    >>> stream = streaming(model, (None, 16, 16, 3))
    >>> frames, states = np.ones((1, 8, 16, 16, 3)), initial_states(stream)
    >>> for _ in range(3):
    ...     scores, *states = stream.predict_on_batch([frames, *states])
    >>> tuple(scores.shape)
    (1, 3)

    Reference:
        Kondratyuk et al. 2021, "MoViNets: Mobile Video Networks for Efficient Video Recognition",
        arXiv 2103.11511, section 3.2.
    """
    input_shape = _input_shape(model, input_shape)
    multiple = frames_per_step(model)
    for name, number in (("input_shape[0]", input_shape[0]), ("num_frames", num_frames)):
        if number is not None and (number < 1 or number % multiple):
            raise ValueError(f"Expected a multiple of {multiple} frames. Received: {name}={number}")
    frames = keras.Input(input_shape, dtype=model.input.dtype, name=model.input.name)
    here, states, new_states = {id(model.input): frames}, [], []
    for layer, inputs, output in _calls(model):
        arguments = [here[id(tensor)] for tensor in inputs]
        step = _step(layer, num_frames and num_frames // multiple)
        if isinstance(step, (StreamingStep, RunningMean)):
            remembers = layer if isinstance(step, StreamingStep) else step
            shape = remembers.state_shape(arguments[0].shape)
            states.append(keras.Input(shape, dtype=step.compute_dtype, name=f"{layer.name}_state"))
            here[id(output)], new_state = step(arguments[0], states[-1])
            new_states.append(new_state)
        else:
            here[id(output)] = step(arguments if len(arguments) > 1 else arguments[0])
        step.set_weights(layer.get_weights())
    outputs = [here[id(model.output)], *new_states]
    return keras.Model([frames, *states], outputs, name=f"{model.name}_stream")


def streaming_for_clips(model, clips, num_frames=None):
    """Returns the streaming network whose scores are for the latest clip.

    Args:
        model: as for `streaming`.
        clips: `keras_ctsep.data.ClipFormat`. Of its `num_frames`, as many of the latest frames
            count as the strides divide.
        num_frames: number of frames at a time; default: `frames_per_step(model)`.
    """
    step, side = frames_per_step(model), clips.crop_size
    shape = (num_frames or step, side, side, model.input.shape[-1])
    return streaming(model, shape, max(step, clips.num_frames // step * step))


def score_steps(step, clips, states, num_frames):
    """Yields the scores of whole clips after each step of a streaming network.

    Args:
        step: function from `[frames, *states]` to `[scores, *new_states]`.
        clips: array `(batch, frames, height, width, channels)`.
        states: the states before the first frame.
        num_frames: number of frames at a time.
    """
    if not clips.shape[1] or clips.shape[1] % num_frames:
        raise ValueError(
            f"Expected clips of a multiple of {num_frames} frames. Received: {clips.shape[1]}"
        )
    for start in range(0, clips.shape[1], num_frames):
        scores, *states = step([clips[:, start : start + num_frames], *states])
        yield scores


def initial_states(stream, batch_size=1):
    """Returns the states before the first frame.

    Args:
        stream: a model that `streaming` returned.
        batch_size: number of videos side by side.

    Returns:
        list of arrays of zeros.

    Example:
    >>> from keras_ctsep import CTSepResNet10
    >>> stream = streaming(CTSepResNet10(3, width=0.0625, causal=True), (8, 16, 16, 3))
    >>> states = initial_states(stream)
    >>> states[0].shape, states[-1].shape
    ((1, 2, 64, 3), (1, 1, 33))
    """
    return [np.zeros((batch_size, *state.shape[1:]), state.dtype) for state in stream.inputs[1:]]


def frames_per_step(model):
    """Returns the smallest number of frames that a causal network can take at a time.

    That is the product of its strides over time: one column of features comes out for so many
    frames.

    Args:
        model: as for `streaming`.

    Raises:
        ValueError: for a model that is not functional, or with a layer that is called twice.

    Example:
    >>> from keras_ctsep import CTSepResNet10, CTSepXception
    >>> frames_per_step(CTSepResNet10(3, width=0.0625, causal=True))
    8
    """
    strides = {id(model.input): 1}
    for layer, inputs, output in _calls(model):
        before = max(strides[id(tensor)] for tensor in inputs)
        strides[id(output)] = before * getattr(layer, "strides", (1,))[0]
    return max(strides.values())


def _input_shape(model, input_shape):
    if not isinstance(model, keras.Model) or not isinstance(getattr(model, "input", 0), _TENSOR):
        raise ValueError(f"Expected a functional model with one input. Received: {model}")
    shape = tuple(input_shape or (None, *model.input.shape[2:]))
    if len(shape) != 4 or None in shape[1:]:
        raise ValueError(
            "Expected `input_shape` (frames, height, width, channels) with known height and width. "
            f"Received: input_shape={shape}"
        )
    return shape


def _calls(model):
    """Yields `(layer, list of inputs, output)` for each layer, in the order of computation."""
    known = {id(model.input)}
    for layer in model.operations:
        if isinstance(layer, _LAYERS.InputLayer):
            continue
        inputs = layer.input if isinstance(layer.input, list) else [layer.input]
        # Of a layer with several calls, Keras tells those of the first.
        if not known.issuperset(map(id, inputs)):
            break
        known.add(id(layer.output))
        yield layer, inputs, layer.output
    if id(model.output) not in known:
        raise ValueError(
            "Expected a functional model with one output, of layers that are called once, in this "
            f"model alone. Received: {model}"
        )


def _step(layer, num_frames):
    """Returns the layer that does with a few frames what this one does with all of them."""
    if isinstance(layer, _LAYERS.GlobalAveragePooling3D) and not layer.keepdims:
        return RunningMean(num_frames, name=layer.name, dtype=layer.dtype_policy)
    if not _looks_back_only(layer):
        raise ValueError(
            f"{layer.name}: Expected a layer that looks back only, as in a network that was made "
            f"with causal=True, or MoViNetA0Stream. Received: {type(layer).__name__}"
        )
    copy = type(layer).from_config(layer.get_config())
    if not getattr(layer, "num_remembered", 0):
        return copy
    return StreamingStep(copy, name=layer.name, dtype=layer.dtype_policy)


def _looks_back_only(layer):
    if isinstance(layer, (_LAYERS.AveragePooling3D, _LAYERS.MaxPooling3D)):
        return layer.pool_size[0] == layer.strides[0] == 1
    if isinstance(layer, _LAYERS.ZeroPadding3D):
        return not any(layer.padding[0])
    return getattr(layer, "looks_back_only", isinstance(layer, _WITHOUT_TIME))

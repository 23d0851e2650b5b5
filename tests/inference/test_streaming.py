"""A video in chunks is the whole video: the same scores, however it is cut."""

import keras
import numpy as np
import pytest
from checks import randomize

from keras_ctsep import layers, models
from keras_ctsep.inference import frames_per_step, initial_states, streaming

SIZES = (24, 16, 16, 3)


def small_network():
    """Every layer that can be streamed, with strides, dilation and all ways of padding."""
    clips = keras.Input((None, 8, 9, 3))
    x = keras.layers.Rescaling(1 / 64, offset=-1.0)(clips)
    x = layers.Conv3D(4, 3, strides=2, padding="causal", activation="relu", use_norm=True)(x)
    x = layers.DepthwiseConv3D((3, 2, 2), padding="causal", dilation_rate=(3, 1, 1))(x)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.MaxPooling3D((1, 2, 2), padding="same")(x)
    x = layers.Conv2Plus1D(4, 3, padding=("causal", 1, 1), dilation_rate=(2, 1, 1))(x)
    wide = layers.CTSeparableConv3D(
        5, 3, strides=(2, 1, 1), padding="causal", depth_multiplier=2, activation="tanh"
    )(x)
    shortcut = layers.Conv3D(5, 1, strides=(2, 1, 1), use_norm=True)(x)
    x = layers.AddReLU()([wide, shortcut])
    x = keras.layers.Add()([x, keras.layers.Activation("tanh")(keras.layers.ReLU()(x))])
    x = layers.CTSeparableConv3D(4, 3, padding="causal", use_mid_norm=False)(x)
    x = keras.layers.Dropout(0.5)(keras.layers.GlobalAveragePooling3D()(x))
    return keras.Model(clips, keras.layers.Dense(3)(x))


def make(network):
    shape = (None, *SIZES[1:])
    if network == "small":
        model = small_network()
    elif network == "MoViNetA0Stream":
        options = {"width": 0.25, "classifier_activation": None}  # softmax would level the scores
        model = models.MoViNetA0Stream(5, input_shape=shape, **options)
    else:
        temporal = network.removeprefix("CTSepResNet10 ")
        options = {"width": 0.0625, "causal": True, "temporal": temporal}
        model = models.CTSepResNet10(5, input_shape=shape, **options)
    randomize(model)
    return model


def clips_for(model, rng, num_frames=SIZES[0]):
    sizes = (2, num_frames, *model.input_shape[2:])
    return rng.integers(0, 256, size=sizes).astype("float32")


def run(stream, clips, length):
    """Yields what comes out after each chunk."""
    states = initial_states(stream, len(clips))
    for start in range(0, clips.shape[1], length):
        chunk = clips[:, start : start + length]
        scores, *states = stream.predict_on_batch([chunk, *states])
        yield scores


@pytest.mark.parametrize(
    "network, multiple, lengths",
    [
        ("small", 4, (4, 8, 12)),
        ("CTSepResNet10 full", 8, (8,)),
        ("CTSepResNet10 depthwise", 8, (8, 16)),
        ("MoViNetA0Stream", 1, (1, 8)),
    ],
)
def test_chunk_by_chunk_equals_the_whole_clip(network, multiple, lengths, rng, tmp_path):
    """One model for every length, and the same after it was saved."""
    model = make(network)
    clips = clips_for(model, rng)
    # Each length is compiled on some backends.
    wanted = {stop: model.predict_on_batch(clips[:, :stop]) for stop in (8, SIZES[0])}
    assert frames_per_step(model) == multiple
    streaming(model).save(tmp_path / "stream.keras")
    stream = keras.saving.load_model(tmp_path / "stream.keras")
    assert max(len(state.shape) for state in stream.inputs[1:]) <= 4
    assert [state.shape for state in stream.inputs[1:]] == [x.shape for x in stream.outputs[1:]]
    for length in lengths:
        stops = [*range(length, SIZES[0], length), SIZES[0]]
        for stop, scores in zip(stops, run(stream, clips, length), strict=True):
            if stop in wanted:
                np.testing.assert_allclose(scores, wanted[stop], atol=1e-5)
    # The frames before matter, or nothing would be proved.
    alone = model.predict_on_batch(clips[:, -8:])
    assert np.abs(alone - wanted[SIZES[0]]).max() > 1e-3


def test_scores_for_the_latest_frames_alone(rng):
    """With features out of the whole clip, and a mean that NumPy takes."""
    model = make("small")
    clips = clips_for(model, rng)
    pool, classifier = model.layers[-3], model.layers[-1]
    features = keras.Model(model.input, pool.input)(clips, training=False)
    features = keras.ops.convert_to_numpy(features).mean(axis=(2, 3))
    kernel, bias = classifier.get_weights()
    stream = streaming(model, num_frames=8)
    for number, scores in enumerate(run(stream, clips, 4), start=1):
        latest = features[:, max(0, number - 2) : number].mean(axis=1)
        np.testing.assert_allclose(scores, latest @ kernel + bias, atol=1e-5)


def test_features_come_out_chunk_by_chunk(rng):
    model = make("small")
    features = keras.Model(model.input, model.layers[-3].input)
    clips = clips_for(model, rng, num_frames=12)
    want = keras.ops.convert_to_numpy(features(clips, training=False))
    for number, got in enumerate(run(streaming(features), clips, 4)):
        np.testing.assert_allclose(got, want[:, number : number + 1], atol=1e-5)


def open_onnx(path, names):
    session = pytest.importorskip("onnxruntime").InferenceSession(path)
    return lambda tensors: session.run(None, dict(zip(names, tensors, strict=True)))


def open_litert(path, names):
    interpreter = pytest.importorskip("ai_edge_litert.interpreter").Interpreter(path)
    signature = interpreter.get_signature_runner()

    def step(tensors):
        outputs = signature(**dict(zip(names, tensors, strict=True)))
        return [outputs[f"output_{number}"] for number in range(len(outputs))]

    return step


@pytest.mark.parametrize(
    "kind, needed, temporal, open_file",
    [
        ("onnx", "tf2onnx", "full", open_onnx),
        ("litert", "ai_edge_litert", "depthwise", open_litert),
    ],
)
def test_exported_it_equals_the_whole_clip(kind, needed, temporal, open_file, rng, tmp_path):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("exported from TensorFlow")
    pytest.importorskip(needed)
    model = make(f"CTSepResNet10 {temporal}")
    stream = streaming(model)
    clips = clips_for(model, rng)
    next(run(stream, clips, 8))  # a model that was never called is not exported
    path = str(tmp_path / {"onnx": "stream.onnx", "litert": "stream.tflite"}[kind])
    stream.export(path, format=kind, verbose=False)
    step = open_file(path, [tensor.name for tensor in stream.inputs])
    states = initial_states(stream, len(clips))
    for stop in range(8, SIZES[0] + 1, 8):
        scores, *states = step([clips[:, stop - 8 : stop], *states])
        want = keras.ops.convert_to_numpy(model(clips[:, :stop], training=False))
        np.testing.assert_allclose(scores, want, atol=1e-5)


def twice(clips):
    layer = keras.layers.ReLU()
    return keras.Model(clips, layer(layer(clips)))


CLIPS = keras.Input((None, 16, 16, 3))
REFUSED = [
    (lambda: models.CTSepResNet10(3, width=0.0625), {}, "known height"),
    (
        lambda: models.CTSepResNet10(3, width=0.0625),
        {"input_shape": (8, 16, 16, 3)},
        "stem_conv: .*causal=True",
    ),
    (
        lambda: models.CTSepResNet10(3, width=0.0625, causal=True),
        {"input_shape": (12, 16, 16, 3)},
        r"multiple of 8 frames.*Received: input_shape\[0\]=12",
    ),
    (
        lambda: models.CTSepResNet10(3, width=0.0625, causal=True),
        {"input_shape": (8, 16, 16, 3), "num_frames": 20},
        "multiple of 8 frames.*Received: num_frames=20",
    ),
    (
        lambda: keras.Model(CLIPS, keras.layers.AveragePooling3D(2)(CLIPS)),
        {},
        "Received: AveragePooling3D",
    ),
    (lambda: keras.Model(CLIPS, layers.Conv3D(2, (2, 1, 1))(CLIPS)), {}, "causal=True"),
    (lambda: twice(CLIPS), {}, "called once, in this model"),
    (lambda: keras.Sequential([keras.layers.ReLU()]), {}, "functional"),
]


@pytest.mark.parametrize("make_model, arguments, message", REFUSED)
def test_what_cannot_be_streamed_is_refused(make_model, arguments, message):
    with pytest.raises(ValueError, match=message):
        streaming(make_model(), **arguments)


def test_a_chunk_that_the_strides_do_not_divide_is_refused():
    stream = streaming(make("small"))
    with pytest.raises(ValueError, match="multiple of 2 frames at a time. Received: 3"):
        stream([np.zeros((1, 3, 8, 9, 3), "float32"), *initial_states(stream)])


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "float16"])
def test_means_count_further_than_16_bits(dtype):
    """By hand: of 300 frames of 0 and 300 of 1 the mean is 0.5."""
    frames = np.repeat(np.array([0, 1], "float32"), 300).reshape(1, 600, 1, 1, 1)
    running, causal = layers.RunningMean(dtype=dtype), layers.CausalMeans(dtype=dtype)
    means, state = running(frames[:, :400], np.zeros((1, 1, 2), "float32"))
    means, state = running(frames[:, 400:], state)
    assert float(means[0, 0]) == 0.5 and float(state[0, 0, 0]) == 600
    assert float(causal(frames)[0, -1, 0, 0, 0]) == 0.5


def test_a_layer_that_remembers_nothing_needs_no_step():
    with pytest.raises(
        ValueError, match="two frames or more in the window. Received: kernel_size="
    ):
        layers.StreamingStep(layers.Conv3D(4, (1, 3, 3), padding="same"))


def test_chunks_of_changing_length_are_checked_too():
    """TensorFlow then makes a graph for any number of frames, and the check is part of it."""
    stream = streaming(make("small"))
    states = initial_states(stream)
    for num_frames in (4, 8, 12):
        _, *states = stream.predict_on_batch(
            [np.zeros((1, num_frames, 8, 9, 3), "float32"), *states]
        )
    with pytest.raises(Exception, match="multiple of 2 frames at a time"):
        stream.predict_on_batch([np.zeros((1, 6, 8, 9, 3), "float32"), *states])

"""The networks that `run.py` measures: ours, the same in layers of Keras, and PyTorch's."""

import json
import math
import os
import sys
import types

import keras

import keras_ctsep
from keras_ctsep import layers
from keras_ctsep.layers.add_relu import AddReLU
from keras_ctsep.models import make_network

NUM_CLASSES = 101
NOT_RECOMPUTED = "-not-recomputed"


def keras_network(name, input_shape):
    """Builds one of `KERAS_NETWORKS`, or any network of the package by its name and options.

    "-not-recomputed" after the name keeps all activations.

    Example:
    >>> keras_network("CTSepResNet10 width=0.25 temporal=depthwise", (8, 32, 32, 3)).name
    'CTSepResNet10'
    """
    if name.endswith(NOT_RECOMPUTED):
        os.environ["KERAS_CTSEP_REMAT"] = "0"  # read in each call, of this process alone
        name = name.removesuffix(NOT_RECOMPUTED)
    if name in KERAS_NETWORKS:
        return KERAS_NETWORKS[name](input_shape)
    name, _, options = name.partition(" ")
    return keras_ctsep.models.make_network(
        name, NUM_CLASSES, input_shape=input_shape, **read_options(options)
    )


def read_options(text):
    """Returns the dict of "name=value" with spaces between; values are JSON or else words.

    Example:
    >>> read_options("width=0.5 flip=false temporal=depthwise")
    {'width': 0.5, 'flip': False, 'temporal': 'depthwise'}
    """
    options = {}
    for option in text.split():
        name, equals, value = option.partition("=")
        if not equals:
            raise ValueError(f"Options must be name=value. Received: {option}")
        try:
            options[name] = json.loads(value)
        except ValueError:
            options[name] = value
    return options


def ctsep18(temporal, spelled=False):
    """Returns a function from an input shape to a CTSepResNet18."""

    def build(input_shape):
        model = keras_ctsep.CTSepResNet18(NUM_CLASSES, input_shape=input_shape, temporal=temporal)
        return spelled_in_keras(model) if spelled else model

    return build


def published(name):
    """Returns a function from an input shape to the network of that name."""
    return lambda input_shape: make_network(name, NUM_CLASSES, input_shape=input_shape)


def r2plus1d18(spelled=False):
    """Returns a function from an input shape to an R(2+1)D-18."""

    def build(input_shape):
        model = keras_ctsep.R2Plus1D18(NUM_CLASSES, input_shape=input_shape)
        return spelled_in_keras(model) if spelled else model

    return build


KERAS_NETWORKS = {
    "CTSepResNet18": ctsep18("full"),
    "CTSepResNet18-depthwise": ctsep18("depthwise"),
    "R2Plus1D18": r2plus1d18(),
    **{name: published(name) for name in ("S3D", "CTSepS3D", "X3D_S", "X3D_M", "IRCSN101")},
    "CTSepResNet18-in-keras": ctsep18("full", spelled=True),
    "CTSepResNet18-depthwise-in-keras": ctsep18("depthwise", spelled=True),
    "R2Plus1D18-in-keras": r2plus1d18(spelled=True),
}


def spelled_in_keras(model):
    """Returns the same network of Keras's own layers, with fresh weights."""
    keras_layers = keras.layers

    def conv3d(axis_sizes, strides, filters, groups=1):
        padding = [size // 2 for size in axis_sizes]
        pad = [keras_layers.ZeroPadding3D(padding)] if any(padding) else []
        return [
            *pad,
            keras_layers.Conv3D(
                filters, axis_sizes, strides=strides, groups=groups, use_bias=False
            ),
        ]

    def norm():
        return keras_layers.BatchNormalization(momentum=0.9, epsilon=1e-5)

    def factors_of(layer):
        time, height, width = layer.kernel_size
        space, filters, channels = (1, *layer.strides[1:]), layer.filters, layer.input.shape[-1]
        if isinstance(layer, layers.Conv3D):
            return conv3d(layer.kernel_size, layer.strides, filters)
        groups = 1
        if isinstance(layer, layers.Conv2Plus1D):
            factors = conv3d((1, height, width), space, layer.mid_filters_for(channels))
        else:
            factors = conv3d((1, height, width), space, channels, groups=channels)
            factors += conv3d((1, 1, 1), 1, filters)
            groups = filters if layer.temporal == "depthwise" else 1
        over_time = conv3d((time, 1, 1), (layer.strides[0], 1, 1), filters, groups)
        return [*factors, norm(), keras_layers.ReLU(), *over_time]

    def clone(layer):
        if isinstance(layer, AddReLU):
            terms = [keras.Input(term.shape[1:]) for term in layer.input]
            total = keras_layers.ReLU()(keras_layers.Add()(terms))
            return keras.Model(terms, total, name=layer.name)
        if not isinstance(layer, (layers.Conv3D, layers.CTSeparableConv3D, layers.Conv2Plus1D)):
            return layer.__class__.from_config(layer.get_config())
        end = [norm(), keras_layers.Activation(layer.activation)]
        return keras.Sequential([*factors_of(layer), *end], name=layer.name)

    return keras.models.clone_model(model, clone_function=clone)


def torch_network(name):
    """Builds `torchvision/NAME` or `pytorchvideo/NAME`, or returns None if it is not installed."""
    package, _, variant = name.partition("/")
    # Its compiled part may not load with a PyTorch for CPUs. The models do not need it.
    sys.modules.setdefault(
        "torchvision._meta_registrations", types.ModuleType("_meta_registrations")
    )
    try:
        import torch
        import torchvision

        if package == "torchvision":
            model = getattr(torchvision.models.video, variant)(num_classes=NUM_CLASSES)
            if variant == "s3d":  # its pool is that of frames of 224, where this one is the same
                model.avgpool = torch.nn.AdaptiveAvgPool3d(1)
            return model
        # A module that newer versions of torchvision do not have.
        functional = torchvision.transforms.functional
        sys.modules["torchvision.transforms.functional_tensor"] = functional
        from pytorchvideo.models import hub
    except ImportError:
        return None
    model = getattr(hub, variant)(pretrained=False, model_num_class=NUM_CLASSES)
    # Their pools are those of the clips that they were trained with, where this one is the same.
    head = model.blocks[5].pool if variant.startswith("x3d") else model.blocks[5]
    head.pool = torch.nn.AdaptiveAvgPool3d(1)
    return model


def count_torch_multiply_adds(model, clip):
    """Counts those of convolutions and linear layers for a batch of one clip."""
    import torch

    total = 0

    def count(module, inputs, outputs):
        nonlocal total
        total += outputs.numel() * math.prod(module.weight.shape[1:])

    hooks = [
        module.register_forward_hook(count)
        for module in model.modules()
        if isinstance(module, (torch.nn.Conv3d, torch.nn.Conv2d, torch.nn.Linear))
    ]
    with torch.no_grad():
        model.eval()(clip)
    for hook in hooks:
        hook.remove()
    return total

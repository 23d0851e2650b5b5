"""The same networks in PyTorch, for the script that makes golden files and for tests."""

import collections
import functools
import importlib.metadata
import importlib.util
import math
import sys
import types
from typing import NamedTuple


class Peer(NamedTuple):
    """A network of another package.

    Attributes:
        package: what has to be installed.
        name: its name there, and that of the golden file.
        parameters: number of trainable weights for as many classes as the published weights have,
            as published.
        billions: multiply-adds of a clip of `counted`, as published, in billions.
        counted: `(frames, height, width)` that these belong to.
        clips: shape of the clips of the golden file.
        within: how far the multiply-adds may be from the published ones, in billions.
    """

    package: str
    name: str
    parameters: int
    billions: float
    counted: tuple
    clips: tuple = (2, 9, 40, 36, 3)
    within: float = 0.006


_x3d = functools.partial(Peer, "pytorchvideo", clips=(2, 5, 48, 48, 3), within=0.05)
# What PyTorch counts of the port; the authors' table has 2.7, 6.0 and 10 billions. Sizes after the
# strides are even and odd, 36, 18, 9, 5 and 3.
_movinet = functools.partial(Peer, "movinets", clips=(2, 4, 72, 72, 3))

PEERS = {
    "R3D18": Peer("torchvision", "r3d_18", 33_371_472, 40.697, (16, 112, 112)),
    "MC3_18": Peer("torchvision", "mc3_18", 11_695_440, 43.343, (16, 112, 112)),
    "R2Plus1D18": Peer("torchvision", "r2plus1d_18", 31_505_325, 40.519, (16, 112, 112)),
    "S3D": Peer("torchvision", "s3d", 8_320_048, 17.979, (16, 224, 224), (2, 14, 40, 36, 3)),
    # Multiply-adds of arXiv 2004.04730, table 4.
    "X3D_S": _x3d("x3d_s", 3_794_274, 2.7, (13, 182, 182)),
    "X3D_L": _x3d("x3d_l", 6_153_384, 24.8, (16, 356, 356)),
    # Without norms; the 75.62 of PyTorchVideo's model zoo have 5 for each of 0.3734 G values.
    "IRCSN101": Peer("pytorchvideo", "csn_r101", 22_213_776, 73.753, (32, 256, 256)),
    # What PyTorch counts. MMAction2 says 13.13 M and, with norms, 55.90 G of the first.
    "IRCSN50": Peer("mmaction", "ircsn_r50", 13_131_152, 55.260, (32, 256, 256)),
    "IPCSN50": Peer("mmaction", "ipcsn_r50", 14_396_176, 62.239, (32, 256, 256)),
    "MoViNetA0": _movinet("MoViNetA0", 3_111_799, 2.631, (50, 172, 172)),
    "MoViNetA1": _movinet("MoViNetA1", 4_690_296, 5.866, (50, 172, 172)),
    "MoViNetA2": _movinet("MoViNetA2", 5_249_562, 11.558, (50, 224, 224)),
    "MoViNetA0Stream": _movinet("MoViNetA0Stream", 3_748_031, 2.426, (50, 172, 172)),
    "MoViNetA1Stream": _movinet("MoViNetA1Stream", 6_447_352, 5.540, (50, 172, 172)),
    "MoViNetA2Stream": _movinet("MoViNetA2Stream", 7_326_962, 10.700, (50, 224, 224)),
}


def is_installed(peer):
    """Whether PyTorch and the package of the peer are."""
    return all(importlib.util.find_spec(name) for name in ("torch", peer.package))


def version(peer):
    """Versions of PyTorch and of the package."""
    projects = {"movinets": "MoViNet-pytorch", "mmaction": "mmaction2"}
    package = projects.get(peer.package, peer.package)
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("torch", package))


def build(peer):
    """Returns the network in PyTorch, with a pooling that fits the clips of the golden file."""
    if peer.package == "pytorchvideo":
        return _build_pytorchvideo(peer)
    if peer.package == "movinets":
        return _build_movinet(peer)
    if peer.package == "mmaction":
        return _build_mmaction(peer)
    models = import_torchvision().models
    model = getattr(models.video, peer.name)().eval()
    if peer.name == "s3d":
        import torch

        # At 224 x 224 the last features are 7 x 7, and there this pooling is the network's own.
        _, _, height, width, _ = peer.clips
        places = [math.ceil(math.ceil(size / 16) / 2 - 0.5) for size in (height, width)]
        model.avgpool = torch.nn.AvgPool3d((2, *places), stride=1)
    return model


def _build_pytorchvideo(peer):
    transforms = import_torchvision().transforms
    # A module that newer versions of torchvision do not have.
    sys.modules["torchvision.transforms.functional_tensor"] = transforms.functional
    import torch
    from pytorchvideo.models.csn import create_csn
    from pytorchvideo.models.x3d import create_x3d

    if peer.name == "csn_r101":
        # As in pytorchvideo.models.hub, but for the window of the pooling.
        pools = {"stem_pool": torch.nn.MaxPool3d, "head_pool": torch.nn.AdaptiveAvgPool3d}
        return create_csn(model_depth=101, **pools).eval()
    _, frames, size, _, _ = peer.clips
    # A pooling window that covers all; then the softmax before its last mean is any softmax.
    sizes = {"input_clip_length": frames, "input_crop_size": size}
    depth = {"x3d_s": 2.2, "x3d_l": 5.0}[peer.name]  # as in pytorchvideo.models.hub
    return create_x3d(head_activation=None, depth_factor=depth, **sizes).eval()


def _build_mmaction(peer):
    import_torchvision()
    # Its wheel lacks a part of this.
    sys.modules["mmaction.models.localizers"] = types.ModuleType("unused")
    import torch
    from mmaction.models.backbones.resnet3d_csn import ResNet3dCSN
    from mmaction.models.heads import I3DHead

    mode, depth = peer.name.split("csn_r")
    # As in configs/_base_/models/ircsn_r152.py.
    settings = {"bottleneck_mode": mode, "with_pool2": False, "zero_init_residual": False}
    backbone = ResNet3dCSN(int(depth), None, pretrained2d=False, **settings)
    modules = {"backbone": backbone, "cls_head": I3DHead(400, 2048)}
    return torch.nn.Sequential(collections.OrderedDict(modules)).eval()


def _build_movinet(peer):
    from movinets import MoViNet
    from movinets.config import _C as config

    variant = peer.name.removesuffix("Stream")
    causal = variant != peer.name
    # As for published weights.
    conv_type = "2plus1d" if causal else "3d"
    row = getattr(config.MODEL, variant)
    return MoViNet(row, causal=causal, conv_type=conv_type, tf_like=True).eval()


def import_torchvision():
    """Returns torchvision, whose compiled part does not load with a PyTorch for CPUs alone."""
    sys.modules.setdefault("torchvision._meta_registrations", types.ModuleType("unused"))
    import torchvision

    return torchvision


def randomize(model, seed=3):
    """Gives a network weights that keep the size of activations, and running statistics."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    for name, values in model.state_dict().items():
        if name.endswith("running_var"):
            values.uniform_(0.5, 1.5, generator=generator)
        elif name.endswith("running_mean"):
            values.uniform_(-0.1, 0.1, generator=generator)
        elif name.endswith("alpha"):
            values.uniform_(0.5, 1.0, generator=generator)
        elif values.ndim > 1:
            stddev = math.sqrt(2 / math.prod(values.shape[1:]))
            values.normal_(0, stddev, generator=generator)


def features_and_logits(model, inputs):
    """Returns what the last layer reads, as a mean over places, and the logits."""
    import torch

    *_, last = (
        module
        for module in model.modules()
        if isinstance(module, (torch.nn.Linear, torch.nn.Conv2d, torch.nn.Conv3d))
    )
    found = []
    hook = last.register_forward_pre_hook(lambda module, args: found.append(args[0]))
    logits = model(inputs)
    hook.remove()
    features = found[0] if isinstance(last, torch.nn.Linear) else found[0].flatten(2).mean(2)
    return features.reshape(len(inputs), -1), logits

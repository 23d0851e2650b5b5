"""Makes the golden file of each peer: its features and logits, in PyTorch.

    python tests/golden/make_peers_golden.py [NAME ...]

Needs torch and the peer's package; made with torch 2.13.0, torchvision 0.28.0, pytorchvideo 0.1.5,
mmaction2 1.2.0 (with mmcv-lite 2.1.0 and mmengine 0.10.7) and MoViNet-pytorch 0.2.2
(github.com/Atze00/MoViNet-pytorch, not on PyPI) on a CPU. The weights and the clips come from
`formula.py`, nothing is downloaded.
"""

import pathlib
import sys

import formula
import numpy as np
import peers
import torch

from keras_ctsep.weights.published import published_like


def main(names):
    """Writes the files next to this script."""
    for network, peer in peers.PEERS.items():
        if names and peer.name not in names:
            continue
        row = published_like(network)
        clips = formula.clips(peer.clips)
        inputs = (clips / 255.0 - np.array(row.mean)) / np.array(row.deviation)
        inputs = torch.from_numpy(inputs.astype("float32")).permute(0, 4, 1, 2, 3)
        model = peers.build(peer)
        shapes = {key: tuple(tensor.shape) for key, tensor in model.state_dict().items()}
        state = formula.torch_state(shapes)
        model.load_state_dict({key: torch.from_numpy(values) for key, values in state.items()})
        with torch.no_grad():
            features, logits = peers.features_and_logits(model, inputs)
        np.savez_compressed(
            pathlib.Path(__file__).with_name(f"{peer.name}.npz"),
            names=np.array(list(shapes)),
            shapes=np.array([",".join(map(str, shape)) for shape in shapes.values()]),
            features=features.numpy(),
            logits=logits.numpy(),
            versions=peers.version(peer),
        )


if __name__ == "__main__":
    main(sys.argv[1:])

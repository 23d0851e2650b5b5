"""Makes {r3d_18,mc3_18,r2plus1d_18}.npz: features and logits of torchvision's video networks.

    python tests/golden/make_torchvision_golden.py

Needs torch and torchvision; made with torch 2.13.0 and torchvision 0.28.0 on a CPU. The weights
and the clip come from `formula.py`, nothing is downloaded.
"""

import pathlib

import formula
import numpy as np
import torch
import torchvision_video

CLIPS_SHAPE = (2, 9, 40, 36, 3)
MEAN = (0.43216, 0.394666, 0.37645)
STD = (0.22803, 0.22145, 0.216989)


def main():
    """Writes the three files next to this script."""
    clips = formula.clips(CLIPS_SHAPE)
    inputs = (clips / 255.0 - np.array(MEAN)) / np.array(STD)
    inputs = torch.from_numpy(inputs.astype("float32")).permute(0, 4, 1, 2, 3)
    for name in ("r3d_18", "mc3_18", "r2plus1d_18"):
        model = getattr(torchvision_video.video, name)()
        shapes = {key: tuple(tensor.shape) for key, tensor in model.state_dict().items()}
        state = formula.torch_state(shapes)
        model.load_state_dict({key: torch.from_numpy(values) for key, values in state.items()})
        features = []
        model.avgpool.register_forward_hook(
            lambda *call, found=features: found.append(call[-1].flatten(1))
        )
        with torch.no_grad():
            logits = model.eval()(inputs)
        np.savez_compressed(
            pathlib.Path(__file__).with_name(f"{name}.npz"),
            names=np.array(list(shapes)),
            shapes=np.array([",".join(map(str, shape)) for shape in shapes.values()]),
            features=features[-1].numpy(),
            logits=logits.numpy(),
            versions=f"torch {torch.__version__}, torchvision {torchvision_video.version}",
        )


if __name__ == "__main__":
    main()

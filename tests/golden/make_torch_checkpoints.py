"""Makes tiny_zip.pth and tiny_legacy.pth: checkpoints in PyTorch's two formats, a few numbers each.

    python tests/golden/make_torch_checkpoints.py

Made with torch 2.13.0. The numbers stand in the test too.
"""

import collections
import pathlib

import torch


def main():
    """Writes the two files next to this script."""
    state = collections.OrderedDict(
        turned=torch.arange(6.0).reshape(2, 3).T,
        part=torch.arange(5, dtype=torch.float64)[1:3],
        half=torch.tensor([0.5, -2.0]).half(),
        brain=torch.tensor([1.5, -0.125]).bfloat16(),
        count=torch.tensor(7),
        learned=torch.nn.Parameter(torch.tensor([3.0])),
        empty=torch.zeros(0, 2),
    )
    for kind in ("zip", "legacy"):
        path = pathlib.Path(__file__).with_name(f"tiny_{kind}.pth")
        torch.save(state, path, _use_new_zipfile_serialization=kind == "zip")


if __name__ == "__main__":
    main()

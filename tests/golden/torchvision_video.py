"""torchvision's video networks, for the script that makes the golden files and for a test."""

import sys
import types

# The compiled part of torchvision does not load with a CPU-only torch, and is not used here.
sys.modules.setdefault("torchvision._meta_registrations", types.ModuleType("unused"))

import torchvision  # noqa: E402

video = torchvision.models.video
get_model_weights = torchvision.models.get_model_weights
version = torchvision.__version__

"""What is known of the names in the files of one kind of network in another package."""

from collections.abc import Callable
from typing import NamedTuple


class SavedNames(NamedTuple):
    """Names of one kind of network in another package.

    Attributes:
        sign: a name that is in these files and in no others.
        head: the names of the classifier's kernel and bias.
        top: what the names of all layers after the features begin with.
        networks: which networks have these names, for messages.
        of_layer: function from the name of a layer and the set of the places of its weights, such
            as `"norm/gamma"`, to a dictionary from places to names, which may have more places; an
            empty one for layers that the network does not have.
        added_to_variances: what running variances grow by, where the norms there have a larger
            epsilon than those of the networks here: variance and epsilon count as their sum.
    """

    sign: str
    head: tuple
    top: str
    networks: str
    of_layer: Callable
    added_to_variances: float = 0.0


def of_torch_convolution(module):
    """Returns the names of a convolution in PyTorch by the places of its weights here.

    Of each channel by itself it has another place here, and the same name there.
    """
    kernel = f"{module}.weight"
    return {"kernel": kernel, "depthwise_kernel": kernel, "bias": f"{module}.bias"}


def of_torch_norm(place, module):
    """Returns the names of a batch norm in PyTorch by the places of its weights here."""
    return {
        f"{place}/gamma": f"{module}.weight",
        f"{place}/beta": f"{module}.bias",
        f"{place}/moving_mean": f"{module}.running_mean",
        f"{place}/moving_variance": f"{module}.running_var",
    }

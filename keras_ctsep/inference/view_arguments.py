"""What a data set has to know out of the arguments of a run."""

from keras_ctsep.data import ClipCache

_VIEW_ARGUMENTS = (
    "batch_size",
    "num_frames",
    "frame_stride",
    "fps",
    "short_side",
    "crop_size",
    "frame_differences",
    "shuffle_frames",
    "seed",
    "strict",
    "cache",
)


def view_arguments(arguments):
    """Picks what `keras_ctsep.data.VideoDataset` has to know out of the arguments of a run.

    Args:
        arguments: dict, as in `settings.json`; what is missing or `None` is left out.

    Returns:
        Dict of keyword arguments.
    """
    view = {name: arguments[name] for name in _VIEW_ARGUMENTS if arguments.get(name) is not None}
    if "crop_size" in view:
        view.setdefault("short_side", view["crop_size"] * 8 // 7)
    if "cache" in view:
        view["cache"] = ClipCache(view["cache"])
    if arguments.get("workers") is not None:
        view["num_threads"] = arguments["workers"]
    return view

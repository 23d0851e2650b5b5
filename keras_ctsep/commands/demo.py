"""A page in the browser to try a model on videos."""

import os
import pathlib
import tempfile
import warnings

from keras_ctsep.commands.explain import write_maps
from keras_ctsep.commands.options import AS_SAVED, ClipOptions, open_classifier
from keras_ctsep.inference import (
    explain,
    find_segments,
    make_map_model,
    score_windows,
)
from keras_ctsep.plots import plot_timeline, require_matplotlib

_SMOOTHING = 3


def main(
    *,
    model: str | None = None,
    weights: str | None = None,
    class_names: str | None = None,
    top: int = 5,
    every: float = 0.5,
    host: str = "127.0.0.1",
    port: int | None = None,
    browser: bool = True,
    clips: ClipOptions = AS_SAVED,
):
    """Opens a page in the browser to try a model on videos.

    Drop a video on it or record one: it shows the classes, the scores over time, and where the
    model looks. Only this computer can open the page, unless --host says otherwise. It runs until
    Ctrl-C.

    Args:
        model: .keras file that training wrote, or its address; with --weights the name of a
            network. Without it, a small network that knows the 400 classes of Kinetics-400, whose
            weights are downloaded the first time.
        weights: name of published weights, such as kinetics400, or a file or address of weights
            for that network, such as torchvision's r2plus1d_18.pth.
        class_names: text file with the name of a class in each line, instead of the names that
            the file of the model has.
        top: how many classes to show.
        every: seconds from one clip to the next in the scores over time.
        host: address to listen on. 0.0.0.0 lets every computer of the network open the page.
        port: port to listen on; the first free one from 7860 on if not given.
        browser: open the page in the browser.
        clips: how clips are cut.

    Raises:
        ModuleNotFoundError: when gradio or matplotlib is not installed.
        ValueError: when the model cannot be opened, or ends in another way than with a mean over
            space and time and a dense layer.
        OSError: when the port is taken.
    """
    require_matplotlib()
    _import_gradio()
    classifier = open_classifier(model, weights, class_names, clips)
    title = pathlib.Path(model).name if model else classifier.model.name
    page = make_page(classifier, title, top, every)
    page.launch(server_name=host, server_port=port, inbrowser=browser, footer_links=[])


def make_page(classifier, title, top=5, every=0.5):
    """Makes the page, which does not run yet.

    Args:
        classifier: a `keras_ctsep.inference.VideoClassifier`.
        title: text above the page.
        top: how many classes to show.
        every: seconds from one clip to the next.

    Returns:
        A `gradio.Blocks`. Its function, for programs, is called `/look`.

    Raises:
        ModuleNotFoundError: when gradio is not installed.
        ValueError: when the model cannot be explained.
    """
    gradio = _import_gradio()
    make_map_model(classifier.model)  # refuses other models before anybody waits

    def look(video):
        if video is None:
            raise gradio.Error("Drop a video first, or record one.", print_exception=False)
        # Gradio has copied the files when it asks for the next result.
        with tempfile.TemporaryDirectory() as folder:
            try:
                yield describe(classifier, video, folder, top, every, gradio.Warning)
            except (ValueError, OSError) as error:
                # The name that the visitor knows, without the folder of the upload.
                text = str(error).replace(f"{os.path.dirname(video)}{os.sep}", "")
                raise gradio.Error(text, print_exception=False) from error

    # An hour after they came, videos are deleted.
    with gradio.Blocks(title=title, analytics_enabled=False, delete_cache=(600, 3600)) as page:
        gradio.Markdown(f"# {title}\n{len(classifier.class_names)} classes")
        with gradio.Row():
            with gradio.Column():
                options = gradio.WebcamOptions(mirror=False)  # mirrored, left would be right
                video = gradio.Video(label="Video", webcam_options=options)
                button = gradio.Button("Look", variant="primary")
                classes = gradio.Label(label="Classes", num_top_classes=top)
            with gradio.Column():
                maps = gradio.Video(label="Where the model looks", autoplay=True, loop=True)
                gradio.Markdown("Scores over time")
                timeline = gradio.Image(show_label=False, buttons=[])  # both would cover it
        button.click(look, video, [classes, timeline, maps], api_name="look")
    return page


def describe(classifier, video, folder, top, every, report=warnings.warn):
    """Computes what the page shows of a video.

    Args:
        classifier: a `keras_ctsep.inference.VideoClassifier`.
        video: path of the video.
        folder: where to write the files.
        top: how many classes to name.
        every: seconds from one clip to the next.
        report: called with one line of text when frames are missing or damaged.

    Returns:
        A tuple: dict from the names of the best classes to their scores, path of the picture of the
        scores over time, and path of the video with the maps.
    """
    found = explain(classifier, video, report=report)
    windows = score_windows(classifier, video, every, report=lambda text: None)
    segments = find_segments(windows, classifier.class_names, _SMOOTHING)
    timeline, maps = (os.path.join(folder, name) for name in ("timeline.png", "map.mp4"))
    plot_timeline(windows, segments, classifier.class_names, timeline)
    write_maps(found, classifier.clips, maps)
    return dict(classifier.top(found.scores, top)), timeline, maps


def _import_gradio():
    # Otherwise Gradio asks a server for its newest version, and reports errors there.
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    try:
        import gradio
    except ImportError as error:
        raise ModuleNotFoundError(
            "The page needs gradio: pip install 'keras_ctsep[demo]'"
        ) from error
    return gradio

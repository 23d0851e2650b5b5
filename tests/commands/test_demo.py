"""The page, asked as a program asks it, and looked at in a browser."""

import shutil
import sys

import pytest
from colour_model import CLIPS, colour_map_model, write_colour_run
from tiny_videos import COLOURS, write_video

from keras_ctsep import commands
from keras_ctsep.commands import demo
from keras_ctsep.data import read_video_info
from keras_ctsep.inference import VideoClassifier

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def address():
    """Where the page of a model that tells colours apart can be opened."""
    pytest.importorskip("gradio")
    pytest.importorskip("matplotlib")
    classifier = VideoClassifier(colour_map_model(), list(COLOURS), CLIPS)
    page = demo.make_page(classifier, "colours.keras", top=2, every=0.08)
    page.launch(prevent_thread_lock=True, quiet=True, server_name="127.0.0.1")
    yield page.local_url
    page.close()


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    write_video(folder / "blue.mp4", COLOURS["Blue"], num_frames=10)
    (folder / "text.mp4").write_text("no video")
    return folder


def test_a_program_gets_classes_a_picture_and_a_video(address, videos):
    client = pytest.importorskip("gradio_client")
    page = client.Client(address, verbose=False)
    assert address.startswith("http://127.0.0.1:")
    blue, text = (client.handle_file(videos / name) for name in ("blue.mp4", "text.mp4"))
    classes, timeline, maps = page.predict(blue, api_name="/look")
    assert classes["label"] == "Blue" and len(classes["confidences"]) == 2
    with open(timeline, "rb") as file:
        assert file.read(8) == b"\x89PNG\r\n\x1a\n"
    assert read_video_info(maps).num_frames == 10
    with pytest.raises(client.exceptions.AppError, match="^text.mp4: Invalid data found"):
        page.predict(text, api_name="/look")


@pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed")
def test_a_person_sees_them(address, videos, tmp_path):
    playwright = pytest.importorskip("playwright.sync_api")
    options = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
        "--disable-background-networking --disable-component-update --disable-sync"
    )
    requests = []
    with playwright.sync_playwright() as start:
        browser = start.chromium.launch_persistent_context(
            tmp_path, executable_path=CHROMIUM, args=options.split()
        )
        page = browser.new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.goto(address)
        page.click("button:has-text('Look')")
        page.wait_for_selector("text=Drop a video first, or record one.")
        for name, expected in {
            "text.mp4": "text=text.mp4: Invalid data found",
            "blue.mp4": "video[src*='map.mp4']",
        }.items():
            page.set_input_files("input[type=file]", videos / name)
            page.wait_for_selector(f"video[src*='{name}']", state="attached")
            page.click("button:has-text('Look')")
            page.wait_for_selector(expected, state="attached", timeout=60_000)
            if name == "text.mp4":
                page.click("[aria-label=Clear]")
        assert page.inner_text("h2").strip() == "Blue"
        assert page.locator("img[src*='timeline.png']").count() == 1
        browser.close()
    outside = [url for url in requests if not url.startswith((address, "data:", "blob:"))]
    assert not outside


def test_what_is_missing_is_named_before_the_work(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "gradio", None)
    pytest.importorskip("matplotlib")
    assert commands.main(["demo", "--model", "none.keras"]) == 2
    message = "keras-ctsep: The page needs gradio: pip install 'keras_ctsep[demo]'\n"
    assert capsys.readouterr().err == message


def test_a_model_that_cannot_be_explained_opens_no_page(tmp_path, capsys):
    pytest.importorskip("gradio")
    model = write_colour_run(tmp_path)
    assert commands.main(["demo", "--model", str(model), "--no-browser"]) == 2
    assert "Expected a model that ends in" in capsys.readouterr().err

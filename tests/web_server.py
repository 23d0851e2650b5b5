"""A web server for the files of a folder, and published weights on it."""

import contextlib
import functools
import hashlib
import http.server
import threading

from torch_checkpoints import narrow_state, write_checkpoint

from keras_ctsep.weights import published


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@contextlib.contextmanager
def serve(folder, handler=Quiet):
    """Yields the address of the folder."""
    handler = functools.partial(handler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextlib.contextmanager
def serve_published(folder, monkeypatch, class_names, handler=Quiet, **changes):
    """Yields the only row of published weights there is: those of a narrow R3D18 on a server.

    Args:
        folder: what Keras downloads goes to `keras/models` in it.
        monkeypatch: pytest's.
        class_names: names of the classes of the head.
        handler: of the server.
        **changes: other fields of the row.
    """
    monkeypatch.setenv("KERAS_HOME", str(folder / "keras"))
    files = folder / "server"
    files.mkdir()
    write_checkpoint(files / "tiny.pth", narrow_state(num_classes=len(class_names)))
    digest = hashlib.sha256((files / "tiny.pth").read_bytes()).hexdigest()[:8]
    name = f"r3d_18-{digest}.pth"
    (files / "tiny.pth").rename(files / name)
    with serve(files, handler) as address:
        row = published.find_published("R3D18", "kinetics400")._replace(
            address=f"{address}/{name}", sha256=digest, class_names=class_names, **changes
        )
        monkeypatch.setattr(published, "PUBLISHED", (row,))
        yield row

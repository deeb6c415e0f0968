"""A picture of one's own reaches us unopened, however often Gradio has made the widget anew."""

from __future__ import annotations

from pathlib import Path

import pytest
from gradio.data_classes import ImageData

from pix2seq.ui.kit.upload import photo_input


@pytest.fixture
def postscript(tmp_path, monkeypatch):
    """A file that Pillow would have a program open, and a watch over who opens pictures."""

    def opened(*_, **__):
        raise AssertionError("a picture was opened")

    monkeypatch.setattr("PIL.Image.open", opened)
    path = tmp_path / "photo.png"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n")
    return path


def made_anew(widget):
    """As Gradio does it for a visitor when an event's answer updates the widget."""
    return widget.__class__(**{**widget.constructor_args, "render": False})


@pytest.mark.parametrize("times", [0, 1, 2])
def test_the_file_is_handed_over_unopened(postscript, times):
    widget = photo_input(label="Image", render=False)
    for _ in range(times):
        widget = made_anew(widget)
    given = ImageData(path=str(postscript), orig_name="photo.png")
    assert widget.preprocess(given) == str(postscript)
    assert widget.preprocess(None) is None
    assert widget.get_block_name() == "image"
    assert widget.label == "Image" and widget.type == "filepath"


def test_no_stub_is_written_beside_the_code():
    from pix2seq.ui.kit import upload

    assert not list(Path(upload.__file__).parent.glob("*.pyi"))

"""``import pix2seq`` is instant; its names arrive when they are used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import pix2seq


def run(code: str) -> str:
    """Run code in a fresh interpreter; what it prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_the_package_imports_nothing_heavy():
    heavy = {"torch", "timm", "gradio", "pycocotools", "PIL", "numpy"}
    loaded = run("import sys, pix2seq; print(*sys.modules)").split()
    assert not heavy & set(loaded)


@pytest.mark.parametrize("name", pix2seq.__all__)
def test_every_public_name_is_there(name):
    assert getattr(pix2seq, name) is not None and name in dir(pix2seq)


def test_other_names_are_not():
    with pytest.raises(AttributeError, match="no attribute 'detect'"):
        pix2seq.detect  # noqa: B018


def test_the_six_lines_of_the_readme_work(tiny_checkpoint, picture):
    predictor = pix2seq.load(tiny_checkpoint)
    encoding = predictor.encode(picture)
    options = pix2seq.SamplingOptions(top_p=0.4, max_objects=2, seed=0)
    steps = list(predictor.stream(encoding, options))
    assert all(isinstance(step, pix2seq.SamplingStep) for step in steps)
    assert isinstance(predictor.detect(picture, options), pix2seq.Detections)

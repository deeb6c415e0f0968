"""Labelled images: COCO-format photos and generated scenes, both as ``Sample``s."""

from pix2seq.data.coco import CocoDetection
from pix2seq.data.sample import Sample
from pix2seq.data.scenes import Scenes, make_scene

__all__ = ["CocoDetection", "Sample", "Scenes", "make_scene"]

"""Runs over many pictures: where they come from, where results go, how a run goes on after a kill.

    Sources ─▶ Item ─ many ─▶ result line ─▶ journal (JSONL) ─▶ COCO, Parquet
                       │
                       └─ not readable ─▶ errors.jsonl

``pix2seq detect`` is a thin layer on it. ``DetectBatch`` is the same detector for Ray Data, whose
cluster takes the place of this machine; everything that is written is written here either way.
"""

from typing import TYPE_CHECKING, Any

from pix2seq.batch.items import Item
from pix2seq.batch.outputs import Outputs, Wanted
from pix2seq.batch.run import Work, collect, count_pictures, remaining, results, run_name
from pix2seq.batch.sources import Sources

if TYPE_CHECKING:
    from pix2seq.batch.ray import DetectBatch

__all__ = [
    "DetectBatch",
    "Item",
    "Outputs",
    "Sources",
    "Wanted",
    "Work",
    "collect",
    "count_pictures",
    "remaining",
    "results",
    "run_name",
]


def __getattr__(name: str) -> Any:
    if name != "DetectBatch":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pix2seq.batch.ray import DetectBatch

    return DetectBatch

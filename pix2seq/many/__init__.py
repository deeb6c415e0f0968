"""Many pictures: read ahead in processes of their own while the network writes.

    sources ─ Readers ─▶ Frame ─ encode ─▶ memory ─ write ─▶ Found
              (decode, letterbox)

A picture that cannot be used becomes a ``Failure`` in its place, and the rest goes on. Each picture
has a seed of its own that its name and the run's seed decide, and a sentence is the same in any
company (``model.packed``), so what one picture gets depends neither on its neighbours nor on where
a run was cut.

``Predictor.detect_many`` is the front door.
"""

from pix2seq.many.ahead import read_ahead
from pix2seq.many.detecting import Picture, detect_many
from pix2seq.many.frames import Failure, Frame, read_frame
from pix2seq.many.names import image_id_of, printable, seed_of
from pix2seq.many.readers import Readers
from pix2seq.many.writing import (
    Found,
    encode_frames,
    frames_at_once,
    rows_at_once,
    write_encoded,
    write_many,
)
from pix2seq.pictures import Span

__all__ = [
    "Failure",
    "Found",
    "Frame",
    "Picture",
    "Readers",
    "Span",
    "detect_many",
    "encode_frames",
    "frames_at_once",
    "image_id_of",
    "printable",
    "read_ahead",
    "read_frame",
    "rows_at_once",
    "seed_of",
    "write_encoded",
    "write_many",
]

"""A reading process: pictures named on standard input leave as pixels on standard output.

Started by ``many.Readers`` as ``python -m pix2seq.pictures.worker``. Not a fork, because the parent
runs threads and a GPU; not ``multiprocessing``, which would run the parent's script a second time.
A picture that crashes its decoder or never ends takes this process with it and nothing else.

A question is a pickled (place, seconds that it may take). The answer is a pickled (height, width)
with as many RGB bytes after it, or a pickled str: why there is none.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import time
import warnings
from typing import BinaryIO

from PIL import Image

from pix2seq.config import ConfigError
from pix2seq.pictures.source import Place, open_image

_GRACE_S = 5.0  # the parent is to say first that a picture takes too long
_LONGEST_S = 1e6  # what "for ever" is to an alarm
_BAND = 2**22  # pixels that are sent at a time


def main() -> None:
    """Answer until standard input ends, which it does when the parent does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is the parent's to handle
    questions = sys.stdin.buffer
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints must not end up between the answers
    # What Pillow thinks of a file's metadata is not for whoever asked for boxes.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    pickle.dump(time.process_time(), answers)  # what starting has cost
    answers.flush()
    while True:
        try:
            place, seconds = pickle.load(questions)
        except EOFError:
            return
        _end_in(min(seconds + _GRACE_S, _LONGEST_S))
        answer = _read(place)
        _end_in(0)
        try:
            _send(answer, answers)
        except BrokenPipeError:
            return


def _end_in(seconds: float) -> None:
    """Have the system end this process then, whatever it is doing, should nobody be left who does;
    0 calls it off."""
    if hasattr(signal, "setitimer"):  # not on Windows
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _read(place: Place) -> Image.Image | str:
    try:
        return open_image(place)
    except ConfigError as error:
        return " ".join(str(error).split())
    except MemoryError:
        return "there is not enough memory to decode it; shrink it"
    except Exception as error:  # a reader must outlive whatever a file does to a decoder
        return f"cannot be decoded ({type(error).__name__}: {error}); save it again"


def _send(answer: Image.Image | str, answers: BinaryIO) -> None:
    if isinstance(answer, str):
        pickle.dump(answer, answers)
    else:
        width, height = answer.size
        pickle.dump((height, width), answers)
        rows = max(_BAND // width, 1)
        for top in range(0, height, rows):
            band = answer.crop((0, top, width, min(top + rows, height)))
            answers.write(band.tobytes())
    answers.flush()


if __name__ == "__main__":
    main()

"""A reader process: pictures named on standard input leave as frames on standard output.

Started by ``readers.Readers`` as ``python -m pix2seq.many.worker``. Not a fork, because the parent
runs threads and a GPU; not ``multiprocessing``, which would run the parent's script a second time.
A picture that crashes its decoder or never ends takes this process with it and nothing else.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import time


def main() -> None:
    """Answer until standard input ends, which it does when the parent does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is the parent's to handle
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints must not end up between the answers
    import torch

    from pix2seq.config import ConfigError
    from pix2seq.many.frames import read_frame

    torch.set_num_threads(1)
    questions = sys.stdin.buffer
    pickle.dump(time.process_time(), answers)  # what starting has cost
    answers.flush()
    while True:
        try:
            source, preprocess = pickle.load(questions)
        except EOFError:
            return
        try:
            frame = read_frame(source, preprocess)
            pixels = frame.pixels.contiguous().numpy()
            answer = frame.letterbox.orig_size, pixels.shape
        except ConfigError as error:
            answer = " ".join(str(error).split())
        except MemoryError:
            answer = "there is not enough memory to decode it; shrink it"
        except Exception as error:  # a reader must outlive whatever a file does to a decoder
            answer = f"cannot be decoded ({type(error).__name__}: {error}); save it again"
        try:
            pickle.dump(answer, answers, protocol=5)
            if not isinstance(answer, str):
                answers.write(pixels.data)
            answers.flush()
        except BrokenPipeError:
            return


if __name__ == "__main__":
    main()

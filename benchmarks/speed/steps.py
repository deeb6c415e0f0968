"""One compiled step of the decoder, by this checkout's kernels and by another's, in turn.

    python benchmarks/speed/steps.py ../before

Both run in one process over the same weights, keys and values, so that a machine that others use
slows them down alike; ratios repeat to some 3 % where times do not to 40 %. Of every 60 steps the
fastest is told, in seconds of the processor, and whether both wrote the same bits.
"""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROUNDS = 60
CASES = ((1, False), (2, False), (4, False), (8, False), (8, True))
"""Rows, and whether each has an image of its own."""


def kernels_of(checkout: Path, folder: Path, name: str) -> Callable:
    """``run_step`` of a checkout, as a module of another name: its files are copied."""
    package = folder / name
    package.mkdir()
    (package / "__init__.py").touch()
    for part in ("tiles", "kernels"):
        text = (checkout / "pix2seq" / "model" / f"{part}.py").read_text(encoding="utf-8")
        text = text.replace("pix2seq.model.tiles", f"{name}.tiles")
        (package / f"{part}.py").write_text(text, encoding="utf-8")
    return importlib.import_module(f"{name}.kernels").run_step


def main(other: str) -> None:
    import torch

    import pix2seq
    from pix2seq.bench.subject import official_size, subject_of
    from pix2seq.model.cache import KVCache

    torch.set_num_threads(1)
    here = Path(__file__).resolve().parents[2]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NUMBA_CACHE_DIR"] = folder
        sys.path.insert(0, folder)
        runs = [
            kernels_of(checkout, Path(folder), name)
            for checkout, name in ((Path(other), "kernels_before"), (here, "kernels_now"))
        ]
        mini = subject_of(pix2seq.load(str(here / "checkpoints" / "mini"), device="cpu"))
        for subject in (official_size(torch.device("cpu")), mini):
            model, at = subject.model, subject.length // 2
            with torch.inference_mode():
                room = model.new_cache(subject.memory).capacity
            decoder = model._packed
            memories = [subject.memory, *(torch.randn_like(subject.memory) for _ in range(7))]
            seen = [decoder.look(memory) for memory in memories]
            for rows, own in CASES:
                cache = KVCache([seen[row if own else 0] for row in range(rows)], room)
                cache.reserve(1)
                for store in (*cache.keys, *cache.values):
                    store.normal_()
                ids = torch.randint(0, subject.tokenizer.vocab_size, (rows, 1))
                best, told = [float("inf")] * 2, [None] * 2
                for _ in range(ROUNDS):
                    for place, run in enumerate(runs):
                        decoder._run = run
                        for _ in range(2):  # the second finds what its own first left in the caches
                            cache.lengths = [at] * rows
                            started = time.thread_time()
                            told[place] = decoder(ids, cache)
                            seconds = time.thread_time() - started
                        best[place] = min(best[place], seconds)
                before, now = (1000 * seconds for seconds in best)
                about = "images" if own else "image"
                print(
                    f"{subject.name}, {rows} rows, {rows if own else 1} {about}: {before:.3f} ms "
                    f"before, {now:.3f} now, {now / before:.2f} x, "
                    f"{'the same bits' if torch.equal(*told) else 'OTHER BITS'}"
                )


if __name__ == "__main__":
    main(*sys.argv[1:])

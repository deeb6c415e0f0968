"""The loops that ours is compared with: the same network, written the way others write.

Each is a generator, one step per token, so that ``bench`` can time steps. They do the work of the
code that they stand for and nothing else; ``tests/test_bench.py`` holds them to our logits.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from pix2seq.model import Pix2Seq
from pix2seq.model.decoder import Decoder


def naive_steps(model: Pix2Seq, pixels: Tensor, ids: Tensor, every: int = 1) -> Iterator[Tensor]:
    """moein-shariatnia/Pix2Seq's ``generate``: every token looks at the image again and reads the
    whole sentence again.

    Args:
        pixels: (1, 3, H, W), preprocessed.
        ids: (1, L) the sentence, prompt first.
        every: only each ``every``-th token; the others take as long.

    Yields:
        Logits (1, V) of the token after each prefix.
    """
    for end in range(every, ids.shape[1] + 1, every):
        with torch.inference_mode():
            memory = model.encode_image(pixels)
            yield model.decode(ids[:, :end], memory)[:, -1]


def official_steps(
    decoder: Decoder, memory: Tensor, count: int, first_id: int = 1
) -> Iterator[Tensor]:
    """google-research/pix2seq's ``AutoregressiveDecoder.infer``, greedy: it caches every layer's
    *inputs*, so that each token projects the whole prefix and all of the encoder's tokens to keys
    and values again, in every layer.

    Args:
        memory: (1, N, D).

    Yields:
        Logits (1, V), ``count`` times.
    """
    ids = torch.tensor([[first_id]], device=memory.device)
    inputs: list[list[Tensor]] = [[] for _ in decoder.layers]
    for place in range(count):
        with torch.inference_mode():
            x = decoder.embedding()[ids] + decoder.positions(place, 1)  # (1, 1, D)
            for layer, seen in zip(decoder.layers, inputs, strict=True):
                seen.append(layer.self_residual.input(x))
                keys = layer.self_attention.project_memory(torch.cat(seen, dim=1))
                x = layer.self_attend(x, seen[-1], *keys)
                x = layer.cross_attend(x, layer.cross_attention.project_memory(memory))
            logits = F.linear(decoder.norm(x), decoder.output_table(), decoder.output_bias)[:, 0]
            ids = logits.argmax(-1, keepdim=True)
        yield logits

"""What a pyramid's places see by themselves, without a sentence: boxes as COCO results.

    PYTHONPATH=. python benchmarks/training/places.py CHECKPOINT ANNOTATIONS IMAGES OUT.json
    python -m pix2seq evaluate --detections OUT.json --annotations ANNOTATIONS --images IMAGES

The best class of every place, then non-maximum suppression: an upper bound, roughly, for what a
decoder can read out.
"""

from __future__ import annotations

import argparse
import json

import torch
from torchvision.ops import batched_nms

from pix2seq import checkpoints
from pix2seq.boxes import clip_boxes, xyxy_to_xywh
from pix2seq.data import CocoDetection
from pix2seq.transforms import Letterbox

SCORE, IOU, MOST = 0.05, 0.6, 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    for name in ("checkpoint", "annotations", "images", "out"):
        parser.add_argument(name)
    parser.add_argument("--limit", type=int)
    args = parser.parse_args()
    source = checkpoints.load(args.checkpoint, device="cpu")
    photos = CocoDetection(args.annotations, args.images)
    ids = source.tokenizer.categories.ids
    results = []
    for number in range(min(len(photos), args.limit or len(photos))):
        sample = photos[number]
        frame = Letterbox(source.preprocess, sample.size)
        with torch.inference_mode():
            places = source.model.encoder.look(frame.apply_image(sample.image)[None])
        probability = places.class_logits[0].sigmoid()
        place, label = (probability > SCORE).nonzero().unbind(1)
        scores = probability[place, label]
        height, width = frame.preprocess.image_size
        boxes = places.boxes[0, place] / torch.tensor([width, height] * 2)
        boxes = clip_boxes(frame.invert_boxes(boxes), sample.size)
        kept = batched_nms(boxes, scores, label, IOU)[:MOST]
        for i in kept.tolist():
            results.append(
                {
                    "image_id": sample.image_id,
                    "category_id": ids[label[i]],
                    "bbox": [round(x, 2) for x in xyxy_to_xywh(boxes[i]).tolist()],
                    "score": round(scores[i].item(), 4),
                }
            )
    with open(args.out, "w") as file:
        json.dump(results, file)


if __name__ == "__main__":
    main()

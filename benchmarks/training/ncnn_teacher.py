"""A teacher for ``distill`` from a detector in ncnn's format whose head is NanoDet-Plus's.

    pip install ncnn numpy
    python ncnn_teacher.py FILE.param FILE.bin --maps BLOB8 BLOB16 BLOB32 BLOB64

Speaks the protocol of ``pix2seq/distill/teacher.py``. The blobs are the head's last features at
strides 8 to 64; ``output`` holds class logits and, for each side, the logits of distances from 0 to
``reg_max`` strides from the place (generalised focal loss, arXiv 2006.04388), whose x is column
times stride.
"""

from __future__ import annotations

import argparse
import json
import sys

import ncnn
import numpy as np

STRIDES = (8, 16, 32, 64)
MEAN_BGR = [103.53, 116.28, 123.675]
SCALE_BGR = [0.017429, 0.017507, 0.017125]


class Network:
    def __init__(self, args: argparse.Namespace, height: int, width: int) -> None:
        self.net = ncnn.Net()
        self.net.opt.num_threads = 1
        self.net.opt.use_vulkan_compute = False
        if self.net.load_param(args.param) or self.net.load_model(args.bin):
            sys.exit(f"{args.param} and {args.bin} cannot be read")
        self.args, self.height, self.width = args, height, width
        places = []
        for stride in STRIDES:
            y, x = np.mgrid[: -(-height // stride), : -(-width // stride)] * stride
            places.append(np.stack([x.ravel(), y.ravel(), np.full(x.size, stride)], 1))
        self.places = np.concatenate(places).astype(np.float32)

    def __call__(self, frame: bytes) -> dict[str, np.ndarray]:
        rgb = np.frombuffer(frame, np.uint8).reshape(self.height, self.width, 3)
        kind = ncnn.Mat.PixelType.PIXEL_RGB2BGR
        image = ncnn.Mat.from_pixels(np.ascontiguousarray(rgb), kind, self.width, self.height)
        image.substract_mean_normalize(MEAN_BGR, SCALE_BGR)
        extractor = self.net.create_extractor()
        extractor.input(self.args.input, image)
        said = {
            f"map{stride}": np.array(extractor.extract(blob)[1]).astype(np.float16)
            for stride, blob in zip(STRIDES, self.args.maps, strict=True)
        }
        out = np.array(extractor.extract(self.args.output)[1], dtype=np.float32)
        classes = self.args.classes
        said["classes"] = (1 / (1 + np.exp(-out[:, :classes]))).astype(np.float16)
        bins = out[:, classes:].reshape(len(out), 4, -1)
        bins = np.exp(bins - bins.max(2, keepdims=True))
        distance = (bins @ np.arange(bins.shape[2], dtype=np.float32)) / bins.sum(2)
        distance *= self.places[:, 2:]
        x, y = self.places[:, 0], self.places[:, 1]
        left, top, right, bottom = distance.T
        said["boxes"] = np.stack([x - left, y - top, x + right, y + bottom], 1)
        return said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("param")
    parser.add_argument("bin")
    parser.add_argument("--maps", nargs=4, required=True, metavar="BLOB")
    parser.add_argument("--input", default="data")
    parser.add_argument("--output", default="output")
    parser.add_argument("--classes", type=int, default=80)
    args = parser.parse_args()
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    hello = json.loads(source.readline())
    height, width = hello["height"], hello["width"]
    network = Network(args, height, width)
    said = network(bytes(height * width * 3))
    listed = {name: [str(a.dtype), list(a.shape)] for name, a in said.items()}
    sink.write(json.dumps({"arrays": listed}).encode() + b"\n")
    sink.flush()
    while frame := source.read(height * width * 3):
        for array in network(frame).values():
            sink.write(np.ascontiguousarray(array).data)
        sink.flush()


if __name__ == "__main__":
    main()

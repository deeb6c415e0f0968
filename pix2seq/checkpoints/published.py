"""The checkpoints that others have published, as lines of the registry.

AP as in the README of google-research/pix2seq (commit d219de6) and of moein-shariatnia/Pix2Seq
(commit c7aff7a). Real weights could not be downloaded where this was written: that our network
computes what theirs does is proven on recorded logits of checkpoints that their code wrote.
"""

from __future__ import annotations

from pix2seq.checkpoints.info import CheckpointInfo
from pix2seq.config import SamplingOptions

GOOGLE_BUCKET = "https://storage.googleapis.com/pix2seq"
"""The public bucket; ``$PIX2SEQ_BUCKET`` may name a mirror of the same layout."""

VOC_FILE_ID = "1qB8gmzCMq29DQbj7zhKPQ2aphGnisHkS"

GOOGLE_SAMPLING = SamplingOptions(
    temperature=1.0,
    top_p=0.4,
    top_p_rule="official",
    max_objects=100,
    eos="delay",
    grammar=False,
    noise="paper",
)
"""How the official code decodes: no grammar and no early stop, always 100 objects. It could even
write its end token and go on; a trained model practically never does, and ``delay`` forbids it."""

VOC_SAMPLING = SamplingOptions(
    temperature=0.0, top_p=1.0, max_objects=20, eos="model", grammar=True, noise="show"
)
"""Greedy, 20 objects at most, as its scripts do. They know no grammar and give up an image whose
sentence is malformed; here every sentence is well-formed."""

# Kind -> its title, its folders' name, megabytes of float32 weights, COCO AP by image size.
_GOOGLE_KINDS = {
    "resnet": ("ResNet-50", "resnet", 146.6, {640: 39.1, 1024: 41.7, 1333: 42.6}),
    "resnet-c": ("ResNet-50 C4", "resnetc", 339.0, {640: 44.7, 1024: 46.9, 1333: 47.3}),
    "vit-b": ("ViT-B", "vit_b", 460.7, {640: 44.2, 1024: 46.5, 1333: 47.1}),
    "vit-l": ("ViT-L", "vit_l", 1364.7, {640: 47.6, 1024: 49.2, 1333: 50.0}),
}
_MULTI_TASK_MB = 526.3  # its vocabulary has 35,000 tokens
_MULTI_TASK_AP = {640: 44.2, 1024: 46.5}


def _google(name: str, path: str, size: int, title: str, **more) -> CheckpointInfo:
    return CheckpointInfo(
        name=name,
        title=title,
        family="google",
        source=f"gs://pix2seq/{path} (github.com/google-research/pix2seq)",
        licence="Apache-2.0",
        image_size=(size, size),
        url=f"{GOOGLE_BUCKET}/{path}",
        sampling=GOOGLE_SAMPLING,
        **more,
    )


def _google_checkpoints() -> list[CheckpointInfo]:
    infos = []
    for kind, (title, folder, megabytes, ap) in _GOOGLE_KINDS.items():
        for size, value in ap.items():
            infos.append(
                _google(
                    f"google-coco-{kind}-{size}",
                    f"coco_det_finetune/{folder}_{size}x{size}",
                    size,
                    f"Google {title}, {size} px, COCO",
                    size_mb=megabytes,
                    ap=round(value / 100, 3),
                    ap_note="COCO val2017, as published",
                    label_space="coco91",
                )
            )
    for kind, (title, folder, megabytes, _) in _GOOGLE_KINDS.items():
        infos.append(
            _google(
                f"google-obj365-{kind}-640",
                f"obj365_pretrain/{folder}_640x640_b256_s400k",
                640,
                f"Google {title}, 640 px, Objects365",
                size_mb=megabytes,
                ap_note="no AP was published",
                label_space="objects365",
            )
        )
    for size, value in _MULTI_TASK_AP.items():
        infos.append(
            _google(
                f"google-multitask-vit-b-{size}",
                f"multi_task/ckpt/vit_b_{size}x{size}",
                size,
                f"Google ViT-B, {size} px, COCO, multi-task (detection prompt)",
                size_mb=_MULTI_TASK_MB,
                ap=round(value / 100, 3),
                ap_note="COCO val2017, as published",
                label_space="coco91",
            )
        )
    return infos


_VOC = CheckpointInfo(
    name="shariatnia-voc",
    title="Shariatnia DeiT-III-S, 384 px, PASCAL VOC",
    family="shariatnia",
    source="github.com/moein-shariatnia/Pix2Seq",
    licence="MIT",
    size_mb=126.9,
    ap_note="published: AP50 26.4 on its own fifth of VOC2012 trainval, images without a "
    "prediction left out",
    label_space="voc20",
    image_size=(384, 384),
    url=f"https://drive.google.com/uc?id={VOC_FILE_ID}",
    sampling=VOC_SAMPLING,
)

PUBLISHED = (*_google_checkpoints(), _VOC)

"""Writing: logits -> rules -> one token at a time. No pixels here."""

from pix2seq.sampling.batch import Batch, Row, write_many
from pix2seq.sampling.job import Job
from pix2seq.sampling.rows import Rows, forced_logits
from pix2seq.sampling.shared import SharedBatch
from pix2seq.sampling.steps import Candidate, PlainStep, SampledBatch, SamplingStep, StepPipeline
from pix2seq.sampling.stream import (
    drawn_token,
    explain_step,
    rules_of,
    sample_batch,
    sample_stream,
)

__all__ = [
    "Batch",
    "Candidate",
    "Job",
    "PlainStep",
    "Row",
    "Rows",
    "SampledBatch",
    "SamplingStep",
    "SharedBatch",
    "StepPipeline",
    "drawn_token",
    "explain_step",
    "forced_logits",
    "rules_of",
    "sample_batch",
    "sample_stream",
    "write_many",
]

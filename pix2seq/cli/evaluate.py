"""``evaluate``: COCO numbers on labelled photos or on generated scenes, and sweeps."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pix2seq.cli.checks import (
    FIGURE_ENDINGS,
    check_apart,
    check_folder,
    check_input,
    check_model_arguments,
    check_output,
    check_sampling_arguments,
)
from pix2seq.cli.command import (
    Command,
    add_model_arguments,
    add_sampling_arguments,
    progress_bar,
    sampling_options,
    save_figure,
    write_json,
    write_text,
)
from pix2seq.config import ConfigError, SamplingOptions

if TYPE_CHECKING:
    from pix2seq.data import CocoDetection
    from pix2seq.evaluate import EvalResult
    from pix2seq.evaluate.run import Samples
    from pix2seq.processes import Processes
    from pix2seq.sweep import Bench

_SHOWN = 0.3  # from which score on a box of another detector counts as shown


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    data = parser.add_argument_group("data: labelled photos, or generated scenes")
    data.add_argument("--annotations", metavar="FILE", help="COCO JSON")
    data.add_argument("--images", metavar="DIR", help="the folder its file names are in")
    data.add_argument("--scenes", type=int, metavar="N", help="that many generated scenes")
    data.add_argument("--seed", type=int, metavar="S", help="of the scenes (default: 0)")
    data.add_argument("--photos", metavar="DIR", help="photos for the scenes' backgrounds")
    data.add_argument("--hard", action="store_true", help="hard scenes; see `scenes --hard`")
    data.add_argument(
        "--detections", metavar="FILE", help="score another detector's boxes, COCO results JSON"
    )
    data.add_argument("--limit", type=int, metavar="N", help="only the first N images")
    data.add_argument(
        "--drop-outside", action="store_true", help="leave out boxes that lie outside their image"
    )
    add_model_arguments(parser)
    add_sampling_arguments(parser, seed_flag="--sampling-seed")
    group = parser.add_argument_group("how and where to")
    group.add_argument("--batch-size", type=int, default=8, metavar="B")
    group.add_argument(
        "--bootstrap", type=int, default=0, metavar="N", help="resamples for 95%% intervals"
    )
    group.add_argument("--json", metavar="FILE", help="all numbers (- prints them)")
    group.add_argument("--plot", metavar="FILE", help="precision-recall and reliability plot")
    group.add_argument(
        "--sweep", metavar="DIR", help="try many sampling settings: sampling.csv, sampling.png"
    )


def _run(args: argparse.Namespace) -> None:
    _check(args)
    if args.detections is not None:
        _show(args, _evaluate_detections(args))
        return
    from pix2seq.processes import joined

    with joined() as processes:
        if processes.count > 1 and args.sweep:
            raise ConfigError("--sweep runs in one process; start it without torchrun")
        _evaluate(args, processes)


def _evaluate(args: argparse.Namespace, processes: Processes) -> None:
    from pix2seq.evaluate import evaluate
    from pix2seq.predictor import load
    from pix2seq.sweep import Bench

    samples = _samples(args)  # before the model, which takes longer to load
    predictor = load(args.checkpoint, processes.device(args.device))
    options = predictor.resolve(sampling_options(args, predictor.categories))
    if args.sweep:
        bench = Bench(predictor, samples, args.limit, args.batch_size)
        with progress_bar("looking") as show:
            for done in bench.look():
                show(done, len(bench))
        _sweep(args, bench, options)
        return
    with progress_bar("evaluating") as show:
        result = evaluate(
            predictor,
            samples,
            options,
            args.limit,
            args.batch_size,
            args.bootstrap,
            show if processes.first else None,
            processes,
        )
    if processes.first:
        _show(args, result)


def _evaluate_detections(args: argparse.Namespace) -> EvalResult:
    from pix2seq.evaluate import evaluate_detections

    shown = _SHOWN if args.score_threshold is None else args.score_threshold
    with progress_bar("reading") as show:
        return evaluate_detections(
            args.detections, _photos(args), shown, args.limit, args.bootstrap, show
        )


def _show(args: argparse.Namespace, result: EvalResult) -> None:
    from pix2seq.evaluate import as_table

    if args.json:
        write_json(args.json, result.to_dict())
    if args.plot:
        from pix2seq.render.plots import plot_result

        save_figure(plot_result(result), args.plot)
    if args.json != "-":
        print(as_table(result))


def _check(args: argparse.Namespace) -> None:
    photos = args.annotations is not None or args.images is not None
    if photos == (args.scenes is not None):
        raise ConfigError("name the data: --annotations FILE with --images DIR, or --scenes N")
    if photos and (args.annotations is None or args.images is None):
        raise ConfigError("--annotations and --images go together; give both")
    if photos and (args.seed is not None or args.photos is not None or args.hard):
        raise ConfigError(
            "--seed, --photos and --hard choose scenes; for the seed of the writing use "
            "--sampling-seed"
        )
    if args.scenes is not None and args.scenes < 1:
        raise ConfigError(f"--scenes is {args.scenes}; use at least one")
    if args.seed is not None and not 0 <= args.seed < 2**63:
        raise ConfigError(f"--seed is {args.seed}; use 0 to 2**63 - 1")
    for flag, value in (("--limit", args.limit), ("--batch-size", args.batch_size)):
        if value is not None and value < 1:
            raise ConfigError(f"{flag} is {value}; use 1 or more")
    if args.bootstrap < 0:
        raise ConfigError(f"--bootstrap is {args.bootstrap}; use 0 (off) or more")
    if args.detections and (args.scenes is not None or args.sweep):
        raise ConfigError("--detections goes with --annotations and --images, without --sweep")
    if args.sweep and (args.json or args.plot or args.bootstrap):
        raise ConfigError("--sweep writes its own files; leave --json, --plot and --bootstrap out")
    if photos:
        check_input(args.annotations, "--annotations")
        check_input(args.images, "--images", folder=True)
    if args.photos is not None:
        check_input(args.photos, "--photos", folder=True)
    check_output(args.json, "--json")
    check_output(args.plot, "--plot", FIGURE_ENDINGS)
    read = [args.annotations, args.detections]
    check_apart({"--json": args.json, "--plot": args.plot}, read)
    if args.sweep:
        check_folder(args.sweep, "--sweep")
    if args.detections is None:
        check_model_arguments(args)
    else:
        check_input(args.detections, "--detections")
    check_sampling_arguments(args)


def _samples(args: argparse.Namespace) -> Samples:
    from pix2seq.data import Scenes
    from pix2seq.data.scenes import EASY, HARD

    if args.scenes is not None:
        kind = HARD if args.hard else EASY
        return Scenes(args.seed or 0, args.scenes, photos=args.photos, kind=kind)
    return _photos(args)


def _photos(args: argparse.Namespace) -> CocoDetection:
    from pix2seq.data import CocoDetection

    samples = CocoDetection(args.annotations, args.images, drop_outside=args.drop_outside)
    missing = samples.missing(range(len(samples))[: args.limit])
    if missing:
        raise ConfigError(
            f"{len(missing)} image files are missing; {samples.explain_missing(missing[0])}"
        )
    for doubt in samples.annotations.doubts():
        print(f"{args.annotations}: {doubt}", file=sys.stderr)
    if samples.dropped:
        count = f"{samples.dropped} box{'es' if samples.dropped > 1 else ''} without area inside"
        said = (
            f"left out {count} the image"
            if args.drop_outside
            else f"{count} the image count as not found, as in COCO's own evaluation (first "
            f"{samples.first_dropped}); --drop-outside leaves them out"
        )
        print(f"{args.annotations}: {said}", file=sys.stderr)
    return samples


def _sweep(args: argparse.Namespace, bench: Bench, options: SamplingOptions) -> None:
    from pix2seq.render.plots import plot_table
    from pix2seq.sweep import as_csv, plan_table, run_table

    folder = Path(args.sweep)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot write to {folder}: {error.strerror or error}") from None
    rows = []
    print(f"{'setting':<26} AP     AP50   AR100  duplicates")
    for setting, result in run_table(bench, plan_table(bench.predictor, options)):
        rows.append((setting, result))
        numbers = "  ".join(f"{result.metrics[name]:.3f}" for name in ("AP", "AP50", "AR100"))
        name = f"{setting.group}: {setting.name}"
        print(f"{name:<26} {numbers}  {100 * result.duplicates:.1f} %", flush=True)
    write_text(folder / "sampling.csv", as_csv(rows).rstrip("\n"))
    save_figure(plot_table(rows), folder / "sampling.png")


EVALUATE = Command(
    "evaluate", "COCO metrics on labelled photos or generated scenes.", _add_arguments, _run
)

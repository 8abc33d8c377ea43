"""`doyen quality`: learn how well each expert would answer, measure that, and choose by quality and cost.

From files alone: it needs no server and no database.
"""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from doyen_platform.cli.output import AsJson, err, print_json, print_table
from doyen_platform.cli.progress import bars, failing_in_one_line
from doyen_router.encoder.sentence_transformer import load_encoder
from doyen_router.quality.artifact import load_quality, save_quality
from doyen_router.quality.choice import choose
from doyen_router.quality.model import QualityModel
from doyen_router.quality.model import remove_expert as without_expert
from doyen_router.quality.rows import read_rows

app = typer.Typer(help="Routing by quality and cost: learn, measure, choose.", no_args_is_help=True)

ModelFolder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a quality model, as `fit` writes it.")]
Rows = Annotated[
    Path, typer.Argument(metavar="ROWS.jsonl", help='A line: {"text": ..., "scores": {...}, "costs_usd": {...}}.')
]
Output = Annotated[Path, typer.Option("--output", "-o", help="The folder to write the model to.")]
TextField = Annotated[str, typer.Option("--text-field", help="The field that holds the text.")]
GroupField = Annotated[str, typer.Option("--group-field", help="Texts of one group are held out together.")]
Seed = Annotated[int, typer.Option("--seed")]
EncoderFolder = Annotated[
    Path | None, typer.Option("--encoder", help="A sentence-transformers folder; default: the packaged MiniLM.")
]


@app.command()
def fit(
    rows: Rows,
    output: Output,
    text_field: TextField = "text",
    group_field: GroupField = "group",
    seed: Seed = 0,
    encoder: EncoderFolder = None,
    as_json: AsJson = False,
) -> None:
    """Learns each expert's expected quality and cost, and prints the figures on held-out texts.

    Example: doyen quality fit rows.jsonl --output quality/first
    """
    from doyen_router.quality.training import fit_quality

    with failing_in_one_line(), bars() as told:
        scored = read_rows(rows, text_field=text_field, group_field=group_field)
        model = fit_quality(scored, load_encoder(encoder), seed=seed, progress=told)
        save_quality(model, output)
    _print_model(model, output, as_json)


@app.command()
def evaluate(
    model_folder: ModelFolder,
    rows: Rows,
    text_field: TextField = "text",
    encoder: EncoderFolder = None,
    as_json: AsJson = False,
) -> None:
    """Measures a model on scored texts, which it should not have been trained on, against what needs no model.

    Example: doyen quality evaluate quality/first test.jsonl --json
    """
    from doyen_router.quality.evaluation import evaluate_quality

    with failing_in_one_line(), bars() as told:
        own_encoder = load_encoder(encoder)
        model = load_quality(model_folder, encoder_identity=own_encoder.identity)
        report = evaluate_quality(model, own_encoder, read_rows(rows, text_field=text_field), progress=told)
    if as_json:
        experts = {name: point._asdict() for name, point in report["experts"].items()}
        print_json({**report, "experts": experts})
        return
    print_table(
        ["router", "aiq", "deferral area", "qnc", "peak quality"],
        [
            [name, *(_shown(value) for value in (of["aiq"], of["deferral_area"], of["qnc"], of["peak_quality"]))]
            for name, of in report["routers"].items()
        ],
    )
    print_table(
        ["expert", "quality", "cost of 1,000, USD"],
        [[name, _shown(of.quality), _shown(1000 * of.cost_usd)] for name, of in report["experts"].items()],
    )
    pair = report["pair"]
    if pair is not None:
        print_table(
            ["weak", "strong", "apgr", "95 %", "cpt20", "cpt50", "cpt80"],
            [
                [
                    pair["weak"],
                    pair["strong"],
                    _shown(pair["apgr"]),
                    f"{pair['apgr_low']:.3f} to {pair['apgr_high']:.3f}",
                    *(f"{share:.1%}" for share in (pair["cpt20"], pair["cpt50"], pair["cpt80"])),
                ]
            ],
        )
    err.print(f"{report['count']} texts, {report['skipped']} skipped for a missing score or cost", highlight=False)


@app.command()
def add(
    model_folder: ModelFolder,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new expert's name, as the rows score it.")],
    rows: Rows,
    output: Output,
    text_field: TextField = "text",
    seed: Seed = 0,
    encoder: EncoderFolder = None,
    as_json: AsJson = False,
) -> None:
    """Adds one expert, fitted alone; the others keep their figures to the last bit.

    Example: doyen quality add quality/first newcomer scored.jsonl --output quality/second
    """
    from doyen_router.quality.training import add_expert

    with failing_in_one_line():
        own_encoder = load_encoder(encoder)
        model = load_quality(model_folder, encoder_identity=own_encoder.identity)
        model = add_expert(model, name, read_rows(rows, text_field=text_field), own_encoder, seed=seed)
        save_quality(model, output)
    _print_model(model, output, as_json)


@app.command()
def remove(
    model_folder: ModelFolder,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The expert to remove.")],
    output: Output,
    as_json: AsJson = False,
) -> None:
    """Removes an expert; the others keep their figures to the last bit.

    Example: doyen quality remove quality/second newcomer --output quality/third
    """
    with failing_in_one_line():
        model = without_expert(load_quality(model_folder), name)
        save_quality(model, output)
    _print_model(model, output, as_json)


@app.command()
def decide(
    model_folder: ModelFolder,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What a user asks.")],
    lambda_per_usd: Annotated[
        float, typer.Option("--lambda", help="What one USD is worth in quality; 0 takes the best whatever it costs.")
    ] = 0.0,
    encoder: EncoderFolder = None,
    as_json: AsJson = False,
) -> None:
    """Shows which expert is worth its price for a text, and what each would be worth.

    Example: doyen quality decide quality/first "Prove that 2 is prime" --lambda 100 --json
    """
    with failing_in_one_line():
        own_encoder = load_encoder(encoder)
        model = load_quality(model_folder, encoder_identity=own_encoder.identity)
        choice = choose(model, text, own_encoder.encode([text])[0], lambda_per_usd=lambda_per_usd)
    if as_json:
        print_json({"quality_version": model.version, **asdict(choice)})
        return
    print_table(
        ["expert", "expected quality", "expected cost, USD", "value"],
        [[of.expert, _shown(of.quality), f"{of.cost_usd:.3g}", _shown(of.value)] for of in choice.appraisals],
    )
    print_table(["chosen", "lambda"], [[choice.expert, f"{lambda_per_usd:g}"]])


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _print_model(model: QualityModel, output: Path, as_json: bool) -> None:
    card = model.card
    if as_json:
        print_json(
            {
                "version": model.version,
                "parent": card.parent,
                "directory": os.fspath(output),
                "experts": {name: facts.model_dump() for name, facts in card.experts.items()},
                "kernel": card.kernel.model_dump(),
                "metrics": card.metrics,
            }
        )
        return
    print_table(
        ["expert", "origin", "rows", "mean score", "base cost, USD", "USD per 1,000 characters"],
        [
            [
                name,
                of.origin,
                of.rows,
                _shown(of.mean_score),
                f"{of.prices.base_usd:.3g}",
                f"{1000 * of.prices.usd_per_character:.3g}",
            ]
            for name, of in card.experts.items()
        ],
    )
    if card.metrics:
        print_table(["held out", ""], [[name, f"{value:.4g}"] for name, value in card.metrics.items()])
    err.print(f"quality model {model.version[:12]} written to {output}", highlight=False, soft_wrap=True)

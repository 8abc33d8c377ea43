"""`doyen encoder`: make a serving encoder of a folder, tune one on labelled texts, look at one. It needs no server."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from doyen_platform.cli.output import AsJson, print_json, print_table, progress
from doyen_platform.cli.progress import bars, failing_in_one_line
from doyen_router.encoder.artifact import EncoderCard, EpochFigures, Tuning, is_artifact, read_card
from doyen_router.encoder.contract import truncates
from doyen_router.encoder.export import Wanted, export_encoder
from doyen_router.encoder.packaged import packaged_weights
from doyen_router.encoder.sentence_transformer import load_encoder
from doyen_router.gate.examples import read_examples, read_texts

app = typer.Typer(help="Encoders: export, tune, look at.", no_args_is_help=True)

Output = Annotated[Path, typer.Option("--output", "-o", help="The folder to write the encoder to.")]
TextField = Annotated[str, typer.Option("--text-field", help="The field that holds the text.")]
Int8 = Annotated[
    bool | None,
    typer.Option("--int8/--no-int8", help="8-bit weights or none; default: 8-bit where the vectors stay the same."),
]
MinCosine = Annotated[
    float, typer.Option("--min-cosine", min=0.0, max=1.0, help="The lowest cosine to the torch reference allowed.")
]
# Of a text that is shown in a table.
SHOWN_CHARACTERS = 60


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A sentence-transformers folder.")],
    output: Output,
    int8: Int8 = None,
    min_cosine: MinCosine = 0.99,
    texts: Annotated[Path | None, typer.Option("--texts", help="JSON Lines: texts of yours to measure on too.")] = None,
    text_field: TextField = "text",
    as_json: AsJson = False,
) -> None:
    """Makes the serving encoder (ONNX, tokenizer, card) and measures its vectors against torch's.

    Nothing is written when a cosine is below --min-cosine.

    Example: doyen encoder export models/bge-small --output encoders/bge-small
    """
    with failing_in_one_line(), bars() as told:
        own = read_texts(texts, text_field=text_field) if texts else []
        card = export_encoder(folder, output, precision=_wanted(int8), min_cosine=min_cosine, texts=own, progress=told)
    if as_json:
        print_json(_summary(card, output))
        return
    _print_card(card)
    if int8 is None and card.precision == "fp32":
        progress(f"8-bit weights were tried and reach {card.tried[0].lowest_cosine:.4f} only: written in fp32")
    progress(f"encoder written to {output}")


@app.command()
def tune(
    examples: Annotated[Path, typer.Argument(metavar="EXAMPLES.jsonl", help="One JSON object a line.")],
    output: Output,
    base: Annotated[
        Path | None, typer.Option("--base", help="A sentence-transformers folder; default: the packaged MiniLM.")
    ] = None,
    validation: Annotated[
        Path | None, typer.Option("--validation", help="Examples to compare on; without it some are held out.")
    ] = None,
    outside: Annotated[Path | None, typer.Option("--outside", help="JSON Lines with texts of no expert.")] = None,
    text_field: TextField = "text",
    label_field: Annotated[str, typer.Option("--label-field", help="The field that names the expert.")] = "expert",
    fine_field: Annotated[
        str | None, typer.Option("--fine-field", help="A finer label below the expert: tuned on where there is one.")
    ] = None,
    epochs: Annotated[int, typer.Option("--epochs", min=1)] = 6,
    seed: Annotated[int, typer.Option("--seed")] = 0,
    threads: Annotated[int, typer.Option("--threads", min=1)] = 1,
    weights: Annotated[
        Path | None, typer.Option("--weights", help="Keeps the tuned sentence-transformers folder here too.")
    ] = None,
    int8: Int8 = None,
    min_cosine: MinCosine = 0.99,
    as_json: AsJson = False,
) -> None:
    """Tunes an encoder on labelled texts, exports it, and compares gates on the old and the new one.

    The comparison is on texts that the tuning has not seen. Use the new encoder when it is recommended: give gates that
    you fit on it a --validation file of such texts too, since those it was tuned on look too easy.

    Example: doyen encoder tune examples.jsonl --output encoders/own --label-field domain --fine-field intent
    """
    from doyen_router.encoder.tuning import tune_encoder

    with failing_in_one_line(), bars() as told:
        rows = read_examples(examples, text_field=text_field, label_field=label_field, fine_field=fine_field)
        held = read_examples(validation, text_field=text_field, label_field=label_field) if validation else None
        card = tune_encoder(
            base or packaged_weights(),
            rows,
            output,
            validation=held,
            outside=read_texts(outside, text_field=text_field) if outside else [],
            epochs=epochs,
            seed=seed,
            threads=threads,
            precision=_wanted(int8),
            min_cosine=min_cosine,
            weights=weights,
            progress=told,
            epoch_done=_print_epoch,
        )
    if as_json:
        print_json(_summary(card, output))
        return
    _print_card(card)
    if card.tuning is not None:
        _print_tuning(card.tuning)
    progress(f"encoder written to {output}")


@app.command()
def show(
    texts: Annotated[
        list[str] | None, typer.Argument(metavar="[TEXT]...", help="Texts to count the tokens of.")
    ] = None,
    encoder: Annotated[
        Path | None, typer.Option("--encoder", help="An encoder's folder; default: the packaged MiniLM.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Shows what an encoder is, checks its files, and says which texts it would cut.

    Example: doyen encoder show "How do I renew my passport?" --encoder encoders/own
    """
    card = read_card(encoder) if encoder is not None and is_artifact(encoder) else None
    loaded = load_encoder(encoder)
    counted = [
        {"text": text, "tokens": loaded.count_tokens(text), "truncated": truncates(loaded, text)}
        for text in texts or []
    ]
    if as_json:
        print_json(
            {
                "identity": loaded.identity,
                "dimensions": loaded.dimensions,
                "max_tokens": loaded.max_tokens,
                "card": card.model_dump(mode="json") if card else None,
                "texts": counted,
            }
        )
        return
    print_table(
        ["identity", "dimensions", "max tokens"], [[loaded.identity[:12], loaded.dimensions, loaded.max_tokens]]
    )
    if card is not None:
        _print_card(card)
        if card.tuning is not None:
            _print_tuning(card.tuning)
    if counted:
        print_table(
            ["text", "tokens", "truncated"],
            [
                [str(row["text"])[:SHOWN_CHARACTERS], row["tokens"], "yes" if row["truncated"] else ""]
                for row in counted
            ],
        )


def _wanted(int8: bool | None) -> Wanted:
    return "auto" if int8 is None else "int8" if int8 else "fp32"


def _summary(card: EncoderCard, output: Path) -> dict[str, object]:
    encoder = load_encoder(output)
    recommended = {} if card.tuning is None else {"recommended": card.tuning.recommended}
    return {
        "directory": os.fspath(output),
        "identity": encoder.identity,
        **recommended,
        **card.model_dump(mode="json"),
    }


def _print_card(card: EncoderCard) -> None:
    facts = {
        "layers": " > ".join(card.layers),
        "precision": card.precision,
        "dimensions": card.dimensions,
        "max tokens": card.reading.max_tokens,
        "prompt": card.reading.prompt,
        "lowest cosine to torch": f"{card.parity.lowest_cosine:.4f}",
        "mean cosine to torch": f"{card.parity.mean_cosine:.4f}",
        "texts measured": card.parity.texts,
    }
    print_table(["encoder", ""], [[name, value] for name, value in facts.items() if value != ""])


def _print_epoch(figures: EpochFigures) -> None:
    progress(
        f"epoch {figures.epoch}: loss {figures.loss:.3f}, accuracy by class means {figures.choice_accuracy:.4f}, "
        f"{figures.seconds:.0f} s"
    )


def _print_tuning(tuning: Tuning) -> None:
    before, after = tuning.before.model_dump(), tuning.after.model_dump()
    print_table(
        ["gate on held-out texts", "base", "tuned"],
        [[name, f"{before[name]:.4f}", f"{after[name]:.4f}"] for name in before if before[name] is not None],
    )
    verdict = "recommended" if tuning.recommended else "NOT recommended: it is not clearly better than its base"
    progress(
        f"{verdict}; of {tuning.held_out} held-out texts {tuning.newly_right} are newly right and {tuning.newly_wrong} "
        f"newly wrong; epoch {tuning.chosen_epoch}; similarity of general texts kept: {tuning.similarity_kept:.2f}"
    )

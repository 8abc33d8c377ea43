"""`doyen gate`: train, measure, extend and ask a gate, from files alone. It needs no server and no database."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from doyen_platform.cli.documents import sketch_of, sketches_of
from doyen_platform.cli.output import AsJson, err, fail, print_json, print_table
from doyen_platform.cli.progress import bars, failing_in_one_line
from doyen_router.encoder.contract import Encoder
from doyen_router.encoder.sentence_transformer import load_encoder
from doyen_router.gate.artifact import check_output, load_gate, save_gate
from doyen_router.gate.confusion import Confusion
from doyen_router.gate.decide import decide as decided
from doyen_router.gate.decide import snapshot_of
from doyen_router.gate.decision import Conditions, Policy
from doyen_router.gate.examples import read_examples, read_texts
from doyen_router.gate.explanation import explain as explained
from doyen_router.gate.gate import Gate
from doyen_router.gate.imprint import add_expert
from doyen_router.gate.members import remove_expert as without_expert
from doyen_router.text_features import features

app = typer.Typer(help="Gates: train, measure, add and remove experts, ask.", no_args_is_help=True)

GateFolder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a gate, as `fit` writes it.")]
Examples = Annotated[Path, typer.Argument(metavar="EXAMPLES.jsonl", help="One JSON object a line.")]
Output = Annotated[Path, typer.Option("--output", "-o", help="The folder to write the gate to.")]
Outside = Annotated[Path | None, typer.Option("--outside", help="JSON Lines with texts of no expert.")]
TextField = Annotated[str, typer.Option("--text-field", help="The field that holds the text.")]
LabelField = Annotated[str, typer.Option("--label-field", help="The field that names the expert.")]
EncoderFolder = Annotated[
    Path | None, typer.Option("--encoder", help="A sentence-transformers folder; default: the packaged MiniLM.")
]

ContextFields = Annotated[
    list[str] | None,
    typer.Option("--context-field", help="A field with a feature of the request, such as its locale; may be repeated."),
]


@app.command()
def fit(
    examples: Examples,
    output: Output,
    validation: Annotated[
        Path | None, typer.Option("--validation", help="Held-out examples; without it some are held out.")
    ] = None,
    outside: Outside = None,
    text_field: TextField = "text",
    label_field: LabelField = "expert",
    fine_field: Annotated[
        str | None, typer.Option("--fine-field", help="A finer label below the expert, such as an intent.")
    ] = None,
    context_field: ContextFields = None,
    documents: Annotated[
        Path | None, typer.Option("--documents", help="A folder with one folder of documents for each expert.")
    ] = None,
    accept: Annotated[
        float | None,
        typer.Option("--accept", min=0.0, max=1.0, help="The share of --outside texts that may be let in, at most."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed")] = 0,
    encoder: EncoderFolder = None,
    as_json: AsJson = False,
) -> None:
    """Trains a gate and prints its figures on held-out texts.

    Example: doyen gate fit examples.jsonl --output gates/first --label-field domain --fine-field intent
    """
    from doyen_router.gate.training import fit_gate

    with failing_in_one_line(), bars() as told:
        check_output(output)
        if accept is not None and outside is None:
            fail("--accept is a share of the --outside texts: name a file of them")
        fields = {"text_field": text_field, "label_field": label_field}
        rows = read_examples(examples, **fields, fine_field=fine_field, context_fields=context_field or ())
        held = read_examples(validation, **fields, context_fields=context_field or ()) if validation else None
        strangers = read_texts(outside, text_field=text_field) if outside else None
        own_encoder = load_encoder(encoder)
        sketches = sketches_of(documents, own_encoder, told) if documents else None
        gate = fit_gate(
            rows,
            own_encoder,
            validation=held,
            outside=strangers,
            sketches=sketches,
            wanted_acceptance=accept,
            seed=seed,
            progress=told,
        )
        save_gate(gate, output)
    if as_json:
        print_json({**_summary(gate, output), "metrics": gate.card.metrics})
        return
    _print_gate(gate, output)
    print_table(["held out", ""], [[name, f"{value:.4g}"] for name, value in gate.card.metrics.items()])


@app.command()
def evaluate(
    gate_folder: GateFolder,
    examples: Examples,
    outside: Outside = None,
    text_field: TextField = "text",
    label_field: LabelField = "expert",
    context_field: ContextFields = None,
    encoder: EncoderFolder = None,
    as_json: AsJson = False,
) -> None:
    """Measures a gate on labelled texts, which it should not have been trained on.

    Example: doyen gate evaluate gates/first test.jsonl --outside strangers.jsonl --label-field domain --json
    """
    from doyen_router.gate.evaluation import evaluate as evaluated

    with failing_in_one_line(), bars() as told:
        gate, own_encoder = _opened(gate_folder, encoder)
        rows = read_examples(
            examples, text_field=text_field, label_field=label_field, context_fields=context_field or ()
        )
        strangers = read_texts(outside, text_field=text_field) if outside else None
        report = evaluated(gate, own_encoder, rows, strangers, progress=told)
    if as_json:
        print_json(report)
        return
    nested: dict[str, Mapping[str, object]] = {"outside": report["outside"] or {}, "decide_ms": report["decide_ms"]}
    figures = [(name, value) for name, value in report.items() if isinstance(value, int | float)]
    figures += [
        (f"{group} {name}", value)
        for group, of in nested.items()
        for name, value in of.items()
        if isinstance(value, int | float)
    ]
    print_table(["measure", ""], [[name, f"{value:.4g}"] for name, value in figures])
    print_table(
        ["expert", "count", "precision", "recall", "f1"],
        [
            [expert, of["count"], f"{of['precision']:.3f}", f"{of['recall']:.3f}", f"{of['f1']:.3f}"]
            for expert, of in report["per_expert"].items()
        ],
    )


@app.command()
def add(
    gate_folder: GateFolder,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new expert's name.")],
    examples: Examples,
    output: Output,
    description: Annotated[str, typer.Option("--description", help="What the expert knows.")] = "",
    documents: Annotated[Path | None, typer.Option("--documents", help="A file or a folder of its documents.")] = None,
    text_field: TextField = "text",
    encoder: EncoderFolder = None,
    as_json: AsJson = False,
) -> None:
    """Adds an expert without retraining, and prints the expected confusion with each neighbour.

    Example: doyen gate add gates/first gardening questions.jsonl --output gates/second --documents handbook/
    """
    with failing_in_one_line(), bars() as told:
        gate, own_encoder = _opened(gate_folder, encoder)
        texts = read_texts(examples, text_field=text_field, may_be_empty=True)
        sketch = sketch_of(documents, own_encoder, told) if documents else None
        gate, confusions = add_expert(
            gate,
            name,
            own_encoder,
            description=description,
            examples=texts,
            passages=sketch.vectors_PD.astype(np.float32) if sketch else (),
            passage_texts=sketch.texts if sketch else (),
        )
        save_gate(gate, output)
    if as_json:
        print_json({**_summary(gate, output), "confusions": [asdict(confusion) for confusion in confusions]})
        return
    _print_gate(gate, output)
    _print_confusions(confusions)


@app.command()
def remove(
    gate_folder: GateFolder,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The expert to remove.")],
    output: Output,
    as_json: AsJson = False,
) -> None:
    """Removes an expert; the others keep their logits to the last bit.

    Example: doyen gate remove gates/second gardening --output gates/third
    """
    with failing_in_one_line():
        gate = without_expert(load_gate(gate_folder), name)
        save_gate(gate, output)
    if as_json:
        print_json(_summary(gate, output))
        return
    _print_gate(gate, output)


@app.command()
def decide(
    gate_folder: GateFolder,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What a user asks.")],
    context: Annotated[
        list[str] | None, typer.Option("--context", help="NAME=VALUE of a feature of the request; may be repeated.")
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Also what spoke for whom.")] = False,
    encoder: EncoderFolder = None,
    as_json: AsJson = False,
) -> None:
    """Shows who would answer a text, how sure the gate is, and the runner-up.

    Example: doyen gate decide gates/first "I want my money back" --json
    """
    with failing_in_one_line():
        gate, own_encoder = _opened(gate_folder, encoder)
        features_F = features(own_encoder, [text])[0]
        given = Conditions(context=_context(context or ()))
        choice = decided(gate, features_F, snapshot_of(gate), Policy(), 0, given)
        why = explained(gate, features_F, choice, context=given.context) if explain else None
    if as_json:
        told = {"gate_version": gate.version, "experts": choice.experts, **asdict(choice)}
        print_json(told | ({"explanation": asdict(why)} if why else {}))
        return
    ranked = sorted(choice.probabilities.items(), key=lambda pair: -pair[1])[:5]
    print_table(["expert", "probability"], [[expert, f"{share:.3f}"] for expert, share in ranked])
    verdict = "nobody" if choice.abstained else ", ".join(choice.experts)
    print_table(
        ["chosen", "reason", "inside", "floor"],
        [[verdict, choice.reason.value, f"{choice.inside:.3f}", f"{choice.inside_floor:.3f}"]],
    )
    if why:
        print_table(
            ["expert", "logit", "nearness", "evidence", "context", "row"],
            [
                [
                    of.expert,
                    f"{of.logit:.2f}",
                    f"{of.nearness:.2f}",
                    f"{of.evidence:+.2f}",
                    f"{of.context:+.2f}",
                    of.row or "",
                ]
                for of in why.candidates[:5]
            ],
        )
    for title, of_kind in (("example", why.examples), ("passage", why.passages)) if why else ():
        if of_kind:
            print_table(
                ["expert", "cosine", "words", f"nearest {title}"],
                [[one.expert, f"{one.cosine:.2f}", f"{one.word_overlap:.2f}", one.text] for one in of_kind],
            )


def _opened(folder: Path, encoder_folder: Path | None) -> tuple[Gate, Encoder]:
    encoder = load_encoder(encoder_folder)
    return load_gate(folder, encoder_identity=encoder.identity), encoder


def _context(pairs: Sequence[str]) -> dict[str, str]:
    context: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals and value):
            fail(f"--context takes NAME=VALUE, such as locale=de, not {pair!r}")
        context[name] = value
    return context


def _summary(gate: Gate, output: Path) -> dict[str, object]:
    return {
        "version": gate.version,
        "parent": gate.card.parent,
        "directory": os.fspath(output),
        "experts": {name: facts.model_dump(exclude={"rows"}) for name, facts in gate.card.experts.items()},
    }


def _print_gate(gate: Gate, output: Path) -> None:
    print_table(
        ["expert", "origin", "examples", "rows"],
        [[name, of.origin, of.examples, len(of.rows)] for name, of in gate.card.experts.items()],
    )
    err.print(f"gate {gate.version[:12]} written to {output}", highlight=False, soft_wrap=True)


def _print_confusions(confusions: Sequence[Confusion]) -> None:
    print_table(
        ["neighbour", "its traffic lost", "ours lost to it"],
        [[of.expert, f"{of.theirs_lost:.1%}", f"{of.ours_lost:.1%}"] for of in confusions],
    )

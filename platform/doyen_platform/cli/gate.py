"""`doyen gate`: train, measure, extend and ask a gate, from files alone. It needs no server and no database."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from doyen_platform.cli.output import AsJson, err, fail, print_json, print_table
from doyen_router.encoder.contract import Encoder
from doyen_router.encoder.sentence_transformer import load_encoder
from doyen_router.errors import DoyenError
from doyen_router.gate.artifact import load_gate, save_gate
from doyen_router.gate.decide import decide as decided
from doyen_router.gate.decide import snapshot_of
from doyen_router.gate.decision import Policy
from doyen_router.gate.examples import read_examples, read_texts
from doyen_router.gate.gate import Gate
from doyen_router.gate.gate import remove_expert as without_expert
from doyen_router.gate.imprint import Confusion, add_expert
from doyen_router.gate.training import Progress as Told

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

READABLE = {".txt", ".md", ".rst", ".html", ".htm", ".pdf"}
# An imprint looks at the shape of a store, not at all of it.
MOST_PASSAGES = 200
PASSAGE_TOKENS = 64


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
    seed: Annotated[int, typer.Option("--seed")] = 0,
    encoder: EncoderFolder = None,
    as_json: AsJson = False,
) -> None:
    """Trains a gate and prints its figures on held-out texts.

    Example: doyen gate fit examples.jsonl --output gates/first --label-field domain --fine-field intent
    """
    from doyen_router.gate.training import fit_gate

    with _failing_in_one_line(), _told() as told:
        rows = read_examples(examples, text_field=text_field, label_field=label_field, fine_field=fine_field)
        held = read_examples(validation, text_field=text_field, label_field=label_field) if validation else None
        strangers = read_texts(outside, text_field=text_field) if outside else None
        gate = fit_gate(rows, load_encoder(encoder), validation=held, outside=strangers, seed=seed, progress=told)
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
    encoder: EncoderFolder = None,
    as_json: AsJson = False,
) -> None:
    """Measures a gate on labelled texts, which it should not have been trained on.

    Example: doyen gate evaluate gates/first test.jsonl --outside strangers.jsonl --label-field domain --json
    """
    from doyen_router.gate.evaluation import evaluate as evaluated

    with _failing_in_one_line(), _told() as told:
        gate, own_encoder = _opened(gate_folder, encoder)
        rows = read_examples(examples, text_field=text_field, label_field=label_field)
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
    with _failing_in_one_line():
        gate, own_encoder = _opened(gate_folder, encoder)
        texts = read_texts(examples, text_field=text_field)
        passages = _passages(documents, own_encoder) if documents else []
        vectors_PD = own_encoder.encode(passages, max_tokens=PASSAGE_TOKENS)
        gate, confusions = add_expert(
            gate, name, own_encoder, description=description, examples=texts, passages=vectors_PD
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
    with _failing_in_one_line():
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
    encoder: EncoderFolder = None,
    as_json: AsJson = False,
) -> None:
    """Shows who would answer a text, how sure the gate is, and the runner-up.

    Example: doyen gate decide gates/first "I want my money back" --json
    """
    with _failing_in_one_line():
        gate, own_encoder = _opened(gate_folder, encoder)
        choice = decided(gate, own_encoder.encode([text])[0], snapshot_of(gate), Policy(), 0)
    if as_json:
        print_json({"gate_version": gate.version, "experts": choice.experts, **asdict(choice)})
        return
    ranked = sorted(choice.probabilities.items(), key=lambda pair: -pair[1])[:5]
    print_table(["expert", "probability"], [[expert, f"{share:.3f}"] for expert, share in ranked])
    verdict = "nobody" if choice.abstained else ", ".join(choice.experts)
    print_table(
        ["chosen", "reason", "inside", "floor"],
        [[verdict, choice.reason.value, f"{choice.inside:.3f}", f"{choice.inside_floor:.3f}"]],
    )


def _opened(folder: Path, encoder_folder: Path | None) -> tuple[Gate, Encoder]:
    encoder = load_encoder(encoder_folder)
    return load_gate(folder, encoder_identity=encoder.identity), encoder


def _passages(documents: Path, encoder: Encoder) -> list[str]:
    """Headings and beginnings of chunks, evenly over all documents. Files of other types are left out."""
    from doyen_experts.store.chunking import chunk, embedding_text
    from doyen_experts.store.documents import Document
    from doyen_experts.store.parsing import parse

    if not documents.exists():
        fail(f"{documents} does not exist")
    paths = sorted(path for path in documents.rglob("*") if path.is_file() and path.suffix.lower() in READABLE)
    chunks: list[str] = []
    for path in [documents] if documents.is_file() else paths:
        parsed = parse(path.read_bytes(), name=path.name)
        document = Document(id=str(path), title=parsed.title, text=parsed.text, source=str(path))
        chunks += [embedding_text(of_document) for of_document in chunk(document)]
    if not chunks:
        fail(f"{documents} holds no readable document ({', '.join(sorted(READABLE))})")
    step = max(1, -(-len(chunks) // MOST_PASSAGES))
    return chunks[::step]


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


@contextmanager
def _failing_in_one_line() -> Iterator[None]:
    try:
        yield
    except DoyenError as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}")


@contextmanager
def _told() -> Iterator[Told]:
    """A bar on standard error, one line a stage."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        tasks = {}

        def told(stage: str, share: float) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, total=1.0)
            bar.update(tasks[stage], completed=share)

        yield told

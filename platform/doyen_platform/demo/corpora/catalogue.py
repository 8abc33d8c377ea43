"""Which library experts there are, and where in the libraries their documents are found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shelf:
    """Places to find objects at (see `objects.find`), and how many chunks may come from them."""

    chunks: int
    places: tuple[str, ...]
    characters: int = 1800  # of one document
    in_turns: bool = False  # whether every module has its share, else the most mentioned objects come first
    has_parameters: bool = True  # also documents about the parameters of what has many


@dataclass(frozen=True, slots=True)
class Library:
    name: str
    title: str
    description: str
    licence: str
    distributions: tuple[str, ...]
    shelves: tuple[Shelf, ...]
    modules: tuple[str, ...] = ()


SQLALCHEMY = Library(
    "sqlalchemy",
    "SQLAlchemy",
    "SQLAlchemy, the Python SQL toolkit and object-relational mapper: mapped classes, relationships, sessions, "
    "queries, select statements, tables, columns, types, engines, connections, transactions, joins, eager loading.",
    "MIT",
    ("sqlalchemy",),
    (
        Shelf(
            190,
            (
                "sqlalchemy.orm",
                "sqlalchemy.orm.Session.*",
                "sqlalchemy.ext.hybrid",
                "sqlalchemy.ext.associationproxy",
                "sqlalchemy.ext.declarative",
                "sqlalchemy.ext.automap",
                "sqlalchemy.ext.mutable",
            ),
        ),
        Shelf(
            140,
            (
                "sqlalchemy",
                "sqlalchemy.Select.*",
                "sqlalchemy.Engine.*",
                "sqlalchemy.Connection.*",
                "sqlalchemy.Table.*",
                "sqlalchemy.Result.*",
                "sqlalchemy.MetaData.*",
                "sqlalchemy.event",
                "sqlalchemy.pool",
                "sqlalchemy.exc",
                "sqlalchemy.dialects.postgresql",
                "sqlalchemy.dialects.sqlite",
            ),
            1300,
        ),
    ),
    (
        "sqlalchemy.ext.hybrid",
        "sqlalchemy.ext.associationproxy",
        "sqlalchemy.ext.automap",
        "sqlalchemy.ext.mutable",
        "sqlalchemy.ext.orderinglist",
        "sqlalchemy.dialects.sqlite.base",
        "sqlalchemy.dialects.postgresql.base",
    ),
)

FASTAPI = Library(
    "fastapi",
    "FastAPI, Starlette and pydantic",
    "Building web APIs in Python with FastAPI, Starlette and pydantic: path operations, dependencies, request bodies, "
    "query parameters, responses, security, middleware, WebSockets, background tasks, models, fields, validation.",
    "MIT (FastAPI, pydantic), BSD-3-Clause (Starlette)",
    ("fastapi", "starlette", "pydantic"),
    (
        Shelf(
            210,
            (
                "fastapi",
                "fastapi.FastAPI.*",
                "fastapi.security",
                "fastapi.background",
                "fastapi.encoders",
                "fastapi.exceptions",
                "fastapi.sse",
                "fastapi.UploadFile.*",
                "fastapi.BackgroundTasks.*",
                "fastapi.WebSocket.*",
                "starlette.routing",
                "starlette.requests",
                "starlette.templating",
                "starlette.testclient",
                "starlette.datastructures",
            ),
            1500,
        ),
        Shelf(
            120,
            (
                "pydantic",
                "pydantic.BaseModel.*",
                "pydantic.TypeAdapter.*",
                "pydantic.functional_validators",
                "pydantic.functional_serializers",
                "pydantic.networks",
                "pydantic.types",
                "pydantic_settings",
            ),
            1300,
        ),
    ),
    ("starlette.middleware", "pydantic.alias_generators", "pydantic.dataclasses", "pydantic.json_schema"),
)

CELERY = Library(
    "celery",
    "Celery and kombu",
    "Celery, the distributed task queue, and kombu, its messaging library: tasks, retries, workers, beat schedules, "
    "chains, groups and chords, results, brokers, queues, exchanges, producers, consumers, signals.",
    "BSD-3-Clause",
    ("celery", "kombu"),
    (
        Shelf(
            235,
            (
                "celery",
                "celery.app.task.Task.*",
                "celery.Celery.*",
                "celery.canvas",
                "celery.canvas.Signature.*",
                "celery.canvas.group.*",
                "celery.canvas.chain.*",
                "celery.canvas.chord.*",
                "celery.result.AsyncResult.*",
                "celery.result.GroupResult.*",
                "celery.schedules",
                "celery.app.control.Control.*",
                "celery.app.control.Inspect.*",
                "celery.exceptions",
                "celery.beat",
                "celery.bootsteps",
                "celery.utils.log",
                "celery.contrib.abortable",
                "celery.states",
            ),
        ),
        Shelf(
            100,
            (
                "kombu",
                "kombu.Connection.*",
                "kombu.Exchange.*",
                "kombu.Queue.*",
                "kombu.Producer.*",
                "kombu.Consumer.*",
                "kombu.message.Message.*",
                "kombu.mixins",
                "kombu.serialization",
                "kombu.compression",
                "kombu.common",
            ),
            1300,
        ),
    ),
    (
        "celery.canvas",
        "celery.beat",
        "celery.signals",
        "celery.states",
        "celery.contrib.abortable",
        "celery.contrib.pytest",
        "celery.bootsteps",
        "celery.backends.redis",
        "kombu.transport.redis",
        "kombu.transport.pyamqp",
        "kombu.transport.SQS",
        "kombu.transport.filesystem",
        "kombu.transport.memory",
        "kombu.transport.virtual.base",
        "kombu.mixins",
        "kombu.asynchronous.timer",
    ),
)

NUMPY = Library(
    "numpy",
    "NumPy and scikit-learn",
    "Arrays, linear algebra, random numbers and machine learning in Python with NumPy and scikit-learn: arrays, "
    "broadcasting, sorting, statistics, preprocessing, classifiers, regression, clustering, cross-validation, metrics.",
    "BSD-3-Clause",
    ("numpy", "scikit-learn"),
    (
        Shelf(
            200,
            tuple(
                f"sklearn.{name}"
                for name in (
                    "preprocessing",
                    "model_selection",
                    "linear_model",
                    "ensemble",
                    "cluster",
                    "decomposition",
                    "metrics",
                    "pipeline",
                    "compose",
                    "impute",
                    "feature_extraction.text",
                    "feature_selection",
                    "neighbors",
                    "svm",
                    "tree",
                    "naive_bayes",
                    "manifold",
                    "calibration",
                    "neural_network",
                    "mixture",
                    "dummy",
                    "inspection",
                    "gaussian_process",
                )
            ),
            1250,
            in_turns=True,
            has_parameters=False,
        ),
        Shelf(
            150,
            ("numpy", "numpy.linalg", "numpy.random", "numpy.random.Generator.*", "numpy.fft"),
            900,
            in_turns=True,
            has_parameters=False,
        ),
    ),
)

LIBRARIES = (SQLALCHEMY, FASTAPI, CELERY, NUMPY)

"""Exports: of nothing, to nowhere, and with options that are none."""

from __future__ import annotations

from .results import LOGS, SPOILT
from .rows import Row, rows

_EVER = "lmms-bapa export runs/good --to every-eval-ever"

EXPORTS: list[Row] = [
    *rows(
        "export",
        "lmms-bapa export {} --to csv",
        [*SPOILT, *(row for row in LOGS if row[0] in ("no samples", "cut-off samples"))],
    ),
    *rows(
        "export",
        "lmms-bapa export",
        [
            ("nothing", "", "--list shows the formats"),
            ("no format", "runs/good", "--list shows the formats"),
            ("format is misspelt", "runs/good --to cvs", "did you mean csv?"),
            ("format is empty", "runs/good --to ''", "--to"),
            ("option without value", "runs/good figures --to latex", "name=value"),
            ("option twice", "runs/good width=60 width=70 --to latex", "given twice"),
            ("option is misspelt", "runs/good widht=60 --to latex", "did you mean width?"),
            ("option of another format", "runs/good width=60 --to csv", "it has no options"),
            ("width is a word", "runs/good width=wide --to latex", "width"),
            ("width is negative", "runs/good width=-1 --to latex", "width"),
            ("intervals are unknown", "runs/good intervals=braces --to latex", "intervals"),
            ("figures are unknown", "runs/good figures=zzz --to latex", "zzz"),
            ("unknown setting", "runs/good --setting bapa=perhaps --to csv", "bapa=perhaps"),
            ("unknown task", "runs/good --tasks zzz --to csv", "zzz"),
            ("seed is negative", "runs/good --seed -1 --to csv", "--seed"),
            ("output is a file", "runs/good --output file.txt --to csv", "file.txt"),
            ("output is below a file", "runs/good --output file.txt/x --to csv", "file.txt"),
            ("output is a loop", "runs/good --output loop --to csv", "loop"),
            ("no submission of this task", "runs/good --to mmbench", "spatial_probe_lite"),
            ("no sheet of this task", "runs/good --to openvlm", "spatial_probe_lite"),
            ("no answers file", "runs/good --to textvqa", "textvqa"),
            ("partial is a word", "runs/good partial=maybe --to openvlm", "partial"),
            ("steered without a note", "runs/bapa --to hf-eval-results", "note"),
            (
                "a note that hides it",
                "runs/bapa note='our best' --to hf-eval-results",
                "does not say BaPA",
            ),
        ],
    ),
    *rows(
        "export",
        _EVER,
        [
            ("no organization", "relationship=other", "organization"),
            ("no relationship", "organization=us", "relationship"),
            ("unknown relationship", "organization=us relationship=friend", "relationship"),
            ("model is no hub id", "organization=us relationship=other model=x", "model"),
            (
                "model climbs out",
                "organization=us relationship=other model=../../x",
                "model",
            ),
            (
                "collection climbs out",
                "organization=us relationship=other model=a/b collection=../x",
                "collection",
            ),
            (
                "weights are unknown",
                "organization=us relationship=other model=a/b weights=heavy",
                "weights",
            ),
        ],
    ),
]

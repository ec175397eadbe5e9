"""Folders that hold no results, or not whole ones."""

from __future__ import annotations

from .rows import Row, rows

# One spoilt folder each, and what every command that reads it says.
SPOILT = [
    ("nothing there", "nowhere", "no such file or folder"),
    ("empty folder", "empty", "no results in it"),
    ("a text file", "file.txt", "not a results JSON"),
    ("a binary file", "binary.bin", "not a results JSON"),
    ("symlink loop", "loop", "loop"),
    ("cut-off JSON", "runs/cut", "cut off"),
    ("JSON of another tool", "runs/other", "not the results of lmms-eval"),
    ("deeply nested JSON", "runs/deep", "not a results JSON"),
    ("only sample logs", "runs/logs_only", "not the results JSON beside them"),
    ("config is a list", "runs/config_list", "config"),
    ("configs hold numbers", "runs/config_numbers", "configs"),
    ("runs of two models", "runs/two_models", "several models"),
    ("a sweep that never began", "runs/no_setting", "no finished setting"),
]
# Spoilt sample logs.
LOGS = [
    ("no samples", "runs/no_samples", "--log_samples"),
    ("cut-off samples", "runs/cut_log", "cut off"),
    ("too few samples", "runs/few", "cut off"),
    ("documents twice", "runs/twice", "more than one run"),
    ("samples are a list", "runs/list_log", "not a sample"),
    ("samples are binary", "runs/binary_log", "not a sample"),
    ("samples are empty", "runs/empty_log", "no samples in it"),
]

RESULTS: list[Row] = [
    *rows("report", "lmms-bapa report", [*SPOILT, *LOGS]),
    *rows(
        "compare",
        "lmms-bapa compare runs/good",
        [*(row for row in SPOILT if row[0] != "runs of two models"), *LOGS],
    ),
    *rows(
        "reproduce",
        "lmms-bapa reproduce",
        [row for row in SPOILT if row[0] != "runs of two models"],
    ),
    *rows("power", "lmms-bapa power --spread 0.05 --from", [SPOILT[0], SPOILT[5], *LOGS[:4]]),
    *rows(
        "heatmap",
        "lmms-bapa heatmap",
        [
            ("nothing there", "nowhere", "no such file or folder"),
            ("empty folder", "empty", "no sample logs"),
            ("binary", "binary.bin", "binary.bin"),
            ("results instead of samples", "runs/other", "no sample logs"),
            ("cut-off samples", "runs/cut_log", "line 2"),
            ("another task", "runs/plain", "samples of another task"),
            ("documents twice", "runs/twice", "more than one run"),
            ("output is a folder", "runs/good --output empty", "empty"),
            ("output without a folder", "runs/good --output nowhere/x.png", "nowhere"),
            ("output of no known kind", "runs/good --output x.zzz", "x.zzz"),
        ],
    ),
    *rows(
        "report",
        "lmms-bapa report runs/good --output",
        [
            ("output is a file", "file.txt", "file.txt"),
            ("output is below a file", "file.txt/x", "file.txt"),
        ],
    ),
    *rows(
        "compare",
        "lmms-bapa compare",
        [
            ("no run", "", "Missing argument"),
            ("three runs", "runs/good runs/good runs/good", "give two"),
            ("one run alone", "runs/good", "no setting beside the stock model"),
            ("one of two models", "runs/good runs/two_models", "name one of them"),
            ("other tasks", "runs/good runs/plain", "task"),
            ("unknown task", "runs/good runs/bapa --task zzz", "zzz"),
            ("table of no known kind", "runs/good runs/bapa --output x.doc", ".csv"),
            ("table without a folder", "runs/good runs/bapa --output nowhere/x.csv", "nowhere"),
            ("seed is negative", "runs/good runs/bapa --seed -1", "--seed"),
        ],
    ),
    *rows(
        "reproduce",
        "lmms-bapa reproduce",
        [
            ("unknown setting", "runs/good --setting bapa=perhaps", "bapa=perhaps"),
            ("another model's adapter", "runs/foreign", "no adapter of this package"),
            ("blotted model_args", "runs/blotted", "blotted out"),
            ("other generation options", "runs/repeats", "repeats"),
            ("newer manifest", "runs/newer", "install a newer lmms-bapa"),
            ("cut-off manifest", "runs/cut_manifest", "manifest.json"),
            ("output holds something", "runs/good --output pictures", "pictures"),
            ("output is a file", "runs/good --output file.txt", "file.txt"),
            ("model is gone", "runs/model_gone", "pretrained"),
            ("task is gone", "runs/task_gone", "task"),
        ],
    ),
    *rows(
        "power",
        "lmms-bapa power",
        [
            ("nothing to find", "", "nothing to look for"),
            ("spread is zero", "--spread 0", "--spread"),
            ("spread is NaN", "--spread nan", "--spread"),
            ("spread in percent", "--spread 5", "--spread"),
            ("difference is negative", "--difference -0.1", "--difference"),
            ("accuracy in percent", "--spread 0.05 --accuracy 85", "--accuracy"),
            ("accuracy is NaN", "--difference 0.05 --accuracy nan", "--accuracy"),
            ("one place", "--spread 0.05 --places 1", "--places"),
            ("level is NaN", "--difference 0.05 --alpha nan", "--alpha"),
            ("spread that cannot be", "--spread 0.4 --accuracy 0.99", "spread"),
            ("task without a run", "--spread 0.05 --task x", "--from"),
            ("unknown task", "--spread 0.05 --from runs/good --task zzz", "zzz"),
            ("too few simulations", "--spread 0.05 --simulations 1", "--simulations"),
        ],
    ),
]

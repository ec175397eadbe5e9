"""Pictures and captions that make no probe."""

from __future__ import annotations

from .rows import Row, rows

_BUILD = "lmms-bapa probe build --output out"
_GIVEN = f"{_BUILD} --pictures pictures --captions captions.jsonl"

PROBES: list[Row] = [
    *rows(
        "probe build",
        _BUILD,
        [
            ("no source", "", "one source"),
            ("two sources", "--emoji --dataset x", "one source"),
            ("no captions", "--pictures pictures", "--captions"),
            ("no such pictures", "--pictures nowhere --captions captions.jsonl", "nowhere"),
            ("no such captions", "--pictures pictures --captions nowhere.csv", "nowhere.csv"),
            ("pictures are a file", "--pictures file.txt --captions captions.jsonl", "file.txt"),
            ("captions are a folder", "--pictures pictures --captions empty", "empty"),
            ("captions are binary", "--pictures pictures --captions binary.bin", "binary.bin"),
            ("captions of no known kind", "--pictures pictures --captions file.txt", "file.txt"),
            ("captions are empty", "--pictures pictures --captions empty.jsonl", "empty.jsonl"),
            ("captions are cut", "--pictures pictures --captions cut.jsonl", "cut.jsonl"),
            ("captions without columns", "--pictures pictures --captions bare.csv", "bare.csv"),
            ("captions of other pictures", "--pictures empty --captions captions.jsonl", "empty"),
            ("captions climb out", "--pictures pictures --captions climbing.jsonl", "../file.txt"),
            ("pictures are none", "--pictures texts --captions texts.jsonl", "cannot be used"),
            ("a first without data", "--emoji --first 3", "--dataset"),
            ("emoji with columns", "--emoji --image-column x", "columns"),
            ("no such font", "--emoji-font nowhere.ttf", "nowhere.ttf"),
            ("font is text", "--emoji-font file.txt", "file.txt"),
            ("no such data", "--dataset ./nowhere", "nowhere"),
            ("data set is empty", "--dataset ./empty", "empty"),
            ("data of the hub, offline", "--dataset no/body", "no/body"),
        ],
    ),
    *rows(
        "probe build",
        _GIVEN,
        [
            ("too few pictures", "", "pictures"),
            ("one row", "--rows 1", "--rows"),
            ("many rows", "--rows 99", "--rows"),
            ("no group", "--groups 0", "--groups"),
            ("canvas of nothing", "--canvas 0", "--canvas"),
            ("seed is negative", "--seed -1", "--seed"),
            ("unknown distractors", "--distractors easy", "--distractors"),
            ("name is a path", "--name ../x", "--name"),
            ("name is taken", "--name spatial_probe", "--name"),
            ("unknown column", "--image-column zzz", "zzz"),
            ("output holds something", "--output pictures", "pictures"),
            ("output is a file", "--output file.txt", "file.txt"),
        ],
    ),
    *rows(
        "probe import-laion",
        "lmms-bapa probe import-laion --images pictures --output out --json",
        [
            ("nothing there", "nowhere.json", "nowhere.json"),
            ("cut off", "cut.jsonl", "cut.jsonl"),
            ("binary", "binary.bin", "binary.bin"),
            ("other rows", "captions.jsonl", "captions.jsonl"),
            ("no rows", "empty.jsonl", "empty.jsonl"),
            ("deeply nested", "deep.json", "deep.json"),
        ],
    ),
]

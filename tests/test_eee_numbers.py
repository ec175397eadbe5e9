"""Scores, bounds, directions and errors in records for Every Eval Ever: right, or left out."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from .eee_exports import ARGS, HUB, Exported, write_task
from .result_folders import plain_samples, write_run


class TestNumbers:
    def test_percent(self, tmp_path: Path) -> None:
        """No bounds are made up; the error of the mean of the samples grows with the scale."""
        run = write_task(
            tmp_path,
            plain_samples([1.0, 1.0, 1.0, 0.0] * 10),
            results={"accuracy,none": 75.0, "accuracy_stderr_clt,none": 0.1},
            **ARGS,
        )
        found = Exported(run)
        found.check()
        result = found.result("accuracy")
        assert "max_score" not in result["metric_config"]
        assert "score_type" not in result["metric_config"]
        assert result["metric_config"]["additional_details"]["bounds_status"] == "unknown"
        assert result["metric_config"]["metric_id"] == "lmms-eval.accuracy"
        uncertainty = result["score_details"]["uncertainty"]
        error = 100 * math.sqrt(0.75 * 0.25 / 39)
        reach = stats.t.ppf(0.975, 39) * error
        assert uncertainty["standard_error"]["value"] == pytest.approx(error)
        interval = uncertainty["confidence_interval"]
        assert interval["lower"] == pytest.approx(75 - reach)
        assert interval["upper"] == pytest.approx(75 + reach)
        assert uncertainty["num_samples"] == 40

    def test_the_error_of_another_figure_is_left_out(self, tmp_path: Path) -> None:
        """The harness takes the error of a mean for a sum, too."""
        run = write_task(
            tmp_path,
            plain_samples([1.0, 1.0, 1.0, 0.0]),
            results={"accuracy,none": 3.0, "accuracy_stderr_clt,none": 0.25},
            **ARGS,
        )
        assert "uncertainty" not in Exported(run).result("accuracy")["score_details"]

    def test_standard_errors_without_samples(self, tmp_path: Path) -> None:
        """As the harness computed them, where it did so for the figure itself."""
        figures = {
            "mean_one,none": 0.5,
            "mean_one_stderr,none": "N/A",
            "mean_one_stderr_clt,none": 0.1,
            "own_one,none": 0.5,
            "own_one_stderr,none": "N/A",
            "own_one_stderr_clt,none": 0.1,
            "drawn,none": 0.5,
            "drawn_stderr,none": 0.2,
        }
        task = {
            "metric_list": [
                {"metric": "mean_one", "aggregation": "mean"},
                {"metric": "own_one", "aggregation": "<function own at 0x1>"},
                {"metric": "drawn", "aggregation": "median"},
            ]
        }
        run = write_task(tmp_path, plain_samples([1.0]), results=figures, task=task, model_args=HUB)
        next(run.glob("*.jsonl")).unlink()
        found = Exported(run)
        found.check()
        assert next(iter(found.files)).suffix == ".json"
        assert len(found.files) == 1
        assert any("no samples were logged" in note for note in found.notes)
        assert found.result("mean_one")["score_details"]["uncertainty"]["standard_error"] == {
            "value": 0.1,
            "method": "analytic",
        }
        assert "uncertainty" not in found.result("own_one")["score_details"]
        error = found.result("drawn")["score_details"]["uncertainty"]["standard_error"]
        assert error == {"value": 0.2, "method": "bootstrap"}

    def test_no_number_is_no_score(self, tmp_path: Path) -> None:
        figures = {
            "alias": "t",
            "accuracy,none": 0.5,
            "empty,none": math.nan,
            "text,none": "N/A",
            "by_part,none": {"a": 0.5, "b": math.nan},
            "nothing,none": [],
        }
        run = write_task(tmp_path, plain_samples([1.0, 0.0]), results=figures, **ARGS)
        found = Exported(run)
        found.check()
        assert [r["evaluation_result_id"] for r in found.record["evaluation_results"]] == [
            "accuracy"
        ]
        assert found.notes == ["left out of t, as they are no number: empty, text"]
        assert json.loads(found.record["source_metadata"]["additional_details"]["left_out"]) == [
            "empty",
            "text",
        ]
        details = found.result("accuracy")["score_details"]["details"]
        assert json.loads(details["by_part"]) == {"a": 0.5, "b": None}

    @pytest.mark.parametrize(
        ("task", "value", "known"),
        [
            ({"metric_list": [{"metric": "exact_match", "aggregation": "mean"}]}, 0.5, True),
            ({"metric_list": [{"metric": "exact_match", "aggregation": "mean"}]}, 50.0, False),
            ({"metric_list": [{"metric": "exact_match", "aggregation": "<f>"}]}, 0.5, False),
            (
                {
                    "metric_list": [{"metric": "exact_match", "aggregation": "mean"}],
                    "process_results": "<function score at 0x1>",
                },
                0.5,
                False,
            ),
        ],
    )
    def test_bounds_only_where_they_are_certain(
        self, tmp_path: Path, task: dict[str, Any], value: float, known: bool
    ) -> None:
        run = write_task(
            tmp_path,
            plain_samples([1.0, 0.0], "exact_match"),
            results={"exact_match,none": value},
            task=task,
            better={"exact_match": True},
            model_args=HUB,
        )
        metric = Exported(run).result("exact_match")["metric_config"]
        assert ("max_score" in metric) == known
        assert (metric.get("metric_unit") == "proportion") == known

    def test_direction(self, tmp_path: Path) -> None:
        run = write_task(
            tmp_path,
            plain_samples([0.25, 0.5], "wer"),
            results={"wer,none": 0.375, "other,none": 1.0},
            better={"wer": False},
            **ARGS,
        )
        found = Exported(run)
        assert found.result("wer")["metric_config"]["lower_is_better"] is True
        other = found.result("other")["metric_config"]
        assert other["lower_is_better"] is False
        assert other["additional_details"]["polarity"] == "unknown"

    def test_filters_are_results_of_their_own(self, tmp_path: Path) -> None:
        run = write_task(
            tmp_path,
            plain_samples([1.0, 0.0]),
            results={"accuracy,strict": 0.5, "accuracy,flexible": 1.0},
            **ARGS,
        )
        found = Exported(run)
        found.check()
        names = {r["evaluation_name"] for r in found.record["evaluation_results"]}
        assert names == {"t/strict", "t/flexible"}

    def test_a_group_is_not_counted_beside_its_parts(self, tmp_path: Path) -> None:
        both = {"one": plain_samples([1.0, 0.0]), "two": plain_samples([1.0, 1.0])}
        figures = {"one": {"accuracy,none": 0.5}, "two": {"accuracy,none": 1.0}}
        results = {**figures, "all": {"accuracy,none": 0.75, "accuracy_stderr,none": 0.1}}
        file = write_run(tmp_path, both, HUB, results=results, groups={"all": results["all"]})
        found = Exported(file.parent)
        found.check()
        assert {task for _, task in found.records} == {"one", "two"}
        assert {place.parts[1] for place in found.files} == {"one", "two"}

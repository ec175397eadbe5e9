"""The sample files for Every Eval Ever: one line a question, whatever was said."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from lmms_bapa.errors import UsageError

from .eee_exports import ARGS, HUB, Exported, write_task
from .result_folders import noisy, plain_samples, probe_samples, shift_samples


class TestSamples:
    def test_shifted_task(self, tmp_path: Path) -> None:
        verdicts = {
            0: {"original": 1.0, "a": 1.0, "b": 0.0},
            1: {"original": 0.0, "a": None, "b": 1.0},
        }
        figures = {
            "exact_match_original,none": 0.5,
            "exact_match_mean,none": 2 / 3,
            "exact_match_placements,none": {"a": 1.0, "b": 0.5},
            "flip_rate,none": 0.5,
            "chance,none": 0.25,
        }
        metadata = {"base": "b", "shift": {"layout": "grid", "version": "1.0"}}
        run = write_task(
            tmp_path,
            shift_samples(verdicts),
            results=figures,
            task={"metadata": metadata, "dataset_path": "lmms-lab/POPE", "test_split": "test"},
            model_args=HUB,
        )
        found = Exported(run)
        found.check()
        told = [
            (r["metadata"]["document"], r["metadata"]["placement"], r["evaluation"]["score"],
             r.get("evaluation_result_id"))
            for r in found.rows
        ]  # fmt: skip
        assert told == [
            ("0", "original", 1.0, "exact_match_original"),
            ("0", "a", 1.0, "exact_match_mean"),
            ("0", "b", 0.0, "exact_match_mean"),
            ("1", "original", 0.0, "exact_match_original"),
            ("1", "b", 1.0, "exact_match_mean"),
        ]
        rest = found.record["detailed_evaluation_results"]["additional_details"]
        assert rest["samples_without_a_score"] == "1"
        data = found.record["evaluation_results"][0]["source_data"]
        assert (data["hf_repo"], data["dataset_name"]) == ("lmms-lab/POPE", "t")
        assert "shown elsewhere" in data["additional_details"]["pictures"]
        assert found.result("flip_rate")["metric_config"]["max_score"] == 1.0
        assert "max_score" not in found.result("exact_match_mean")["metric_config"]

    def test_metrics_of_a_shift_with_equal_values_are_told_apart(self, tmp_path: Path) -> None:
        """The interval is that of the verdict's metric; the others' is not known."""
        verdicts = {n: {"original": n % 2, "a": n % 2, "b": 1.0} for n in range(8)}
        ends = {"original": 0.5, "mean": 0.75, "worst": 0.5}
        names = ("accuracy", "precision")
        figures = {f"pope_{name}_{end},none": ends[end] for end in ends for name in names}
        spec = {"layout": "grid", "version": "1.0"}
        for named, own in ((None, "pope_accuracy"), ("pope_precision", "pope_precision")):
            shift = spec if named is None else {**spec, "verdict": named}
            run = write_task(
                tmp_path / own,
                shift_samples(verdicts),
                results=figures,
                task={"metadata": {"base": "pope", "shift": shift}},
                model_args=HUB,
            )
            found = Exported(run)
            known = [
                result["evaluation_result_id"]
                for result in found.record["evaluation_results"]
                if "uncertainty" in result["score_details"]
            ]
            assert known == [f"{own}_{end}" for end in ends]
            assert {row["evaluation_result_id"] for row in found.rows} == {
                f"{own}_original",
                f"{own}_mean",
            }

    def test_probe_without_a_model(self, tmp_path: Path) -> None:
        samples = probe_samples(noisy(lambda _: 0.8), groups=2)
        share = sum(s["score"] for s in samples) / len(samples)
        run = write_task(
            tmp_path,
            samples,
            results={"accuracy,none": share, "balanced_accuracy,none": math.nan},
            task={"metadata": {"generator": "1.0"}, "dataset_kwargs": {"seed": 0}},
        )
        found = Exported(run)
        found.check()
        assert found.result("accuracy")["metric_config"]["max_score"] == 1.0
        assert {row["answer_attribution"][0]["extracted_value"] for row in found.rows} == {
            "yes",
            "no",
        }

    def test_hostile_text(self, tmp_path: Path) -> None:
        """A line is a line, whatever stands in it, and every reader can decode it."""
        texts = ["line\u2028break\u0085\x0b", "half \ud800 of it", "a\nb\x00c", "emoji 🦊 /etc/x"]
        samples = [
            {**sample, "input": text, "filtered_resps": text, "resps": [[text]], "target": [text]}
            for sample, text in zip(plain_samples([1.0, 0.0, 1.0, 1.0]), texts, strict=True)
        ]
        run = write_task(tmp_path, samples, results={"accuracy,none": 0.75}, **ARGS)
        found = Exported(run)
        found.check()
        kept = [row["output"]["raw"][0] for row in found.rows]
        assert kept == [texts[0], "half \ufffd of it", texts[2], texts[3]]
        assert [row["input"]["reference"] for row in found.rows] == [[text] for text in kept]

    def test_partly_right_is_not_correct(self, tmp_path: Path) -> None:
        run = write_task(
            tmp_path, plain_samples([0.6, 1.0]), results={"accuracy,none": 0.8}, **ARGS
        )
        assert [row["evaluation"] for row in Exported(run).rows] == [
            {"score": 0.6, "is_correct": False},
            {"score": 1.0, "is_correct": True},
        ]

    def test_scores_that_are_not_right_or_wrong(self, tmp_path: Path) -> None:
        run = write_task(
            tmp_path, plain_samples([3.0, 5.0]), results={"accuracy,none": 4.0}, **ARGS
        )
        found = Exported(run)
        found.check()
        assert len(found.files) == 1
        assert any("not between 0 (wrong) and 1 (right)" in note for note in found.notes)

    def test_left_out_if_asked(self, tmp_path: Path) -> None:
        run = write_task(
            tmp_path, plain_samples([1.0, 0.0]), results={"accuracy,none": 0.5}, **ARGS
        )
        found = Exported(run, "samples=false")
        found.check()
        assert len(found.files) == 1
        assert "uncertainty" in found.result("accuracy")["score_details"]

    def test_a_cut_off_log_is_refused(self, tmp_path: Path) -> None:
        run = write_task(
            tmp_path, plain_samples([1.0, 0.0]), results={"accuracy,none": 0.5}, **ARGS
        )
        log = next(run.glob("*.jsonl"))
        log.write_text(log.read_text().splitlines()[0] + "\n")
        with pytest.raises(UsageError, match="cut off"):
            Exported(run)

    def test_hashes_that_tell_documents_apart_are_kept(self, tmp_path: Path) -> None:
        samples = [{**s, "doc_hash": f"h{s['doc_id']}"} for s in plain_samples([1.0, 0.0])]
        run = write_task(tmp_path, samples, results={"accuracy,none": 0.5}, **ARGS)
        assert [row["metadata"]["doc_hash"] for row in Exported(run).rows] == ["h0", "h1"]

"""The plan of a probe of captioned pictures, checked on what it makes."""

from __future__ import annotations

import math
from collections import Counter
from itertools import groupby
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmms_bapa.errors import UsageError
from lmms_bapa.probes.captioned.items import Item
from lmms_bapa.probes.captioned.likeness import Likeness
from lmms_bapa.probes.captioned.plan import plan_captioned
from lmms_bapa.probes.captioned.spec import CaptionedSpec


def items_called(*captions: str) -> list[Item]:
    return [Item(f"p{i}", c, f"{i:064x}", ".png", lambda: b"") for i, c in enumerate(captions)]


WORDS = ("dog", "cat", "ball", "red", "runs", "two")
CAPTIONS = st.lists(
    st.builds(" ".join, st.lists(st.sampled_from(WORDS), min_size=1, max_size=4)),
    min_size=40,
    max_size=60,
)
SPECS = st.builds(
    CaptionedSpec,
    rows=st.integers(2, 3),
    groups=st.integers(1, 6),
    seed=st.integers(0, 1000),
    distractors=st.sampled_from(["random", "hard"]),
)


def planned(items: list[Item], spec: CaptionedSpec) -> list[list[dict[str, Any]]]:
    questions = list(plan_captioned(items, spec))
    return [list(group) for _, group in groupby(questions, key=lambda q: q["group"])]


@given(CAPTIONS, SPECS)
@settings(deadline=None, max_examples=60)
def test_every_answer_is_true_and_captions_never_meet_themselves(
    captions: list[str], spec: CaptionedSpec
) -> None:
    items = items_called(*captions)
    if len(set(captions)) <= spec.rows**2:
        return
    groups = planned(items, spec)
    assert len(groups) == spec.groups
    for group in groups:
        assert len(group) == 2 * spec.rows**2
        assert len({frozenset(q["pictures"]) for q in group}) == 1
        assert Counter(q["cell"] for q in group) == dict.fromkeys(range(spec.rows**2), 2)
        for q in group:
            shown = [items[i].caption for i in q["pictures"]]
            assert len(set(shown)) == len(shown) == spec.rows**2
            assert (q["caption"] in shown) == (q["answer"] == "Yes") == (q["asked"] == "key")
            if q["asked"] == "key":
                assert shown[q["cell"]] == q["caption"]


def test_the_key_trades_places_with_one_picture() -> None:
    items = items_called(*(f"picture {i}" for i in range(30)))
    for group in planned(items, CaptionedSpec(groups=5)):
        keys = [q["pictures"] for q in group if q["asked"] == "key"]
        moved = [[sum(x != y for x, y in zip(a, b, strict=True)) for b in keys] for a in keys]
        assert min(max(row) for row in moved) == 2  # seen from home
        assert max(max(row) for row in moved) == 3


def test_every_picture_is_the_key_once_before_any_is_again() -> None:
    items = items_called(*(f"picture {i}" for i in range(12)))
    groups = planned(items, CaptionedSpec(groups=30, seed=3))
    keys = [group[0]["caption"] for group in groups]
    assert len(set(keys[:12])) == len(set(keys[12:24])) == 12
    assert keys[:12] != keys[12:24]


def test_wordings_that_differ_in_case_and_full_stop_are_one() -> None:
    items = items_called(*("A dog.", "a dog", "A DOG"), *"bcdefghij")
    for group in planned(items, CaptionedSpec(groups=40)):
        names = [items[i].wording for i in group[0]["pictures"]] + [group[1]["caption"].casefold()]
        assert sum(name.rstrip(".") == "a dog" for name in names) <= 1
    with pytest.raises(UsageError, match="needs 10 pictures with different captions, there are 9"):
        list(plan_captioned(items[:-1], CaptionedSpec(groups=1)))


def test_seeds_matter_and_repeat() -> None:
    items = items_called(*(f"picture {i}" for i in range(30)))
    one, again, other = (
        list(plan_captioned(items, CaptionedSpec(groups=3, seed=s))) for s in (1, 1, 2)
    )
    assert one == again != other


def test_likeness_by_hand() -> None:
    likeness = Likeness(["a red dog", "A red cat", "a blue bird", "a dog"])
    weight = {"a": 0.0, "red": math.log(2), "dog": math.log(2), "cat": math.log(4)}
    weight |= {"blue": math.log(4), "bird": math.log(4)}
    to_first = likeness.to(0)
    shared, either = weight["red"], weight["red"] + weight["dog"] + weight["cat"]
    assert to_first.tolist() == pytest.approx([1, shared / either, 0, 0.5])
    assert Likeness(["the", "the"]).to(0).tolist() == [0, 0]  # not 0 / 0


def test_hard_distractors_and_absent_captions_are_the_most_alike() -> None:
    things = ["ball", "hat", "bone", "stick", "bowl", "coat", "bed", "toy", "friend", "lamp"]
    near = [f"a dog with a {thing}" for thing in things]
    far = [f"seven ships near harbour number {i}" for i in range(40)]
    items = items_called(*far, *near)
    for group in planned(items, CaptionedSpec(groups=50, distractors="hard")):
        asked = {q["caption"] for q in group}
        shown = {items[i].caption for i in group[0]["pictures"]}
        if asked & set(near):
            assert asked | shown == set(near)
    some = planned(items, CaptionedSpec(groups=50))
    assert any(len({items[i].caption for i in g[0]["pictures"]} & set(far)) > 1 for g in some)


def test_being_asked_for_in_vain_is_not_a_matter_of_rank() -> None:
    """With hard distractors each of the nine most alike captions is the absent one now and then."""
    names = [f"dog {'x ' * i}{i}" for i in range(10)]
    absent = Counter(
        group[1]["caption"]
        for seed in range(60)
        for group in planned(
            items_called(*names), CaptionedSpec(groups=10, distractors="hard", seed=seed)
        )
    )
    assert len(absent) == 10
    assert min(absent.values()) > 30  # 60 expected of each

"""The review desk's logic: queue, reviews, drafts, adjudication, agreement, time left, logins."""

import random
import threading
from collections import Counter

import pytest

from steeldefectx.annotate.desk.adjudication import Adjudicator, differences
from steeldefectx.annotate.desk.agreement import agreement, progress
from steeldefectx.annotate.desk.flags import Checker, segments
from steeldefectx.annotate.desk.login import Logins, read_pairs
from steeldefectx.annotate.desk.queue import Desk
from steeldefectx.errors import AnnotationError, ConfigError
from steeldefectx.store.annotation_store import ConflictError, Store, reviewed_text
from steeldefectx.store.exchange import annotations_of
from steeldefectx.store.tables import Claim
from tests.annotate.desk.review_store import PLAIN, TRUE, WRONG, add_image, make_store
from tests.postgres import postgres


@pytest.fixture
def store(tmp_path):
    made = make_store(tmp_path, [0.1, 0.9, None, 0.5])
    yield made
    made.close()


@pytest.fixture
def desk(store):
    return Desk(store)


def review(desk, annotator, image, verdict="accept", text=WRONG, seconds=10.0, seen=0, **judgements):
    return desk.hand_in(annotator, f"steel/{image}", verdict, text, judgements, seconds, seen)


def t3(store, image):
    decisions = {decision.image_id: decision for decision in store.adjudications()}
    return reviewed_text(store.reviews(f"steel/{image}"), decisions.get(f"steel/{image}"))


# The queue


def queue(desk, annotator):
    """Everything that waits for an annotator, by skipping through it once."""
    found = [desk.next_image(annotator)]
    while (following := desk.next_image(annotator, found[-1])) != found[0]:
        found.append(following)
    return [int(image_id.partition("/")[2]) for image_id in found]


def test_the_riskiest_come_first_and_the_unchecked_last(desk):
    assert queue(desk, "anna") == [1, 3, 0, 2]


def test_images_without_a_description_come_in_once_they_are_known_to_have_none(desk, store, tmp_path):
    add_image(store, "steel/4", tmp_path)
    assert 4 not in queue(desk, "anna")
    store.fail("steel/4", "refused")
    assert queue(desk, "anna")[-1] == 4
    item = desk.open("anna", "steel/4")
    assert (item.text, item.failure, item.candidates) == ("", "refused", [])
    review(desk, "anna", 4, text="Written by hand.")
    assert desk.open("anna", "steel/4").verdict == "edit"


def test_an_image_that_two_have_reviewed_waits_for_nobody_else(desk):
    review(desk, "anna", 1)
    assert queue(desk, "anna") == [3, 0, 2]
    assert queue(desk, "ben") == [1, 3, 0, 2]
    review(desk, "ben", 1)
    assert queue(desk, "carl") == [3, 0, 2]
    assert (desk.counts("anna").done, desk.counts("anna").left, desk.counts("carl").left) == (1, 3, 3)


def test_back_to_what_one_has_done(desk):
    for image in (1, 3, 0):
        review(desk, "anna", image)
    assert desk.previous_image("anna", "steel/2") == "steel/0"
    assert desk.previous_image("anna", "steel/0") == "steel/3"
    review(desk, "anna", 1, text=TRUE, seen=1)  # changing one does not change the order
    assert desk.previous_image("anna", "steel/0") == "steel/3"
    assert desk.previous_image("anna", "steel/3") == "steel/1"
    assert desk.previous_image("anna", "steel/1") is None
    assert desk.previous_image("ben") is None
    assert [entry["image_id"] for entry in desk.done("anna")] == ["steel/0", "steel/3", "steel/1"]


# One image


def test_what_is_shown_first(desk):
    item = desk.open("anna", "steel/1")
    assert item.text == WRONG
    assert [proposal.text for proposal in item.candidates] == [WRONG, TRUE, PLAIN]
    flagged = [(words, flag) for words, flag in item.candidates[0].segments if flag]
    assert flagged == [
        ("in the lower right", {"kind": "location", "claimed": "bottom-right", "measured": "top-left 100%"})
    ]
    states = {"size": "right", "location": "wrong", "contrast": "right"}
    assert item.judgements == {"shape": "not stated", "depth": "not stated", **states}


def test_annotators_are_blind_to_each_other(desk):
    review(desk, "ben", 1, text="Ben's own words.", location="right")
    desk.save_draft("ben", "steel/3", "Ben's draft.", {"size": "wrong"}, 5.0, "review")
    for image in ("steel/1", "steel/3"):
        item = desk.open("anna", image)
        assert "Ben" not in repr(item)
        assert (item.verdict, item.version, item.draft, item.judgements["location"]) == (None, 0, False, "wrong")


def test_verdict_says_whether_the_text_was_changed(desk):
    assert review(desk, "anna", 0, text=f" {TRUE}\n").verdict == "accept"  # another candidate, but a candidate
    assert review(desk, "anna", 1, text="A patch.").verdict == "edit"
    assert review(desk, "anna", 2, "reject", text="").verdict == "reject"
    with pytest.raises(AnnotationError, match="empty"):
        review(desk, "anna", 3, text=" \n")
    with pytest.raises(AnnotationError, match="verdict"):
        review(desk, "anna", 3, "perhaps")
    with pytest.raises(AnnotationError, match="no image"):
        review(desk, "anna", 99)


def test_a_draft_comes_back_with_its_judgements_until_it_is_handed_in(desk):
    desk.save_draft("anna", "steel/1", "A pat", {"shape": "wrong", "colour": "right"}, 7.0, "review")
    item = desk.open("anna", "steel/1")
    assert (item.text, item.draft, item.seconds, item.judgements["shape"]) == ("A pat", True, 7.0, "wrong")
    assert "colour" not in item.judgements
    review(desk, "anna", 1, text="A patch.", shape="wrong")
    item = desk.open("anna", "steel/1")
    assert (item.text, item.draft, item.version) == ("A patch.", False, 1)


def test_two_windows_of_one_annotator_do_not_overwrite_each_other(desk):
    review(desk, "anna", 1, text="First.")
    with pytest.raises(ConflictError):
        review(desk, "anna", 1, text="Second.")
    assert desk.open("anna", "steel/1").text == "First."
    assert review(desk, "anna", 1, text="Second.", seen=1).version == 2


def test_many_at_once_on_one_file(desk, store, tmp_path):
    """Two annotators and, of each, two windows that hand in the same images at the same moment."""
    won, lost = Counter(), Counter()

    def work(annotator, window, start):
        own = Desk(Store.open(tmp_path / "annotations.db"))
        start.wait()
        for image in range(4):
            try:
                review(own, annotator, image, text=f"By {annotator} in {window}.")
                won[annotator, image] += 1
            except ConflictError:
                lost[annotator, image] += 1
        own.store.close()

    start = threading.Barrier(4)
    threads = [threading.Thread(target=work, args=(name, n, start)) for name in ("anna", "ben") for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    everyone = {(name, image): 1 for name in ("anna", "ben") for image in range(4)}
    assert won == everyone
    assert lost == everyone
    assert len(store.reviews()) == 8


# Adjudication and T3


def test_t3_is_what_both_say_or_what_is_decided(desk, store):
    adjudicator = Adjudicator(store)
    review(desk, "anna", 0, text=TRUE)
    assert t3(store, 0) is None  # one annotator is not enough
    review(desk, "ben", 0, text=TRUE + " ")
    review(desk, "anna", 1, text="One patch.")
    review(desk, "ben", 1, text="A patch.")
    review(desk, "anna", 2, "reject")
    review(desk, "ben", 2, "reject", text="Other words.")
    review(desk, "anna", 3, "reject")
    review(desk, "ben", 3, "cannot_tell")
    assert [t3(store, image) for image in range(4)] == [TRUE, None, None, None]
    assert adjudicator.waiting() == 2  # 1 and 3: to reject is not to be unable to tell
    assert [adjudicator.next_image(), adjudicator.next_image("steel/1")] == ["steel/1", "steel/3"]
    adjudicator.decide("carl", "steel/1", "accept", "One dark patch.", 5.0, 0, {"anna": 1, "ben": 1})
    assert t3(store, 1) == "One dark patch."
    adjudicator.decide("carl", "steel/3", "reject", "", 5.0, 0, {"anna": 1, "ben": 1})
    assert adjudicator.waiting() == 0
    assert t3(store, 3) is None
    assert adjudicator.previous_image("carl") == "steel/3"
    assert adjudicator.previous_image("carl", "steel/3") == "steel/1"


def test_a_dispute_shows_both_sides(desk, store):
    review(desk, "anna", 1, text="A dark patch in the corner.", shape="right", size="right")
    review(desk, "ben", 1, "reject", text="A dark spot in the corner.", shape="wrong", size="right")
    shown = Adjudicator(store).open("carl", "steel/1")
    assert [(version.annotator, version.verdict) for version in shown.reviews] == [("anna", "edit"), ("ben", "reject")]
    marked = [[words for words, differs in version.segments if differs] for version in shown.reviews]
    assert marked == [["patch"], ["spot"]]
    assert (shown.apart, shown.text) == (["shape"], "A dark patch in the corner.")


def test_a_decision_on_something_else_than_was_seen_is_refused(desk, store):
    adjudicator = Adjudicator(store)
    review(desk, "anna", 1, text="One.")
    review(desk, "ben", 1, text="Two.")
    seen = adjudicator.open("carl", "steel/1").seen
    review(desk, "ben", 1, text="Three.", seen=1)
    with pytest.raises(ConflictError, match="changed"):
        adjudicator.decide("carl", "steel/1", "accept", "Two.", 5.0, 0, seen)
    seen = adjudicator.open("carl", "steel/1").seen
    adjudicator.decide("carl", "steel/1", "accept", "Three.", 5.0, 0, seen)
    with pytest.raises(ConflictError, match="carl"):
        adjudicator.decide("dora", "steel/1", "accept", "One.", 5.0, 0, seen)
    with pytest.raises(ConflictError, match="adjudicated"):
        review(desk, "anna", 1, text="Four.", seen=1)
    assert desk.open("anna", "steel/1").locked
    assert adjudicator.decide("carl", "steel/1", "accept", "Five.", 5.0, 1, seen).version == 2
    assert t3(store, 1) == "Five."


def test_an_adjudicators_draft_is_apart_from_the_own_review(desk, store):
    review(desk, "anna", 1, text="One.")
    review(desk, "ben", 1, text="Two.")
    desk.save_draft("anna", "steel/1", "Half a dec", {}, 1.0, "adjudicate")
    assert desk.open("anna", "steel/1").text == "One."
    assert Adjudicator(store).open("anna", "steel/1").text == "Half a dec"


def test_the_export_has_t3_where_nothing_was_generated(desk, store, tmp_path):
    add_image(store, "steel/4", tmp_path)
    store.fail("steel/4", "refused")
    for annotator in ("anna", "ben"):
        review(desk, annotator, 4, text="Written by hand.")
        review(desk, annotator, 1, text=TRUE)
    found = {annotation.image_id: annotation for annotation in annotations_of(store)}
    assert (found["steel/4"].T2, found["steel/4"].T3) == (None, "Written by hand.")
    assert (found["steel/1"].T2, found["steel/1"].T3) == (WRONG, TRUE)
    assert found["steel/0"].T3 is None


def test_all_of_it_on_postgresql(tmp_path):
    with postgres() as url:
        store = make_store(tmp_path, [0.1, 0.9, None, 0.5], url)
        desk, adjudicator = Desk(store), Adjudicator(store)
        assert queue(desk, "anna") == [1, 3, 0, 2]
        desk.save_draft("anna", "steel/1", "A \0patch", {"shape": "wrong"}, 1.0, "review")
        desk.save_draft("anna", "steel/1", "A \0patch.", {"shape": "wrong"}, 1.0, "review")
        assert desk.open("anna", "steel/1").text == "A patch."
        review(desk, "anna", 1, text="A patch.")
        review(desk, "ben", 1, text="One patch.")
        assert (queue(desk, "carl"), desk.previous_image("anna")) == ([3, 0, 2], "steel/1")
        assert adjudicator.next_image() == "steel/1"
        adjudicator.decide("carl", "steel/1", "accept", "A patch.", 1.0, 0, {"anna": 1, "ben": 1})
        assert t3(store, 1) == "A patch."
        assert progress(store).finished == 1
        store.close()


@pytest.mark.parametrize(
    ("text", "other", "marked"),
    [
        ("a dark line", "a dark line", []),
        ("a dark line", "a line", ["dark "]),
        ("", "a line", []),
        ("a line", "", ["a line"]),
        ("Line, left.", "Line; left.", [","]),
    ],
)
def test_differences(text, other, marked):
    pieces = differences(text, other)
    assert "".join(words for words, _ in pieces) == text
    assert [words for words, differs in pieces if differs] == marked


# Flags


def test_flags_that_overlap_or_reach_beyond_the_text_cut_it_once():
    flags = [Claim(1, "size", start, end, "a", "b", 0.5) for start, end in ((2, 6), (4, 8), (5, 6), (9, 99))]
    assert [(words, flag is not None) for words, flag in segments("0123456789", flags)] == [
        ("01", False),
        *(("2345", True), ("67", True)),
        ("8", False),
        ("9", True),
    ]


def test_what_one_types_is_checked_against_the_mask(store):
    checker = Checker(store)
    assert [flag["kind"] for _, flag in checker.segments("steel/1", WRONG) if flag] == ["location"]
    assert checker.segments("steel/1", TRUE) == [(TRUE, None)]
    assert checker.segments("steel/1", "") == []


# Agreement and time


def reference_kappa(first, second):
    """Cohen's kappa by its definition: observed agreement against that of the annotators' frequencies."""
    n = len(first)
    observed = sum(a == b for a, b in zip(first, second, strict=True)) / n
    chance = sum(first.count(word) * second.count(word) for word in set(first)) / n**2
    return (observed - chance) / (1 - chance)


def test_kappa_is_that_of_the_definition():
    draw = random.Random(0)
    for _ in range(20):
        first = draw.choices(["right", "wrong", "not stated"], [5, 2, 1], k=50)
        second = [word if draw.random() < 0.7 else draw.choice(first) for word in first]
        found = agreement("shape", first, second)
        assert found.kappa == pytest.approx(reference_kappa(first, second))
        assert found.images == 50
    assert agreement("shape", ["right", "wrong"], ["wrong", "right"]).kappa == pytest.approx(-1)
    assert agreement("shape", ["right"] * 3, ["right"] * 3).kappa is None
    assert agreement("shape", ["right"] * 3, ["right"] * 3).same == 1
    assert agreement("shape", [], []).kappa is None


def test_progress(desk, store):
    for image, seconds in ((0, 30.0), (1, 60.0), (3, 90.0)):
        review(desk, "anna", image, seconds=seconds, shape="right", size="wrong")
    review(desk, "ben", 0, seconds=20.0, shape="right", size="wrong")
    review(desk, "ben", 1, "reject", seconds=20.0, shape="wrong", size="right")
    found = progress(store)
    assert (found.images, found.finished, found.texts, found.waiting, found.adjudicated) == (4, 1, 1, 1, 0)
    anna, ben = found.annotators
    assert (anna.done, anna.left, anna.images_an_hour) == (3, 1, 60)
    assert anna.hours_left == pytest.approx(1 * 60 / 3600)
    assert (ben.done, ben.left, ben.images_an_hour) == (2, 2, 180)
    # Three reviews are missing (one of steel/3, two of steel/2) and one decision, at 44 s each so far.
    assert found.hours_left == pytest.approx(4 * 44 / 3600)
    (pair,) = found.pairs
    assert pair.annotators == ("anna", "ben")
    rows = {row.what: row for row in pair.rows}
    assert (rows["verdict"].images, rows["verdict"].same) == (2, 0.5)
    assert (rows["size"].same, rows["size"].kappa, rows["depth"].images) == (0.5, 0, 0)


def test_progress_of_nothing(store):
    found = progress(store)
    assert (found.finished, found.hours_left, found.annotators, found.pairs) == (0, None, [], [])


# Logins


def test_a_login_is_a_name_with_its_password():
    logins = Logins({"anna": "deep groove", "ben": "cold roll"})
    cookie = logins.cookie("anna", "deep groove")
    assert logins.name(cookie) == "anna"
    assert logins.cookie("anna", "cold roll") is None
    assert logins.cookie("carl", "deep groove") is None
    assert "deep" not in cookie
    forged = b"ben".hex() + "." + cookie.partition(".")[2]
    for wrong in (forged, cookie[:-1], "", None, ".", "zz.00", Logins({}).cookie("anna", "")):
        assert logins.name(wrong) is None
    assert Logins({"anna": "deep groove"}).name(cookie) == "anna"  # a restart logs nobody out
    assert Logins({"anna": "another"}).name(cookie) is None


def test_without_passwords_a_name_is_enough():
    logins = Logins({})
    assert logins.name(logins.cookie("  Anna  Lee ", "")) == "Anna Lee"
    assert logins.cookie(" ", "") is None
    assert logins.cookie("x" * 41, "") is None
    assert logins.cookie("a\nb\x00", "") is None


def test_pairs_from_a_file_or_the_environment(tmp_path, monkeypatch):
    file = tmp_path / "auth"
    file.write_text("anna:one:two\n\nben:three\n")
    assert read_pairs(file) == {"anna": "one:two", "ben": "three"}
    monkeypatch.setenv("STEELDEFECTX_REVIEW_AUTH", "carl:four dora:five")
    assert read_pairs(None) == {"carl": "four", "dora": "five"}
    monkeypatch.delenv("STEELDEFECTX_REVIEW_AUTH")
    assert read_pairs(None) == {}


@pytest.mark.parametrize("text", ["anna", "anna:", ":secret", "anna:secret anna:secret", ""])
def test_what_is_no_pair_is_told_without_the_password(tmp_path, text):
    file = tmp_path / "auth"
    file.write_text(text)
    with pytest.raises(ConfigError, match="auth") as told:
        read_pairs(file)
    assert "secret" not in str(told.value)
    with pytest.raises(ConfigError, match="nowhere"):
        read_pairs(tmp_path / "nowhere")

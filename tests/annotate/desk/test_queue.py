"""The review desk's logic: queue, reviews, drafts, adjudication."""

import re
import threading
from collections import Counter

import pytest

from steeldefectx.annotate.desk.adjudication import AdjudicationQueue, differences
from steeldefectx.annotate.desk.agreement import progress
from steeldefectx.annotate.desk.queue import Submission
from steeldefectx.annotate.desk.reviews import ReviewQueue
from steeldefectx.errors import AnnotationError
from steeldefectx.store.annotation_store import ConflictError, Store
from steeldefectx.store.exchange import annotations_of
from steeldefectx.store.verdicts import reviewed_text
from tests.annotate.desk.review_store import PLAIN, TRUE, WRONG, add_image, make_store, review
from tests.postgres import postgres


def decide(adjudications, annotator, image, verdict, text, seen_reviews, seen=0):
    """Decide; the two reviews are A and B, in an order of the image's own."""
    submission = Submission(
        image_id=f"steel/{image}",
        text=text,
        seconds=5.0,
        verdict=verdict,
        seen_version=seen,
        seen_reviews=seen_reviews,
    )
    return adjudications.hand_in(annotator, submission)


def save_draft(queue, annotator, image, text, judgements, seconds):
    draft = Submission(image_id=f"steel/{image}", text=text, judgements=judgements, seconds=seconds)
    queue.save_draft(annotator, draft)


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
    assert (desk.count_done("anna"), desk.count_pending("anna"), desk.count_pending("carl")) == (1, 3, 3)


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


# One image


def test_what_is_shown_first(desk):
    item = desk.open("anna", "steel/1")
    assert item.text == WRONG
    assert [proposal.text for proposal in item.candidates] == [WRONG, TRUE, PLAIN]
    flagged = [(words, flag) for words, flag in item.candidates[0].segments if flag]
    assert flagged == [
        (
            "in the lower right",
            {"kind": "location", "claimed": "bottom-right", "measured": "top-left 100%", "by": "mask"},
        )
    ]
    states = {"size": "right", "location": "wrong", "contrast": "right"}
    assert item.judgements == {"shape": "not stated", "depth": "not stated", **states}


def test_annotators_are_blind_to_each_other(desk):
    review(desk, "ben", 1, text="Ben's own words.", location="right")
    save_draft(desk, "ben", 3, "Ben's draft.", {"size": "wrong"}, 5.0)
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
    save_draft(desk, "anna", 1, "A pat", {"shape": "wrong", "colour": "right"}, 7.0)
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
        own = ReviewQueue(Store.open(tmp_path / "annotations.db"))
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
    adjudications = AdjudicationQueue(store)
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
    assert adjudications.count_pending("carl") == 2  # 1 and 3: to reject is not to be unable to tell
    assert [adjudications.next_image("carl"), adjudications.next_image("carl", "steel/1")] == ["steel/1", "steel/3"]
    decide(adjudications, "carl", 1, "accept", "One dark patch.", {"A": 1, "B": 1})
    assert t3(store, 1) == "One dark patch."
    decide(adjudications, "carl", 3, "reject", "", {"A": 1, "B": 1})
    assert adjudications.count_pending("carl") == 0
    assert t3(store, 3) is None
    assert adjudications.previous_image("carl") == "steel/3"
    assert adjudications.previous_image("carl", "steel/3") == "steel/1"


def test_a_dispute_shows_both_sides_without_their_names(desk, store):
    review(desk, "anna", 1, text="A dark patch in the corner.", shape="right", size="right")
    review(desk, "ben", 1, "reject", text="A dark spot in the corner.", shape="wrong", size="right")
    adjudications = AdjudicationQueue(store)
    shown = adjudications.open("carl", "steel/1")
    assert not {"anna", "ben"} & set(re.findall(r"\w+", repr(shown)))
    marked = {version.verdict: [words for words, differs in version.segments if differs] for version in shown.reviews}
    assert marked == {"edit": ["patch"], "reject": ["spot"]}
    assert (shown.differing, shown.text) == (["verdict", "text", "shape"], "A dark patch in the corner.")
    assert (shown.own, adjudications.open("ben", "steel/1").own) == (False, True)
    decide(adjudications, "carl", 1, "reject", "", shown.review_versions)
    named = {version.annotator: version.verdict for version in adjudications.open("carl", "steel/1").reviews}
    assert named == {"anna": "edit", "ben": "reject"}


def test_labels_do_not_follow_the_names(desk, store, tmp_path):
    first = []
    for image in range(4, 24):
        add_image(store, f"steel/{image}", tmp_path)
        store.fail(f"steel/{image}", "refused")
        review(desk, "anna", image, text="By Anna.")
        review(desk, "ben", image, text="By Ben.")
        versions = AdjudicationQueue(store).open("carl", f"steel/{image}").reviews
        assert [version.label for version in versions] == ["A", "B"]
        first.append(versions[0].text)
    assert 3 <= first.count("By Anna.") <= 17


def test_one_review_is_shown_to_nobody_who_could_write_the_other(desk, store):
    review(desk, "ben", 1)
    with pytest.raises(AnnotationError, match="no two reviews"):
        AdjudicationQueue(store).open("anna", "steel/1")


def test_a_decision_on_something_else_than_was_seen_is_refused(desk, store):
    adjudications = AdjudicationQueue(store)
    review(desk, "anna", 1, text="One.")
    review(desk, "ben", 1, text="Two.")
    seen = adjudications.open("carl", "steel/1").review_versions
    review(desk, "ben", 1, text="Three.", seen=1)
    with pytest.raises(ConflictError, match="changed"):
        decide(adjudications, "carl", 1, "accept", "Two.", seen)
    seen = adjudications.open("carl", "steel/1").review_versions
    decide(adjudications, "carl", 1, "accept", "Three.", seen)
    with pytest.raises(ConflictError, match="carl"):
        decide(adjudications, "dora", 1, "accept", "One.", seen)
    with pytest.raises(ConflictError, match="adjudicated"):
        review(desk, "anna", 1, text="Four.", seen=1)
    assert desk.open("anna", "steel/1").locked
    assert decide(adjudications, "carl", 1, "accept", "Five.", seen, seen=1).version == 2
    assert t3(store, 1) == "Five."


def test_an_adjudicators_draft_is_apart_from_the_own_review(desk, store):
    review(desk, "anna", 1, text="One.")
    review(desk, "ben", 1, text="Two.")
    save_draft(AdjudicationQueue(store), "anna", 1, "Half a dec", {}, 1.0)
    assert desk.open("anna", "steel/1").text == "One."
    assert AdjudicationQueue(store).open("anna", "steel/1").text == "Half a dec"


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
        desk, adjudications = ReviewQueue(store), AdjudicationQueue(store)
        assert queue(desk, "anna") == [1, 3, 0, 2]
        save_draft(desk, "anna", 1, "A \0patch", {"shape": "wrong"}, 1.0)
        save_draft(desk, "anna", 1, "A \0patch.", {"shape": "wrong"}, 1.0)
        assert desk.open("anna", "steel/1").text == "A patch."
        review(desk, "anna", 1, text="A patch.")
        review(desk, "ben", 1, text="One patch.")
        assert (queue(desk, "carl"), desk.previous_image("anna")) == ([3, 0, 2], "steel/1")
        assert adjudications.next_image("carl") == "steel/1"
        decide(adjudications, "carl", 1, "accept", "A patch.", {"A": 1, "B": 1})
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

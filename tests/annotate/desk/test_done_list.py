"""The list of what was reviewed: whose it shows, and its filters."""

from steeldefectx.annotate.desk.adjudication import AdjudicationQueue
from steeldefectx.annotate.desk.done_list import PAGE_LENGTH, DoneRequest, list_done
from steeldefectx.annotate.desk.queue import Submission
from tests.annotate.desk.review_store import PLAIN, TRUE, add_candidates, add_image, review


def listed(store, viewer, **filters):
    found = list_done(store, viewer, DoneRequest(**filters))
    return [(row["image_id"], row["annotator"]) for row in found["reviews"]]


def adjudicate(store, image):
    queue = AdjudicationQueue(store)
    seen = queue.open("carl", image).review_versions
    queue.hand_in("carl", Submission(image_id=image, text=TRUE, seconds=1.0, verdict="accept", seen_reviews=seen))


def test_ones_own_and_of_closed_images_everybodys(desk, store):
    for image in (0, 1):
        review(desk, "anna", image, text=TRUE)
        review(desk, "ben", image, text=PLAIN)
    review(desk, "ben", 3)
    assert listed(store, "anna") == [("steel/1", "anna"), ("steel/0", "anna")]
    adjudicate(store, "steel/0")
    assert listed(store, "anna") == [("steel/1", "anna"), ("steel/0", "ben"), ("steel/0", "anna")]
    assert listed(store, "carl") == [("steel/0", "ben"), ("steel/0", "anna")]
    found = list_done(store, "anna", DoneRequest())
    assert (found["annotators"], found["classes"]) == (["anna", "ben"], ["Patches"])


def test_filters(desk, store):
    for image in range(4):  # of risk 0.1, 0.9, none and 0.5
        review(desk, "anna", image, text=f"A patch, number {image}. 100%_sure")
    for filters, images in (
        ({"risk": "high"}, [3, 1]),
        ({"risk": "some"}, [3, 1, 0]),
        ({"risk": "none"}, []),
        ({"words": "NUMBER 2"}, [2]),
        ({"words": "steel/3"}, [3]),
        ({"words": "100%_s"}, [3, 2, 1, 0]),
        ({"words": "100%s"}, []),  # no wildcard
        ({"annotator": "ben"}, []),
        ({"class_name": "Patches", "risk": "high", "words": "number 1"}, [1]),
        ({"class_name": "Crazing"}, []),
    ):
        assert listed(store, "anna", **filters) == [(f"steel/{image}", "anna") for image in images], filters


def test_a_long_list_comes_in_parts(desk, store, tmp_path):
    for number in range(4, PAGE_LENGTH + 10):
        add_image(store, f"steel/{number}", tmp_path)
        add_candidates(store, f"steel/{number}", None)
        review(desk, "anna", number)
    first = list_done(store, "anna", DoneRequest())
    rest = list_done(store, "anna", DoneRequest(start=len(first["reviews"])))
    assert (len(first["reviews"]), len(rest["reviews"]), rest["total"]) == (PAGE_LENGTH, 6, PAGE_LENGTH + 6)
    assert first["reviews"][0]["image_id"] == f"steel/{PAGE_LENGTH + 9}"
    assert len({row["image_id"] for row in first["reviews"] + rest["reviews"]}) == PAGE_LENGTH + 6

"""The annotation store, on SQLite and on a real PostgreSQL server."""

import multiprocessing
import os
import sqlite3
import threading
from datetime import UTC, datetime

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from steeldefectx.errors import AnnotationError
from steeldefectx.store.annotation_store import ConflictError, Store
from steeldefectx.store.database import connect
from steeldefectx.store.schema import Adjudication, AnnotatedImage, Answer, Base, Candidate, Claim, Review
from steeldefectx.store.verdicts import reviewed_text
from tests.postgres import postgres


@pytest.fixture(scope="module")
def server():
    with postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def target(request, tmp_path):
    if request.param == "sqlite":
        yield tmp_path / "annotations.db"
        return
    url = request.getfixturevalue("server")
    yield url
    engine = connect(url)
    with engine.begin() as connection:
        Base.metadata.drop_all(connection)
        connection.exec_driver_sql("DROP TABLE alembic_version")
    engine.dispose()


@pytest.fixture
def store(target):
    store = Store.open(target)
    store.add_images([image("a"), image("b")])
    yield store
    store.close()


def image(image_id, **changes):
    fields = {"class_name": "Crazing", "source": "NEU", "t1": None, "path": f"/{image_id}.png", "mask": None}
    return AnnotatedImage(image_id=image_id, sha256="0" * 64, **(fields | changes))


def answer(image_id, text="A dark line.", step="candidates", cost=0.25):
    choices = [{"text": text, "finish_reason": "stop", "refusal": None}]
    return Answer(step, image_id, None, "1", "gpt-4o", {"n": 1}, choices, 10, 5, cost)


def candidate(image_id, answer_id, text="A dark line.", *, chosen=True, rank=1):
    return Candidate(image_id, answer_id, text, False, True, [True, False, False, False, True], 0.5, 0.44, rank, chosen)


def test_everything_comes_back_as_it_went_in(store, target):
    given = answer("a", "Größe ≈ ⅓; “quoted”\n'; DROP TABLE answers; --")
    store.add_answers([given])
    chosen, other = candidate("a", given.id), candidate("a", given.id, "Another.", chosen=False, rank=2)
    store.set_candidates("a", [other, chosen])
    store.set_claims({chosen.id: [Claim(chosen.id, "polarity", 2, 6, "dark", "bright", 0.9)]}, {chosen.id: 0.9})
    store.close()
    again = Store.open(target, create=False)
    (read,) = again.answers("candidates", image_id="a")
    assert read == given
    assert (datetime.now(UTC) - read.created).total_seconds() < 60
    assert [c.text for c in again.candidates("a")] == ["A dark line.", "Another."]
    assert again.candidates("a")[0].risk == 0.9
    assert [(c.kind, c.start, c.end, c.measured) for c in again.claims(chosen.id)] == [("polarity", 2, 6, "bright")]
    assert again.annotated() == {"a"}
    assert again.spent() == 0.25
    again.close()


def test_new_candidates_take_the_place_of_old_ones_with_all_that_was_said_of_them(store):
    first, second = answer("a"), answer("a")
    store.add_answers([first, second])
    old = candidate("a", first.id)
    store.set_candidates("a", [old])
    store.set_claims({old.id: [Claim(old.id, "size", 0, 1, "large", "small", 0.5)]}, {old.id: 0.5})
    store.set_candidates("a", [candidate("a", second.id, "New.")])
    assert [c.text for c in store.candidates("a")] == ["New."]
    assert store.claims(old.id) == []


def test_an_image_has_one_chosen_description_and_no_stranger_has_any(store):
    given = answer("a")
    store.add_answers([given])
    with pytest.raises(AnnotationError, match="store"):
        store.set_candidates("a", [candidate("a", given.id), candidate("a", given.id, "Two.")])
    assert store.candidates("a") == []
    with pytest.raises(AnnotationError, match="store"):
        store.add_answers([answer("nobody")])
    with pytest.raises(AnnotationError, match="no image 'nobody'"):
        store.image("nobody")


def test_images_added_again_get_their_new_paths(store):
    store.add_images([image("b", path="/moved/b.png", t1="A crack."), image("c")])
    assert [(i.image_id, i.path, i.t1) for i in store.images()] == [
        ("a", "/a.png", None),
        ("b", "/moved/b.png", "A crack."),
        ("c", "/c.png", None),
    ]


def test_failures_count_attempts_and_end_with_a_description(store):
    store.fail("a", "no answer")
    store.fail("a", "refused")
    assert [(f.image_id, f.reason, f.attempts) for f in store.failures()] == [("a", "refused", 2)]
    given = answer("a")
    store.add_answers([given])
    store.set_candidates("a", [candidate("a", given.id)])
    assert store.failures() == []


def test_a_review_ends_the_draft_and_is_not_overwritten_unseen(store):
    store.save_draft("a", "Ann", "A da")
    store.save_draft("a", "Ann", "A dark li")
    assert store.draft("a", "Ann").text == "A dark li"
    first = store.save_review("a", "Ann", "edit", "A dark line, left.", {"location": "wrong"}, 12.5)
    assert (first.version, store.draft("a", "Ann")) == (1, None)
    store.save_review("a", "Bob", "accept", "A dark line.", {}, 3.0)
    with pytest.raises(ConflictError, match="another window"):
        store.save_review("a", "Ann", "reject", "", {}, 1.0)
    second = store.save_review("a", "Ann", "accept", "A dark line.", {}, 2.0, seen_version=1)
    assert (second.version, second.created) == (2, first.created)
    with pytest.raises(ConflictError):
        store.save_review("a", "Ann", "reject", "", {}, 1.0, seen_version=1)
    assert [(r.annotator, r.verdict) for r in store.reviews("a")] == [("Ann", "accept"), ("Bob", "accept")]
    with pytest.raises(AnnotationError, match="no verdict"):
        store.save_review("a", "Ann", "maybe", "", {}, 1.0, seen_version=2)


def test_the_same_hand_in_twice_is_one(store):
    """As when the answer to the first is lost on its way back."""
    given = ("a", "Ann", "edit", "A dark line, left.", {"location": "wrong"})
    first = store.save_review(*given, 12.5, key="k1")
    store.save_draft("a", "Ann", "A dark line, left.")
    again = store.save_review(*given, 14.0, key="k1")
    assert (again.version, again.updated, store.draft("a", "Ann")) == (1, first.updated, None)
    changed = store.save_review("a", "Ann", "edit", "A dark line.", {}, 20.0, key="k1")  # typed on before trying again
    assert (changed.version, store.reviews("a")[0].text) == (2, "A dark line.")
    for key in ("k2", None):
        with pytest.raises(ConflictError, match="another window"):
            store.save_review("a", "Ann", "edit", "A dark line.", {}, 20.0, key=key)
    assert store.adjudicate("a", "Eve", "edit", "A line.", key="k3").version == 1
    assert store.adjudicate("a", "Eve", "edit", "A line.", key="k3").version == 1
    assert store.adjudicate("a", "Eve", "edit", "One line.", key="k3").version == 2
    with pytest.raises(ConflictError, match="Eve"):
        store.adjudicate("a", "Bob", "reject", "", key="k4")
    same = store.save_review("a", "Ann", "edit", "A dark line.", {}, 20.0, key="k1")
    assert same.version == 2  # closed meanwhile
    with pytest.raises(ConflictError, match="adjudicated"):
        store.save_review("a", "Ann", "edit", "Two lines.", {}, 20.0, key="k1")


def test_a_store_is_told_from_others_by_its_place(tmp_path):
    places = {Store.open(tmp_path / name).place for name in ("a.db", "b.db", "a.db")}
    assert len(places) == 2


def test_one_decides_between_reviews(store):
    store.adjudicate("a", "Eve", "edit", "A line.")
    with pytest.raises(ConflictError, match="Eve"):
        store.adjudicate("a", "Bob", "reject", "")
    assert [d.text for d in store.adjudications()] == ["A line."]


def review(verdict, text, annotator="Ann"):
    return Review("a", annotator, verdict, text, {}, 1.0, 1)


@pytest.mark.parametrize(
    ("reviews", "decided", "t3"),
    [
        ([], None, None),
        ([review("accept", "One.")], None, None),
        ([review("accept", "One."), review("edit", " One. ", "Bob")], None, "One."),
        ([review("accept", "One."), review("edit", "Two.", "Bob")], None, None),
        ([review("accept", "One."), review("reject", "One.", "Bob")], None, None),
        ([review("reject", "One.")], None, None),
        ([review("accept", "One."), review("edit", "Two.", "Bob")], ("edit", "Three."), "Three."),
        ([review("accept", "One."), review("edit", "Two.", "Bob")], ("reject", "Two."), None),
    ],
)
def test_t3_is_what_two_agree_on_or_what_was_decided(reviews, decided, t3):
    adjudication = decided and Adjudication("a", "Eve", *decided)
    assert reviewed_text(reviews, adjudication) == t3


def write_answers(target, count):
    store = Store.open(target)
    for _ in range(count):
        store.add_answers([answer("a", cost=1.0)])
    store.close()


def test_processes_and_threads_write_at_once(store, target):
    """They also open it at once."""
    spawn = multiprocessing.get_context("fork")
    processes = [spawn.Process(target=write_answers, args=(target, 20)) for _ in range(3)]
    threads = [threading.Thread(target=write_answers, args=(target, 20)) for _ in range(2)]
    for each in [*processes, *threads]:
        each.start()
    for each in [*processes, *threads]:
        each.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert store.spent() == 100


def open_new(target):
    Store.open(target).close()


def test_a_new_store_is_made_once_however_many_open_it(target):
    fork = multiprocessing.get_context("fork")
    processes = [fork.Process(target=open_new, args=(target,)) for _ in range(4)]
    for each in processes:
        each.start()
    for each in processes:
        each.join(60)
    assert [process.exitcode for process in processes] == [0] * 4


def test_migrations_make_what_the_tables_say(store):
    with store.reading() as session:
        assert compare_metadata(MigrationContext.configure(session.connection()), Base.metadata) == []


def test_a_store_of_the_first_schema_opens_with_all_that_is_in_it(tmp_path):
    file = tmp_path / "old.db"
    make_first_schema(file)
    with sqlite3.connect(file) as old:
        old.execute("INSERT INTO images VALUES ('a', 'Crazing', 'NEU', NULL, '/a.png', NULL, '0')")
        old.execute(
            "INSERT INTO reviews VALUES ('a', 'Ann', 'accept', 'A line.', '{}', 2, 1, '2026-01-01', '2026-01-01')"
        )
        old.execute("INSERT INTO adjudications VALUES ('a', 'Eve', 'edit', 'One line.', '2026-01-02')")
    store = Store.open(file, create=False)
    assert [i.image_id for i in store.images()] == ["a"]
    assert [r.text for r in store.reviews("a")] == ["A line."]
    assert [(d.text, d.seconds, d.version) for d in store.adjudications()] == [("One line.", 0, 1)]
    store.save_draft("a", "Ann", "A", stage="adjudicate")
    store.close()


def make_first_schema(file):
    """Tables as the first migration makes them."""
    config = Config()
    config.set_main_option("script_location", "steeldefectx:store/migrations")
    engine = create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()


def test_sqlite_is_safe_against_power_loss_and_checks_references(tmp_path):
    store = Store.open(tmp_path / "a.db")
    with store.reading() as session:
        said = [session.connection().exec_driver_sql(f"PRAGMA {name}").scalar() for name in
                ("journal_mode", "synchronous", "foreign_keys")]  # fmt: skip
    assert said == ["wal", 2, 1]
    store.close()


def test_what_is_no_store_is_refused_and_left_as_it_is(tmp_path):
    with pytest.raises(AnnotationError, match=r"gone\.db: no such annotation store"):
        Store.open(tmp_path / "gone.db", create=False)
    assert not (tmp_path / "gone.db").exists()
    (tmp_path / "text.db").write_text("These are my notes, and no database at all." * 50)
    with pytest.raises(AnnotationError, match=r"text\.db: cannot be opened"):
        Store.open(tmp_path / "text.db")
    assert (tmp_path / "text.db").read_text().startswith("These are my notes")
    with pytest.raises(AnnotationError, match=r"cannot be opened"):
        Store.open(tmp_path / "no-folder" / "a.db")
    Store.open(tmp_path / "new.db").close()
    with sqlite3.connect(tmp_path / "new.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(AnnotationError, match="newer steeldefectx"):
        Store.open(tmp_path / "new.db")


@pytest.mark.parametrize(
    "url", ["mysql://me:hunter2@host/a", "nonsense://me:hunter2@host/a", "postgresql://me:hunter2@[/"]
)
def test_urls_that_cannot_be_used_are_refused_without_their_password(url):
    with pytest.raises(AnnotationError, match="store") as error:
        Store.open(url)
    assert "hunter2" not in str(error.value)


def test_a_server_that_is_not_there_is_named_without_the_password():
    with pytest.raises(AnnotationError, match="cannot be opened") as error:
        Store.open("postgresql://me:hunter2@127.0.0.1:9/steel?connect_timeout=1&password=hunter3")
    assert "hunter" not in str(error.value)
    assert os.environ.get("PGPASSWORD") is None

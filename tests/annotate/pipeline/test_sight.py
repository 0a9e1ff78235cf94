"""A model without eyes is found before images are paid for, or by its first descriptions; one that sees is let be."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from steeldefectx.annotate.pipeline import run as pipeline_run
from steeldefectx.annotate.pipeline.sight import DISC, STRIPES, draw
from tests.annotate.pipeline.endpoint_runs import StandIn
from tests.annotate.pipeline.test_annotate import KEY, make_images, run, store_of
from tests.openai_server import OpenAIServer

WEATHER = ("It shows steel.", "It shows metal.")


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """These tests are not about Sentence-BERT."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setattr(pipeline_run, "SentenceModel", StandIn)


class Server(OpenAIServer):
    """Says what it is told of the two pictures, and of images what a rule says."""

    def __init__(self, of_pictures=None, of_images=None):
        super().__init__()
        self.of_pictures, self.of_images = of_pictures, of_images

    def text(self, request, number):
        if request.step == "sight" and self.of_pictures is not None:
            return self.of_pictures[super().text(request, number) == "It is fine stripes."]
        if request.step == "candidates" and self.of_images is not None:
            return self.of_images(request, number)
        return super().text(request, number)


def one_text(request, number):
    """What a model of texts has to say, at temperature 0."""
    return "A small dark spot lies in the centre. It is shallow and stands out clearly."


@pytest.fixture
def images(tmp_path):
    return make_images(tmp_path / "images", 14)


@pytest.mark.parametrize("answers", [
    ("It is a large disc.", "It is a large disc."),
    ("The picture shows a cross.", "the picture shows a cross"),
    ("I don't see any image. Please upload the picture.", "No image has been provided, so I cannot say."),
    ("As a text-based model I cannot view pictures.", "It is a large disc."),
    ("It is fine stripes.", "It is a chequerboard."),
    ("I'm sorry, I can't help with that.", "I'm sorry, I can't help with that."),
    ("<think>A disc, or stripes? The user sent one.</think>It is letters.", "<think>Hm.</think>It is letters."),
])  # fmt: skip
def test_it_costs_two_requests_and_no_image(images, tmp_path, answers):
    with Server(answers) as server:
        done = run(images, tmp_path / "a.db", server)
        assert (done.exit_code, len(server.sight), server.log) == (2, 2, [])
    assert "gpt-4o does not see the images" in done.stderr
    assert "--mmproj" in done.stderr
    assert "Ollama" in done.stderr
    store = store_of(tmp_path / "a.db")
    assert store.annotated() == set()
    assert len(store.answers("sight")) == 2
    assert store.spent() > 0


def test_once_it_sees_it_is_asked_once_more_and_never_again(images, tmp_path):
    with Server(("It is a cross.", "It is a cross.")) as server:
        assert run(images, tmp_path / "a.db", server).exit_code == 2
        server.of_pictures = None
        assert run(images, tmp_path / "a.db", server).exit_code == 0
        assert len(server.sight) == 4
        make_images(images, 16)
        assert run(images, tmp_path / "a.db", server).exit_code == 0
        assert len(server.sight) == 4
        other = run(images, tmp_path / "b.db", server)
        assert (other.exit_code, len(server.sight)) == (0, 6)
    assert all("://" in answer.parameters["endpoint"] for answer in store_of(tmp_path / "a.db").answers("sight"))


def test_no_user_name_of_the_address_is_kept(images, tmp_path):
    with OpenAIServer() as server:
        run(images, tmp_path / "a.db", server.url.replace("http://", "http://operator:hunter2@"))
    assert b"hunter2" not in b"".join(file.read_bytes() for file in tmp_path.glob("a.db*"))


def test_one_text_for_all_images_is_found_by_the_tenth(images, tmp_path):
    """Its answers to the pictures left it open. None of its texts is taken for a description, now or later."""
    with Server(WEATHER, one_text) as server:
        done = run(images, tmp_path / "a.db", server, "--concurrency", "1")
        assert done.exit_code == 2
        assert "descriptions of 10 images are all one text, “A small dark spot" in done.stderr
        assert len({request.image for request in server.log}) <= 12
        store = store_of(tmp_path / "a.db")
        assert store.annotated() == set()
        server.of_images, before = None, len(server.log)
        assert run(images, tmp_path / "a.db", server).exit_code == 0
        assert len({request.image for request in server.log[before:]}) == 14
    texts = [candidate.text for image in store.images() for candidate in store.candidates(image.image_id)]
    assert one_text(None, 0) not in texts
    assert len(store.answers("set-aside", image_id="class-folders/scratch/000")) > 0  # paid for, and kept


def test_a_few_images_of_one_text_are_enough(tmp_path):
    with Server(WEATHER, one_text) as server:
        assert run(make_images(tmp_path / "images", 4), tmp_path / "a.db", server).exit_code == 2
        assert run(make_images(tmp_path / "two", 2), tmp_path / "b.db", server).exit_code == 0


def alike(request, number):
    """A good model of images that are alike: one finding in other words, by the image's bytes, the same each time."""
    templates = (
        "Fine cracks run over the whole surface like a net. They are shallow and darker than the steel.",
        "The whole surface is covered by a net of fine cracks, shallow and darker than the steel.",
    )
    return templates[(int(request.image[:8], 16) + number) % 2]


def test_a_model_that_sees_is_let_be_although_its_images_are_alike(tmp_path, real_data):
    """NEU's crazing, and answers to the two pictures that leave it open."""
    files = sorted((real_data / "NEU-DET").rglob("crazing*.jpg"))[:12]
    folder = tmp_path / "images" / "Crazing"
    folder.mkdir(parents=True)
    for n, file in enumerate(files):
        with Image.open(file) as image:
            image.convert("L").save(folder / f"{n}.png")
    assert len(files) == 12
    for of_pictures in (None, WEATHER):
        with Server(of_pictures, alike) as server:
            done = run(folder.parent, tmp_path / f"{of_pictures}.db", server)
            assert done.exit_code == 0, done.output
            assert len(server.sight) == 2


def test_one_other_text_among_ten_is_enough(images, tmp_path):
    seen = []

    def nearly(request, number):
        seen.append(request.image)
        return "A long bright line at the left edge, shallow." if request.image == seen[0] else one_text(request, 0)

    with Server(WEATHER, nearly) as server:
        assert run(images, tmp_path / "a.db", server).exit_code == 0


def test_what_fails_with_the_pictures_is_said_of_the_images(images, tmp_path):
    with Server() as server:
        server.fail_all = "400"
        done = run(images, tmp_path / "a.db", server)
    assert "The image is too small" in done.stderr
    assert "does not see" not in done.stderr


def test_batches_are_not_handed_in_to_a_blind_model(images, tmp_path):
    with Server(("It is a cross.", "It is a cross.")) as server:
        done = run(images, tmp_path / "a.db", server, "--batch")
        assert (done.exit_code, len(server.batches)) == (2, 0)


def test_the_question_is_asked_at_temperature_0_unless_the_endpoint_refuses(images, tmp_path):
    with OpenAIServer() as server:
        run(images, tmp_path / "a.db", server)
        run(images, tmp_path / "b.db", server, "--temperature", "none")
    assert [request.body.get("temperature") for request in server.sight] == [0.0, 0.0, None, None]
    assert not any(re.search("steel|defect", json.dumps(request.body["messages"])[:600]) for request in server.sight)


def test_the_pictures_differ_at_any_size_that_models_look_at():
    for side in (448, 224, 112):
        disc, stripes = (
            np.asarray(Image.fromarray(draw(p)).resize((side, side), Image.Resampling.BILINEAR), float)
            for p in (DISC, STRIPES)
        )
        assert disc[side // 2, side // 2] < 60 < 200 < disc[0, 0]
        assert stripes.std(axis=1).min() > 50  # stripes are still there
        assert np.corrcoef(disc.ravel(), stripes.ravel())[0, 1] < 0.1

"""What a person sees in a terminal of 80 or 120 columns, through a pseudo-terminal."""

import pytest
from PIL import Image

from tests.commands import COMMAND, run, run_in_terminal


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = (
        tmp_path_factory.mktemp("images") / "a folder whose name is rather long for a table" / "and another one in it"
    )
    folder.mkdir(parents=True)
    for n in range(3):
        Image.effect_noise((64, 64), 20 + 40 * n).save(folder / f"strip_{n}.png")
    (folder / "broken.png").write_bytes(b"no image")
    return folder.parent


@pytest.mark.parametrize("columns", [80, 120])
def test_predict_shows_a_line_an_image_and_counts_by_class(images, columns):
    done = run_in_terminal(COMMAND, "predict", images, "--checkpoint", "embedded", columns=columns)
    assert done.returncode == 1, "one is no image"
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= columns
    for n in range(3):
        (line,) = [line for line in lines if f"strip_{n}.png" in line]
        assert any(word.isdecimal() for word in line.split()), "its probability"
    assert "4 images" in done.stdout
    assert "not readable" in done.stdout
    assert "likely cause" in done.stdout
    assert "rank,class" not in done.stdout, "CSV is for pipes"


def test_in_a_pipe_predict_is_csv_alone(images):
    done = run(COMMAND, "predict", images, "--checkpoint", "embedded", "--top-k", 1, check=False)
    assert done.stdout.splitlines()[0] == "file,rank,class,probability,abstained,description,cause,error"
    assert len(done.stdout.splitlines()) == 1 + 4


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("command", [[], ["predict"], ["audit"], ["train"], ["eval"], ["export-onnx"]])
def test_help_is_as_wide_as_the_terminal(command, columns):
    done = run_in_terminal(COMMAND, *command, "--help", columns=columns)
    assert done.returncode == 0
    assert max(map(len, done.stdout.splitlines())) <= columns
    assert "<bool>" not in done.stdout
    if command in (["train"], ["eval"]):
        assert "(default: None)" not in done.stdout

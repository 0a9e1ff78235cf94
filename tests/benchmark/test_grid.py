"""Grids: crossed out into cells, faults listed together."""

import pytest

from steeldefectx.benchmark.grid import GRIDS, load_grid
from steeldefectx.errors import ConfigError


def write(tmp_path, text):
    file = tmp_path / "grid.yaml"
    file.write_text(text)
    return str(file)


def test_lists_are_crossed_and_a_cell_comes_once(tmp_path):
    cells = load_grid(
        write(
            tmp_path,
            """
            model: tiny
            seed: [0, 1]
            cells:
              - {task: task3, method: [tip-adapter, lp++], shots: [1, 2, 4], test_text: T0}
              - {task: task3, method: lp++, shots: 4, test_text: [T0, T3]}
            """,
        )
    )
    assert len(cells) == 2 * 2 * 3 + 2
    assert {(c.method, c.shots, c.test_text, c.seed) for c in cells} >= {
        ("lp++", 4, "T3", 1),
        ("tip-adapter", 1, "T0", 0),
    }


def test_all_faults_of_a_grid_are_said_at_once(tmp_path):
    grid = write(
        tmp_path,
        """
        model: tiny
        cells:
          - {task: task3, method: lp++, test_text: T0}
          - {task: task2, train_text: T1, test_text: T0, text_control: shuffled-within-class}
          - {task: task4, test_text: T3, test_on: NEU}
          - {task: task2, train_text: T9, test_text: T0}
          - {task: task1, recipe: task1, shots: 4}
          - {task: task5}
          - {task: task2, train_text: T3, test_text: T0, epochz: 3}
          - nonsense
          - {task: task3, method: lp++, shots: 2, test_text: T3, text_control: shuffled-within-class}
        """,
    )
    with pytest.raises(ConfigError) as error:
        load_grid(grid)
    for number, reason in (
        (1, "needs shots above 0"),
        (2, "T1 has one for a class"),
        (3, "task4 tests with T0 or T1"),
        (4, "'T9'"),
        (5, "task1 has no shots"),
        (6, "'task5'"),
        (7, "unknown epochz"),
        (8, "setting: value"),
        (9, "changes nothing for lp++"),
    ):
        assert any(line.startswith(f"  entry {number}:") and reason in line for line in str(error.value).splitlines())


def test_a_grid_that_is_not_there_or_no_yaml_is_said_so(tmp_path):
    with pytest.raises(ConfigError, match="or one of"):
        load_grid("nothing")
    with pytest.raises(ConfigError, match="not valid YAML"):
        load_grid(write(tmp_path, "cells: [}"))
    with pytest.raises(ConfigError, match="list `cells`"):
        load_grid(write(tmp_path, "- task1"))


@pytest.mark.parametrize("name", [file.name.removesuffix(".yaml") for file in GRIDS.iterdir()])
def test_shipped_grids_are_sound_and_take_another_folder(name):
    cells = load_grid(name, "elsewhere")
    assert cells
    assert {cell.data_dir for cell in cells} == {"elsewhere"}

"""Colours of a map over an image, by the published ends of the colour map."""

import numpy as np
from PIL import Image

from steeldefectx.inference.explain.overlay import draw

FIRST, LAST = np.array([0, 0, 4]), np.array([252, 255, 164])
"""Ends of inferno: nearly black, light yellow."""


def test_least_and_most_relevant_places_have_the_ends_of_the_colour_map_over_the_images_grey():
    saliency = np.zeros((4, 4), np.float32)
    saliency[:, 2:] = 1
    drawn = np.asarray(draw(Image.new("L", (4, 4), 100), saliency)).astype(int)
    assert drawn.shape == (320, 320, 3)
    np.testing.assert_allclose(drawn[160, 10], 0.15 * FIRST + 0.85 * 100, atol=1)
    np.testing.assert_allclose(drawn[160, 310], 0.75 * LAST + 0.25 * 100, atol=1)


def test_a_mask_is_outlined_in_turquoise_and_leaves_the_rest():
    mask = np.zeros((8, 16), dtype=bool)
    mask[2:6, 10:14] = True
    drawn = np.asarray(draw(Image.new("L", (16, 8), 100), mask=mask))
    line = (drawn == (0, 224, 208)).all(2)
    rows, columns = np.nonzero(line)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (39, 120, 199, 280)
    assert not line[42:118, 202:278].any(), "within the outline"
    assert (drawn[~line] == 100).all()

import numpy as np
import pytest
import torch

from steeldefectx.methods.feature_space import all_views, unit
from steeldefectx.methods.lp_plus_plus import State, descent, fit, gradients, initial, step_sizes
from tests.methods.toy import toy_task


def inputs(**options):
    task, _, _ = toy_task(**options)
    rows, labels, weight = all_views(task.shots)
    return unit(rows), labels, weight, task.classes.embeddings


def loss(w, alpha, f, labels, texts):
    """Mean cross-entropy, in loops."""
    total = 0.0
    for image, label in zip(f, labels, strict=True):
        scores = [image @ (w[c] + alpha[c] * texts[c]) for c in range(len(texts))]
        total += np.log(sum(np.exp(s - max(scores)) for s in scores)) + max(scores) - scores[label]
    return total / len(f)


def by_differences(function, at, width=1e-5):
    gradient = np.zeros_like(at)
    for index in np.ndindex(at.shape):
        moved = [at.copy(), at.copy()]
        moved[0][index] += width
        moved[1][index] -= width
        gradient[index] = (function(moved[0]) - function(moved[1])) / (2 * width)
    return gradient


def test_gradients_are_those_of_the_cross_entropy():
    f, labels, _, texts = inputs(shots=2, classes=3, width=6, views=1)
    state = State(torch.randn(3, 6), torch.randn(3))
    found_w, found_alpha = gradients(state, f, labels, texts)
    w, alpha, F, t, y = (x.double().numpy() for x in (state.w, state.alpha, f, texts, labels))
    y = y.astype(int)
    np.testing.assert_allclose(found_w, by_differences(lambda x: loss(x, alpha, F, y, t), w), atol=1e-5)
    np.testing.assert_allclose(found_alpha, by_differences(lambda x: loss(w, x, F, y, t), alpha), atol=1e-5)


def test_start_and_step_sizes_are_those_of_the_data():
    f, labels, weight, texts = inputs(shots=3, views=2)
    state, (step_w, step_alpha) = initial(f, labels, weight, texts), step_sizes(f, texts)
    F, t, y = f.double().numpy(), texts.double().numpy(), labels.numpy()
    for c in range(5):
        np.testing.assert_allclose(state.w[c], sum(F[i] for i in range(len(F)) if y[i] == c) / 3, atol=1e-5)
    cosines = [np.mean([F[i] @ t[c] for i in range(len(F)) if y[i] == c]) for c in range(5)]
    np.testing.assert_allclose(state.alpha, 250 * np.mean(cosines), rtol=1e-5)
    assert step_w == pytest.approx(4 * len(F) / np.linalg.eigvalsh(F.T @ F).max(), rel=1e-5)
    largest = max(sum((image @ text) ** 2 for image in F) for text in t)
    assert step_alpha == pytest.approx(len(F) / (4 * largest), rel=1e-5)


def test_each_step_is_the_papers():
    """Plain numpy: ten steps of the prototypes with momentum, one of the multipliers in the tenth."""
    f, labels, weight, texts = inputs()
    state, (step_w, step_alpha) = initial(f, labels, weight, texts), step_sizes(f, texts)
    F, t, truth = f.double().numpy(), texts.double().numpy(), np.eye(5)[labels.numpy()]
    w, alpha, velocity = state.w.double().numpy(), state.alpha.double().numpy(), 0.0
    for _, found in descent(f, labels, weight, texts, 30):
        for inner in range(10):
            scores = F @ (w + alpha[:, None] * t).T
            p = np.exp(scores - scores.max(1, keepdims=True))
            rest = p / p.sum(1, keepdims=True) - truth
            if inner == 9:
                alpha = alpha - step_alpha * np.array([np.mean(rest[:, c] * (F @ t[c])) for c in range(5)])
            velocity = 0.9 * velocity + rest.T @ F / len(F)
            w = w - step_w * velocity
        np.testing.assert_allclose(found.w, w, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(found.alpha, alpha, rtol=1e-5)


def test_the_loss_falls_and_multipliers_move():
    f, labels, weight, texts = inputs()
    states = [initial(f, labels, weight, texts), *(state for _, state in descent(f, labels, weight, texts, 300))]
    losses = [torch.nn.functional.cross_entropy(f @ s.weights(texts).T, labels).item() for s in states]
    assert losses[-1] < 0.1 * losses[0]
    assert (states[-1].alpha - states[0].alpha).abs().max() > 1e-3


def test_texts_far_from_the_images_start_with_no_weight():
    f, labels, weight, texts = inputs()
    assert initial(f, labels, weight, -texts).alpha.tolist() == [0.0] * 5


def test_validation_stops_early_at_the_latest_of_the_best():
    task, _, _ = toy_task(1, seed=1)
    fitted = fit(task)
    scores = []
    rows, labels, weight = all_views(task.shots)
    held = task.validation
    for _, state in descent(unit(rows), labels, weight, task.classes.embeddings, 300):
        logits = unit(held.images.features) @ state.weights(task.classes.embeddings).T
        scores.append((logits.argmax(1) == held.labels).sum().item())
    latest = max(n for n, score in enumerate(scores) if score == max(scores))
    assert fitted.chosen == {"steps": 10 * (latest + 1)}

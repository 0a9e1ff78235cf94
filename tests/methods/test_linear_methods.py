"""Logistic regression, the linear probe, cross-modal, the Gaussian discriminant, CLIP-Adapter, zero-shot."""

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from sklearn.linear_model import LogisticRegression
from torch.nn.functional import normalize

from steeldefectx.methods import clip_adapter, cross_modal, gaussian, linear_probe, load_method, selection
from steeldefectx.methods.feature_space import Centred, Scatter, all_views, softmax_regression
from tests.methods.toy import share_right, toy_task


def test_views_are_rows_of_equal_weight():
    task, _, _ = toy_task(shots=1, classes=2, views=2)
    rows, labels, weight = all_views(task.shots)
    assert rows.shape == (6, 24)
    assert labels.tolist() == [0, 1, 0, 1, 0, 1]
    assert weight == pytest.approx(1 / 3)
    assert torch.equal(rows[:2], task.shots.images.features)
    assert torch.equal(rows[4:], task.shots.views[1])


def test_softmax_regression_is_scikit_learns_where_the_two_agree():
    generator = torch.Generator().manual_seed(0)
    X, y = torch.randn(60, 7, generator=generator), torch.randint(4, (60,), generator=generator)
    weights = torch.rand(60, generator=generator)
    ours = softmax_regression(X, y, weights, torch.zeros(4, 7), ridge=0.5)
    theirs = LogisticRegression(C=2.0, fit_intercept=False, tol=1e-8, max_iter=1000)
    theirs.fit(X.numpy(), y.numpy(), sample_weight=weights.numpy())
    np.testing.assert_allclose(ours, theirs.coef_, atol=1e-3)


def test_softmax_regression_stays_at_its_start_under_a_strong_ridge():
    start = torch.randn(3, 5)
    found = softmax_regression(torch.randn(9, 5), torch.arange(3).repeat(3), torch.ones(9), start, ridge=1e8)
    torch.testing.assert_close(found, start)


def test_zero_shot_is_the_nearest_text():
    task, test, _ = toy_task()
    expected = [[20 * torch.cosine_similarity(f, t, dim=0) for t in task.classes.embeddings] for f in test.features]
    torch.testing.assert_close(load_method("zero-shot")(task).logits(test), torch.tensor(expected))


def test_logistic_regression_is_the_plain_one():
    task, test, _ = toy_task()
    X, y = task.shots.images.features.double().numpy(), task.shots.labels.numpy()
    mean, deviation = X.mean(0), X.std(0)
    model = LogisticRegression(C=0.1, max_iter=1000).fit((X - mean) / deviation, y)
    expected = model.predict_proba((test.features.double().numpy() - mean) / deviation)
    np.testing.assert_allclose(load_method("logistic-regression")(task).logits(test).softmax(1), expected, atol=1e-4)


def within(X, y):
    return sum(np.outer(x - X[y == c].mean(0), x - X[y == c].mean(0)) for x, c in zip(X, y, strict=True)) / len(X)


def centred(task, features):
    rows = normalize(torch.cat([task.shots.images.features[None], task.shots.views]).flatten(0, 1), dim=1)
    return normalize(normalize(features, dim=1) - rows.mean(0), dim=1).double().numpy()


def test_the_gaussian_is_the_posterior_of_densities():
    task, test, _ = toy_task(validation=False, shrinkage=0.7, text=0.5)
    rows, labels, _ = all_views(task.shots)
    X, y = centred(task, rows), labels.numpy()
    S = within(X, y)
    S = S + 0.7 * np.trace(S) / len(task.shots) * np.eye(len(S))
    T = centred(task, test.features)
    densities = np.stack([multivariate_normal(X[y == c].mean(0), S).logpdf(T) for c in range(5)], axis=1)
    text = 20 * normalize(test.features, dim=1) @ task.classes.embeddings.T
    expected = torch.from_numpy(densities).add(0.5 * text).softmax(1)
    found = gaussian.fit(task).logits(test).softmax(1)
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=1e-3)


def test_whitened_scatter_is_the_identity():
    X, y = torch.randn(400, 6) @ torch.randn(6, 6), torch.arange(4).repeat(100)
    scatter = Scatter.of(X, y, 4, images=400)
    whitened = X @ scatter.axes / scatter.shrunk(0.0).sqrt()
    np.testing.assert_allclose(within(whitened.double().numpy(), y.numpy()), np.eye(6), atol=1e-4)


def test_one_image_a_class_without_views_has_no_scatter_and_all_directions_count_alike():
    scatter = Scatter.of(torch.randn(4, 6), torch.arange(4), 4, images=4)
    assert scatter.variances.tolist() == [1.0] * 6


def test_centring_takes_the_common_direction_away():
    features = 50 + torch.randn(300, 8)
    assert Centred.of(features)(features).mean(0).norm() < 0.05


def test_the_probe_is_better_than_logistic_regression_where_views_tell_what_to_ignore():
    """In four directions images vary much, and say nothing about their class."""
    scores = {"linear-probe": [], "logistic-regression": []}
    for seed in range(3):
        task, test, labels = toy_task(1, width=40, views=6, seed=seed)
        generator = torch.Generator().manual_seed(seed)
        directions = torch.randn(4, 40, generator=generator)
        for features in (task.shots.images.features, task.shots.views, task.validation.images.features, test.features):
            features += 2 * torch.randn(*features.shape[:-1], 4, generator=generator) @ directions
        for name, found in scores.items():
            found.append(share_right(load_method(name)(task).logits(test), labels))
    assert np.mean(scores["linear-probe"]) > np.mean(scores["logistic-regression"]) + 0.3


def test_the_probes_classifier_is_a_minimum():
    task, test, _ = toy_task(validation=False)
    rows, labels, _ = all_views(task.shots)
    X, y = centred(task, rows), labels.numpy()
    S = within(X, y)
    S = S + 0.2 * np.trace(S) / len(task.shots) * np.eye(len(S))
    values, vectors = np.linalg.eigh(S)
    root = vectors / np.sqrt(values)
    whiten = [normalize(torch.from_numpy(Z @ root), dim=1).numpy() for Z in (X, centred(task, test.features))]
    model = LogisticRegression(C=1 / 0.05, fit_intercept=False, tol=1e-8, max_iter=1000)
    model.fit(whiten[0], y, sample_weight=np.full(len(y), 1 / 4))
    expected = model.predict_proba(whiten[1])
    np.testing.assert_allclose(linear_probe.fit(task).logits(test).softmax(1), expected, atol=2e-3)


@pytest.mark.parametrize("own_texts", [False, True])
def test_cross_modal_minimizes_images_and_texts_together(monkeypatch, own_texts):
    """The loss that is handed to the solver, re-derived example by example at the solution."""
    task, test, _ = toy_task(validation=False, own_texts=own_texts, text=0.3, ridge=0.01)
    calls = []

    def watched(*arguments):
        calls.append((*arguments, softmax_regression(*arguments)))
        return calls[-1][-1]

    monkeypatch.setattr(cross_modal, "softmax_regression", watched)
    fitted = cross_modal.fit(task)
    rows, labels, weights, start, ridge, W = calls[0]
    handed = (weights * torch.nn.functional.cross_entropy(rows @ W.T, labels, reduction="none")).sum()

    def entropy(vector, label):
        scores = [20 * float(normalize(vector, dim=0) @ w) for w in W]
        return np.log(sum(np.exp(scores))) - scores[label]

    every = [task.shots.images.features, *task.shots.views]
    images = [entropy(f, y) for view in every for f, y in zip(view, task.shots.labels, strict=True)]
    texts = [entropy(t, c) for c, t in enumerate(task.classes.embeddings)]
    if own_texts:
        texts += [entropy(t, y) for t, y in zip(task.shots.texts, task.shots.labels, strict=True)]
    assert handed.item() == pytest.approx(0.7 * np.mean(images) + 0.3 * np.mean(texts), abs=1e-5)
    assert torch.equal(start, task.classes.embeddings)
    assert ridge == 0.01
    torch.testing.assert_close(fitted.logits(test), 20 * normalize(test.features, dim=1) @ W.T)


def test_clip_adapter_is_the_papers_formula(monkeypatch):
    task, test, _ = toy_task(validation=False, steps=30)
    made = []

    def watched(*arguments):
        made.append(original(*arguments))
        return made[-1]

    original = clip_adapter.new_adapter
    monkeypatch.setattr(clip_adapter, "new_adapter", watched)
    found = clip_adapter.fit(task).logits(test)
    first, second = (p.detach().double().numpy() for p in made[0].parameters())
    assert first.shape == (6, 24)
    f = test.features.double().numpy()
    adapted = 0.2 * np.maximum(second @ np.maximum(first @ f.T, 0), 0).T + 0.8 * f
    unit = adapted / np.linalg.norm(adapted, axis=1, keepdims=True)
    np.testing.assert_allclose(found, 20 * unit @ task.classes.embeddings.double().numpy().T, atol=1e-4, rtol=1e-5)


def test_clip_adapter_draws_nothing_from_torchs_own_generator():
    task, _, _ = toy_task(validation=False, steps=5)
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    clip_adapter.fit(task)
    assert torch.equal(torch.rand(2), expected)


def test_of_equally_good_settings_the_first_win():
    task, _, _ = toy_task()
    tried = []

    def fit(settings):
        tried.append(settings)
        return lambda features: torch.zeros(len(features), 5)

    chosen = selection.choose(task, linear_probe.CANDIDATES, fit).chosen
    assert len(tried) == len(linear_probe.CANDIDATES)
    assert chosen == {"shrinkage": 0.2, "ridge": 0.05}

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from steeldefectx.methods.interface import Images
from steeldefectx.methods.tip_adapter import (
    Cache,
    TipAdapterFConfig,
    build_cache,
    fit_tip_adapter,
    fit_tip_adapter_f,
    grid,
    steps,
    tuned_keys,
)
from tests.methods.toy import toy_task


def plain_logits(features, keys, labels, texts, scale, alpha, beta):
    """The paper's formula for one image after another, in plain numbers."""

    def unit(vector):
        norm = math.sqrt(sum(x * x for x in vector))
        return [x / norm for x in vector]

    rows = []
    for image in features.double().tolist():
        f = unit(image)
        row = [scale * sum(a * b for a, b in zip(f, text, strict=True)) for text in texts.double().tolist()]
        for key, label in zip(keys, labels.tolist(), strict=True):
            affinity = sum(a * b for a, b in zip(f, key, strict=True))
            row[label] += alpha * math.exp(-beta * (1 - affinity))
        rows.append(row)
    return torch.tensor(rows)


@pytest.mark.parametrize("views", [0, 3])
def test_logits_are_the_papers(views):
    task, test, _ = toy_task(views=views, validation=False, alpha=1.7, beta=3.2)
    source = task.shots.views.double() if views else task.shots.images.features.double()[None]
    keys = []
    for n in range(len(task.shots)):
        mean = [sum(view[n][d].item() for view in source) / len(source) for d in range(source.shape[2])]
        keys.append([x / math.sqrt(sum(v * v for v in mean)) for x in mean])
    expected = plain_logits(test.features, keys, task.shots.labels, task.classes.embeddings, 20.0, 1.7, 3.2)
    found = fit_tip_adapter(task).logits(test)
    torch.testing.assert_close(found.double(), expected.double(), rtol=1e-5, atol=1e-5)


def test_without_validation_the_papers_alpha_and_beta():
    task, _, _ = toy_task(validation=False)
    assert fit_tip_adapter(task).chosen == {"alpha": 1.0, "beta": 5.5}


def loops(text, affinity, values, labels, alphas, betas):
    """The authors' search: betas outside, alphas inside, the first best wins."""
    best, found = -1, None
    counts = []
    for beta in betas.tolist():
        for alpha in alphas.tolist():
            cached = ((-1) * (beta - beta * affinity)).exp() @ values
            right = int(((text + cached * alpha).argmax(1) == labels).sum())
            counts.append(right)
            if right > best:
                best, found = right, (beta, alpha)
    return counts, found


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    images=st.integers(1, 30),
    keys=st.integers(1, 12),
    classes=st.integers(1, 6),
    coarse=st.booleans(),
)
def test_the_grid_is_what_plain_loops_count(seed, images, keys, classes, coarse):
    """Coarse numbers make many logits equal, across classes too."""
    generator = torch.Generator().manual_seed(seed)
    text = torch.randn(images, classes, generator=generator)
    affinity = torch.rand(images, keys, generator=generator)
    if coarse:
        text, affinity = text.round(), affinity.round()
    values = torch.eye(classes)[torch.randint(classes, (keys,), generator=generator)]
    labels = torch.randint(classes, (images,), generator=generator)
    alphas, betas = steps((0.1, 10), 5), steps((0.1, 20), 7)
    counts, best = loops(text, affinity, values, labels, alphas, betas)
    found = grid(text, affinity, values, labels, alphas, betas)
    assert found.flatten().tolist() == counts
    first = int(found.argmax())
    assert (betas[first // 5].item(), alphas[first % 5].item()) == best


def test_the_search_takes_the_first_best_of_the_loops():
    task, _, _ = toy_task(shots=2, width=8, seed=5)
    f = torch.nn.functional.normalize(task.validation.images.features, dim=1)
    keys = torch.nn.functional.normalize(task.shots.views.mean(0), dim=1)
    values = torch.eye(5)[task.shots.labels]
    text = 20 * f @ task.classes.embeddings.T
    _, best = loops(text, f @ keys.T, values, task.validation.labels, steps((0.1, 50), 20), steps((0.1, 50), 200))
    chosen = fit_tip_adapter(task).chosen
    assert (chosen["beta"], chosen["alpha"]) == pytest.approx(best, abs=1e-4)


def test_fine_tuning_is_adamw_on_the_keys_with_the_next_view_in_each_epoch():
    """Against AdamW written out (Loshchilov & Hutter 2019, algorithm 2), gradient by hand, double precision."""
    task, _, _ = toy_task(validation=False, views=2)
    cache = build_cache(task, TipAdapterFConfig())
    labels, values, texts = task.shots.labels, cache.values.double(), task.classes.embeddings.double()
    keys = cache.keys.double().clone()
    first, second = torch.zeros_like(keys), torch.zeros_like(keys)
    for epoch in range(20):
        f = torch.nn.functional.normalize(task.shots.views[epoch % 2].double(), dim=1)
        kernel = torch.exp(-5.5 * (1 - f @ keys.T))
        p = torch.softmax(20 * f @ texts.T + kernel @ values, dim=1) - torch.eye(5).double()[labels]
        gradient = 5.5 * (kernel * (p @ values.T)).T @ f / len(f)
        lr = 1e-3 * (1 + math.cos(math.pi * epoch / 20)) / 2
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        bias = [1 - decay ** (epoch + 1) for decay in (0.9, 0.999)]
        keys = keys * (1 - lr * 0.01) - lr * (first / bias[0]) / ((second / bias[1]).sqrt() + 1e-4)
    found = tuned_keys(task, cache, TipAdapterFConfig())
    assert (found - cache.keys).abs().max() > 1e-3
    torch.testing.assert_close(found.double(), keys, rtol=1e-4, atol=1e-5)


def test_fine_tuned_keys_fit_the_shots_better():
    task, _, _ = toy_task(validation=False)

    def loss(fitted):
        logits = fitted.logits(Images(task.shots.images.features))
        return torch.nn.functional.cross_entropy(logits, task.shots.labels)

    assert loss(fit_tip_adapter_f(task)) < loss(fit_tip_adapter(task))


def test_a_cache_without_weight_is_zero_shot():
    task, test, _ = toy_task()
    cache = Cache(torch.ones(2, 24), torch.eye(5)[:2], alpha=0.0, beta=1.0)
    f = torch.nn.functional.normalize(test.features, dim=1)
    torch.testing.assert_close(cache.logits(task, test.features), 20 * f @ task.classes.embeddings.T)

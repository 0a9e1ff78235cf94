"""Few-shot tasks on drawn features: classes are blobs in a narrow cone, as a CLIP's are."""

import torch
from torch.nn.functional import normalize

from steeldefectx.methods.interface import Classes, Examples, Images, Task


def toy_task(shots=4, classes=5, width=24, views=3, validation=True, own_texts=False, seed=0, counts=None, **settings):
    """A task, and 200 test images with labels. ``counts`` sets the shots of each class; ``seed`` draws everything."""
    generator = torch.Generator().manual_seed(seed)

    def noise(*shape):
        return torch.randn(shape, generator=generator)

    cone, centres = 3 * noise(width), noise(classes, width)

    def images(labels):
        return cone + centres[labels] + 1.2 * noise(len(labels), width)

    def examples(labels):
        features = images(labels)
        varied = features + 0.5 * noise(views, *features.shape)
        own = centres[labels] + noise(*features.shape) if own_texts else None
        return Examples(Images(features), labels, varied, own)

    labels = torch.arange(classes)
    drawn = labels.repeat_interleave(torch.tensor(counts) if counts else torch.full((classes,), shots))
    task = Task(
        shots=examples(drawn),
        validation=examples(labels.repeat(4)) if validation else None,
        classes=Classes(
            [f"class {n}" for n in range(classes)],
            [[f"text {n}"] for n in range(classes)],
            normalize(0.5 * cone + centres + noise(classes, width), dim=1),
        ),
        logit_scale=20.0,
        seed=seed,
        settings=settings,
    )
    test = labels.repeat(40)
    return task, Images(images(test)), test


def share_right(logits, labels):
    return (logits.argmax(1) == labels).double().mean().item()

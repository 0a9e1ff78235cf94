"""Pretraining on composed scenes: what a batch holds, and the objectives by hand."""

import math

import numpy as np
import torch
from torch.nn import functional as F

from steeldefectx.language.scene_truth import VALUES
from steeldefectx.models.from_scratch import Sizes, learn_tokenizer, new_model
from steeldefectx.pretrain.composed_stream import TEXTS, collate_composed, compose_pair
from steeldefectx.pretrain.config import PretrainConfig
from steeldefectx.pretrain.masks import shares
from steeldefectx.pretrain.objectives import FACT_WEIGHT, POSITIVE_WEIGHT, FactHeads, mask_loss, truth_loss
from steeldefectx.pretrain.stream import batches, class_texts
from steeldefectx.pretrain.trainer import Learner, losses

CONFIG = PretrainConfig(images=32, batch_size=16, composed=0.5, image_size=64, workers=0)


def test_a_batch_has_composed_images_with_true_texts_and_false_ones():
    batch = next(batches(CONFIG)).composed
    assert batch.images.shape == (8, 64, 64)
    assert batch.masks.shape == (8, 16, 16)
    own = batch.verdicts[torch.arange(len(batch.texts)), batch.of_image]
    assert own.tolist() == [1 if true else -1 for true in batch.true]
    assert batch.of_image[batch.true].tolist() == [n // TEXTS for n in range(8 * TEXTS)]
    assert (~batch.true).sum() >= 6 * TEXTS  # nearly every text has a false twin
    for n in (~batch.true).nonzero()[:, 0].tolist():
        assert batch.texts[n] not in [
            batch.texts[m] for m in range(8 * TEXTS) if batch.of_image[m] == batch.of_image[n]
        ]
    again = next(batches(CONFIG)).composed
    assert (again.texts, again.images.tolist()) == (batch.texts, batch.images.tolist())


def test_names_that_are_held_out_are_neither_drawn_nor_among_the_class_texts():
    config = PretrainConfig(held_out="Crazing, Patches", composed=0.5)
    assert len(class_texts(config, 0)["T0"]) == 24  # 23 classes and clean steel
    rows = [row for seed in range(30) for row in compose_pair(np.random.default_rng(seed), 32, config.names_held_out)]
    assert not [text.text for row in rows for text in row.true if "crazing" in text.text.lower()]


def test_a_mask_becomes_shares_of_cells():
    mask = np.zeros((8, 8), bool)
    mask[:4, :2] = True
    assert shares(mask).tolist() == [[128, 0], [0, 0]]


def test_pairs_that_may_be_true_count_neither_way():
    torch.manual_seed(0)
    image, text = F.normalize(torch.randn(3, 4), dim=1), F.normalize(torch.randn(4, 4), dim=1)
    verdicts = torch.tensor([[1, -1, 0], [-1, 1, -1], [1, -1, 1], [-1, 0, 0]])
    found = truth_loss(image, text, verdicts, torch.tensor([0, 1, 2, 0]), torch.arange(4) < 3, torch.tensor(3.0))
    similar = (3 * text @ image.T).tolist()

    def cost(own, others):
        return -own + math.log(sum(math.exp(value) for value in [own, *others]))

    to_text = [
        cost(similar[i][i], [similar[t][i] for t in range(4) if t != i and verdicts[t, i] < 0]) for i in range(3)
    ]
    to_image = [
        cost(similar[i][i], [similar[i][n] for n in range(3) if n != i and verdicts[i, n] < 0]) for i in range(3)
    ]
    torch.testing.assert_close(found.item(), (sum(to_text) / 3 + sum(to_image) / 3) / 2, rtol=1e-5, atol=1e-5)


def test_facts_are_told_from_images_and_texts_by_the_same_directions():
    batch = next(batches(CONFIG)).composed
    forms, names = list(VALUES).index("form"), len(VALUES)
    for n, text in enumerate(batch.texts):  # what a true text states is the scene's
        stated = batch.text_facts[n] >= 0
        if batch.true[n]:
            assert (batch.text_facts[n] == batch.image_facts[batch.of_image[n]])[stated].all(), text
    assert (batch.image_facts[:, forms] >= 0).any()
    assert (batch.text_facts[:, names] >= 0).any()

    heads = FactHeads(2, [2, 3])
    heads.heads.weight.data.zero_()
    embedding, labels = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[1, -1], [0, 2]])
    torch.testing.assert_close(
        heads(embedding, labels, torch.tensor(1.0)).item(),
        FACT_WEIGHT * (2 * math.log(2) + math.log(3)) / 3,
    )
    with torch.no_grad():
        heads.heads.weight[1] = torch.tensor([1.0, 0.0])
    found = heads(embedding[:1], labels[:1], torch.tensor(5.0))
    torch.testing.assert_close(found.item(), FACT_WEIGHT * math.log(1 + math.exp(-5)), atol=1e-6, rtol=1e-5)


def test_the_loss_of_masks_is_cross_entropy_and_dice():
    logits, masks = torch.tensor([[[2.0, -1.0]], [[-3.0, 0.5]]]), torch.tensor([[[1.0, 0.25]], [[0.0, 0.0]]])
    p = logits.sigmoid()
    crossed = -(POSITIVE_WEIGHT * masks * p.log() + (1 - masks) * (1 - p).log()).mean()
    dice = 1 - (2 * (p[0] * masks[0]).sum() + 1) / (p[0].sum() + masks[0].sum() + 1)
    torch.testing.assert_close(mask_loss(logits, masks), crossed + dice)
    assert mask_loss(torch.full((1, 2, 2), -20.0), torch.zeros(1, 2, 2)) < 1e-6


def test_all_parts_of_the_model_learn():
    batch, texts = next(batches(CONFIG)), class_texts(CONFIG, 0)
    tokenizer = learn_tokenizer([*texts["T1"], *batch.composed.texts], 600, 128)
    learner = Learner(new_model(tokenizer, Sizes(64, (8, 16), 12, 1, 3, 128, 8, place=4, dense=8))).train()
    numbers = losses(learner, tokenizer, batch, texts, torch.device("cpu"))
    parts = [numbers[name] for name in ("class_loss", "text_loss", "truth_loss", "fact_loss", "said_loss", "mask_loss",
                                         "map_loss")]  # fmt: skip
    torch.testing.assert_close(numbers["loss"].detach(), sum(parts))
    numbers["loss"].backward()
    assert not [name for name, p in learner.named_parameters() if p.grad is None or not p.grad.isfinite().all()]


def test_the_image_embedding_tells_places_apart():
    """The mean over a map does not: mirrored, it is the same."""
    tokenizer = learn_tokenizer(["a"], 300, 128)
    image = torch.zeros(1, 3, 64, 64)
    image[..., :20, :20] = 1

    def change(sizes):
        model = new_model(tokenizer, sizes)
        with torch.inference_mode():
            one, other = (model.get_image_features(x).pooler_output for x in (image, image.flip(-1)))
        return (one - other).norm() / one.norm()

    sizes = {"image_size": 64, "image_widths": (8, 16), "text_width": 12, "text_layers": 1, "projection": 8}
    assert change(Sizes(**sizes, place=8)) > 1.5 * change(Sizes(**sizes))


def test_rows_without_a_false_text_are_batched_too():
    rows = [row._replace(false=[]) for row in compose_pair(np.random.default_rng(0), 32, ())]
    assert len(collate_composed(rows).texts) == 2 * TEXTS

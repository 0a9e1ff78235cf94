"""ShuffleNetV2: the published sizes, the paper's shuffle, and transformers' ways of saving and loading."""

import pytest
import torch
from transformers import AutoConfig, AutoModelForImageClassification

from steeldefectx.models.shufflenet import (
    ShuffleNetV2Config,
    ShuffleNetV2ForImageClassification,
    ShuffleUnit,
    _joined,
)


def model(width=1.0, classes=1000):
    torch.manual_seed(0)
    return ShuffleNetV2ForImageClassification(ShuffleNetV2Config(width=width, num_labels=classes)).eval()


@pytest.mark.parametrize(
    ("width", "published"), [(0.5, 1_366_792), (1.0, 2_278_604), (1.5, 3_503_624), (2.0, 7_393_996)]
)
def test_parameters_are_as_many_as_published(width, published):
    with torch.device("meta"):
        assert sum(p.numel() for p in model(width).parameters()) == published


@torch.inference_mode()
def test_multiply_adds_are_those_of_the_published_network():
    """Of convolutions and the head: 0.145 billion, as torchvision gives for it; the paper counts 146 million."""
    counted, network = [], model()

    def count(layer, _inputs, output):
        """Each number of the output takes as many as a filter has weights."""
        counted.append(output.numel() * layer.weight[0].numel())

    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
            layer.register_forward_hook(count)
    network(torch.zeros(1, 3, 224, 224))
    assert sum(counted) == 144_907_992


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_joining_is_concatenation_and_the_papers_shuffle(layout):
    one, other = torch.randn(2, 2, 6, 5, 4).unbind()
    whole = torch.cat([one, other], 1)
    shuffled = whole.view(2, 2, 6, 5, 4).transpose(1, 2).reshape(2, 12, 5, 4)
    found = _joined(one.contiguous(memory_format=layout), other.contiguous(memory_format=layout))
    assert torch.equal(found, shuffled)


def test_a_unit_of_stride_1_passes_half_of_its_channels_on_as_they_are():
    images = torch.randn(2, 8, 6, 6)
    found = ShuffleUnit(8, 8, 1).eval()(images)
    assert torch.equal(found[:, 0::2], images[:, :4])
    assert ShuffleUnit(8, 12, 2)(images).shape == (2, 12, 3, 3)


@torch.inference_mode()
def test_it_saves_and_loads_as_any_model_of_transformers(tmp_path):
    network, images = model(0.5, 3), torch.randn(2, 3, 64, 64)
    network.save_pretrained(tmp_path)
    loaded = AutoModelForImageClassification.from_pretrained(tmp_path, use_safetensors=True)
    assert torch.equal(loaded(images).logits, network(images).logits)
    assert AutoConfig.from_pretrained(tmp_path).width == 0.5


def test_it_gives_the_loss_where_there_are_labels():
    output = model(0.5, 3)(torch.randn(2, 3, 64, 64), labels=torch.tensor([0, 2]))
    assert output.loss.item() == pytest.approx(
        torch.nn.functional.cross_entropy(output.logits, torch.tensor([0, 2])).item()
    )
    assert model(0.5, 3)(torch.randn(2, 3, 64, 64)).loss is None


def test_a_width_that_there_is_none_of_is_refused():
    with pytest.raises(ValueError, match=r"0\.5, 1\.0, 1\.5, 2\.0"):
        ShuffleNetV2Config(width=0.7)

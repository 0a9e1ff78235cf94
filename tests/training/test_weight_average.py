"""The moving average of weights: its definition, and that looking at it changes nothing."""

import numpy as np
import pytest
import torch

from steeldefectx.training.weight_average import WeightAverage


def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))


def change(module):
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter))
    module(torch.randn(8, 3))


def test_it_is_its_definition():
    module = network()
    average = WeightAverage(module, 0.5)
    expected = {name: tensor.numpy().copy() for name, tensor in module.state_dict().items()}
    for step in range(1, 13):
        change(module)
        average.update(step)
        decay = min(0.5, (1 + step) / (10 + step))
        for name, tensor in module.state_dict().items():
            expected[name] = decay * expected[name] + (1 - decay) * tensor.numpy()
    expected["1.num_batches_tracked"] = 12
    assert average.state.keys() == expected.keys()
    for name, tensor in average.state.items():
        np.testing.assert_allclose(tensor.numpy(), expected[name], rtol=1e-4, atol=1e-6)


def test_within_the_block_the_module_has_the_average_and_afterwards_its_own_weights():
    module = network()
    average = WeightAverage(module, 0.9)
    change(module)
    average.update(1)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    with average.applied():
        assert all(torch.equal(tensor, average.state[name]) for name, tensor in module.state_dict().items())
        assert not torch.equal(module.state_dict()["0.weight"], before["0.weight"])
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())


def test_an_error_within_the_block_leaves_the_module_its_own_weights():
    module = network()
    average = WeightAverage(module, 0.9)
    change(module)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    with pytest.raises(KeyError), average.applied():
        raise KeyError
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())

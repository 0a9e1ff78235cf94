import numpy as np
import torch

from steeldefectx.models.adapters import ClipAdapter


def test_forward_is_the_published_blend():
    adapter = ClipAdapter(16, ratio=0.2)
    features = torch.randn(5, 16)
    w1, w2 = (p.detach().numpy() for p in adapter.parameters())
    f = features.numpy()
    adapted = np.maximum(w2 @ np.maximum(w1 @ f.T, 0), 0).T
    np.testing.assert_allclose(adapter(features).detach().numpy(), 0.2 * adapted + 0.8 * f, atol=1e-6)
    assert w1.shape == (4, 16)
    assert w2.shape == (16, 4)


def test_ratio_zero_leaves_features_as_they_are():
    features = torch.randn(3, 8)
    assert torch.equal(ClipAdapter(8, ratio=0.0)(features), features)

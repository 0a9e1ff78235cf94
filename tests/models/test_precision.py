import pytest
import torch

from steeldefectx.models import precision

CPU = torch.device("cpu")


@pytest.mark.parametrize(("factor", "warned"), [(12.0, True), (0.6, False)])
def test_the_user_is_warned_where_bf16_is_slower(factor, warned, monkeypatch, caplog):
    monkeypatch.setattr(precision, "_bf16_time", lambda: factor)
    assert precision.dtype_for("bf16", CPU) == torch.bfloat16
    assert ("--precision fp32" in caplog.text) == warned


def test_auto_is_fp32_without_a_gpu():
    assert precision.dtype_for("auto", CPU) == precision.dtype_for("fp32", CPU) == torch.float32

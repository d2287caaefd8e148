import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'train'")

from training.precision import SinglePrecisionMuon, autocast, multiplies_bfloat16


def steps_of(optimizer, shape):
    """A matrix after five steps with the same gradients."""
    torch.manual_seed(3)
    parameter = torch.nn.Parameter(torch.randn(shape))
    took = optimizer([parameter], lr=0.5, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    for _ in range(5):
        parameter.grad = torch.randn(shape)
        took.step()
    return parameter.detach(), took


@pytest.mark.parametrize("shape", [(8, 24), (24, 8), (12, 12)])
def test_muon_takes_the_same_steps_in_single_precision(shape):
    ours, optimizer = steps_of(SinglePrecisionMuon, shape)
    theirs, reference = steps_of(torch.optim.Muon, shape)
    start, _ = steps_of(lambda *_, **__: torch.optim.SGD([torch.zeros(1)]), shape)
    moved = (ours - start).norm()
    assert moved > 1
    assert (ours - theirs).norm() < 0.02 * moved  # what bfloat16 leaves out
    # A checkpoint of one goes on with the other.
    reference.load_state_dict(optimizer.state_dict())


def test_products_are_in_bfloat16_only_where_there_are_instructions_for_it():
    with autocast("cpu"):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert (product.dtype is torch.bfloat16) == multiplies_bfloat16("cpu")
    assert multiplies_bfloat16("cuda")


@pytest.mark.parametrize(
    ("able", "fast"), [({"avx2": True, "avx512_bf16": False}, False), ({"avx512_bf16": True}, True)]
)
def test_the_processor_is_asked(able, fast, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    assert multiplies_bfloat16.__wrapped__("cpu") is fast

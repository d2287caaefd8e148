import logging

import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'train'")

from training.parallel import Worker, run_workers


def train(worker, model, folder):
    """Three steps down the slope of w * (rank + 1), summed over two weights."""
    with torch.no_grad():
        model.weight.add_(worker.rank)  # they begin apart
    worker.agree(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    for _ in range(3):
        model(torch.full((1, 2), float(worker.rank + 1))).sum().backward()
        worker.average_gradients(model.parameters())
        optimizer.step()
        optimizer.zero_grad()
    torch.save(model.weight.detach(), folder / f"{worker.rank}.pt")
    logging.getLogger("a.module").info("rank %d is done", worker.rank)


def linear():
    model = torch.nn.Linear(2, 1, bias=False)
    torch.nn.init.zeros_(model.weight)
    return model


@pytest.mark.slow
def test_two_workers_take_the_same_steps_on_weights_of_their_own(tmp_path):
    model, to_file = linear(), logging.FileHandler(tmp_path / "run.log")
    logging.getLogger().addHandler(to_file)
    try:
        run_workers(train, model, tmp_path, count=2)
    finally:
        logging.getLogger().removeHandler(to_file)
        to_file.close()
    # The mean of the slopes 1 and 2, three times; the caller's weights are untouched.
    for rank in (0, 1):
        assert torch.load(tmp_path / f"{rank}.pt").tolist() == [[-4.5, -4.5]]
    assert model.weight.tolist() == [[0.0, 0.0]]
    # What a process of theirs logs comes into this one's log file.
    lines = (tmp_path / "run.log").read_text(encoding="utf-8").splitlines()
    assert sorted(line[-14:] for line in lines) == ["rank 0 is done", "rank 1 is done"]


def test_one_worker_runs_here(tmp_path):
    model = linear()
    run_workers(train, model, tmp_path, count=1)
    assert model.weight.tolist() == [[-3.0, -3.0]]


def test_a_parameter_without_gradient_counts_as_nothing():
    used, unused = torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(2))
    used.sum().backward()
    Worker().average_gradients([used, unused])
    assert unused.grad is None

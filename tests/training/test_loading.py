import os

import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'train'")

from training.loading import loaded
from training.parallel import Worker


class Squares(torch.utils.data.Dataset):
    def __getitem__(self, place):
        return torch.tensor(place * place)


@pytest.mark.filterwarnings("ignore:'pin_memory' argument is set as true")  # there may be no GPU to pin it for
@pytest.mark.parametrize("kind", ["cpu", "cuda"])
def test_batches_come_in_the_order_that_is_asked_for(kind):
    assert [int(batch) for batch in loaded(Squares(), range(3, 9), Worker(kind=kind))] == [9, 16, 25, 36, 49, 64]


class OwnThreads(torch.utils.data.Dataset):
    def __getitem__(self, place):
        return torch.tensor(os.environ["TOKENIZERS_PARALLELISM"] == "false")


@pytest.mark.filterwarnings("ignore:'pin_memory' argument is set as true")
def test_tokenizers_in_another_process_start_no_threads(monkeypatch):
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "true")
    assert [bool(alone) for alone in loaded(OwnThreads(), range(2), Worker(kind="cuda"))] == [True, True]
    assert os.environ["TOKENIZERS_PARALLELISM"] == "true"

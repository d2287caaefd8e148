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

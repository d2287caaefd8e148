"""A Hugging Face checkpoint of another architecture goes the same way as the shipped model."""

import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'train'")
pytest.importorskip("transformers", reason="needs the extra 'train'")

from safetensors.torch import load_file
from transformers import DistilBertConfig, DistilBertModel, ModernBertConfig, ModernBertModel

from nlp import Comment, Tagger
from nlp.errors import BadModel
from nlp.models.torch_model import TaggingModel
from tests.nlp.by_hand import LABELS
from tests.tiny import save_model_folder, tiny_tokenizer

WORDS = ["hurtig", "levering", "dyrt", "og", "dårlig", "service", "fin", "vare"]
TEXTS = ["hurtig levering og fin vare", "dyrt og dårlig service", "fin"]


def distilbert(size):
    return DistilBertModel(DistilBertConfig(vocab_size=size, dim=16, n_layers=2, n_heads=2, hidden_dim=32))


def modernbert(size):
    return ModernBertModel(
        ModernBertConfig(
            vocab_size=size,
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=16,
            pad_token_id=0,
            bos_token_id=2,
            eos_token_id=3,
            cls_token_id=2,
            sep_token_id=3,
        )
    )


@pytest.fixture(params=[distilbert, modernbert], ids=["distilbert", "modernbert"])
def folder(request, tmp_path):
    torch.manual_seed(3)
    tokenizer = tiny_tokenizer(WORDS)
    model = TaggingModel(request.param(tokenizer.get_vocab_size()), LABELS)
    torch.nn.init.normal_(model.heads.tags, std=1.0)
    torch.nn.init.zeros_(model.heads.tag_bias)
    save_model_folder(tmp_path, model, tokenizer)
    return tmp_path


def tags_of(tagger):
    records = list(tagger.tag([Comment(str(number), text) for number, text in enumerate(TEXTS)]))
    return [[(tag.theme, tag.sentiment, tag.spans) for tag in record.themes] for record in records], records


def test_a_checkpoint_tags_with_evidence(folder):
    tags, records = tags_of(Tagger.load(folder))
    assert records[0].model == "tiny@1"
    assert any(tags)
    for text, of_text in zip(TEXTS, tags, strict=True):
        for _, _, spans in of_text:
            assert all(text[span.start : span.end] in text for span in spans)
            assert spans


def test_its_export_to_onnx_gives_the_same_tags(folder, tmp_path):
    pytest.importorskip("onnx", reason="needs the extra 'train'")
    from training.export import export_onnx

    before, _ = tags_of(Tagger.load(folder))
    export_onnx(TaggingModel.load(folder, LABELS), folder / "model.onnx")
    (folder / "config.json").unlink()
    after, _ = tags_of(Tagger.load(folder))
    assert after == before


def test_heads_that_do_not_fit_are_named(folder):
    (folder / "heads.safetensors").unlink()
    with pytest.raises(BadModel, match="cannot be loaded as a checkpoint with heads"):
        Tagger.load(folder)


def test_half_precision_takes_half_the_space_and_loads_in_full(folder, tmp_path):
    model, half = TaggingModel.load(folder, LABELS), tmp_path / "half"
    model.save(half, half=True)
    assert all(tensor.dtype == torch.float32 for tensor in model.state_dict().values())
    weights = [path.name for path in folder.glob("*.safetensors")]
    assert sorted(weights) == ["heads.safetensors", "model.safetensors"]
    for name in weights:
        stored = load_file(half / name)
        assert {tensor.dtype for tensor in stored.values()} == {torch.float16}
        assert (half / name).stat().st_size < 0.7 * (folder / name).stat().st_size
    loaded = TaggingModel.load(half, LABELS).state_dict()
    for name, tensor in model.state_dict().items():
        assert loaded[name].dtype == torch.float32
        torch.testing.assert_close(loaded[name], tensor, rtol=1e-3, atol=1e-4)

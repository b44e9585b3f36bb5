"""Small tokenizers, trained on tests/data/plain_text.txt: complete files as the families publish them.

 llama    SentencePiece BPE with byte fallback and the flags of LLaMA 1/2 (tokenizer.model)
 mistral3 the same with the control tokens of Mistral v0.3 before the bytes
 smollm   byte-level BPE, every digit alone, no BOS (tokenizer.json)
 llama3   byte-level BPE with Llama 3's pattern, ignore_merges, special tokens last, BOS from the template
 falcon   byte-level BPE with Falcon's pre-tokenizers, twelve special tokens first, no BOS
"""

import io
import json

LLAMA3_PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
                  r"\s*[\r\n]+|\s+(?!\S)|\s+")
LLAMA2_TEMPLATE = ("{% for message in messages %}{% if message['role'] == 'user' %}"
                   "{{ bos_token + '[INST] ' + message['content'] | trim + ' [/INST]' }}"
                   "{% elif message['role'] == 'assistant' %}"
                   "{{ ' ' + message['content'] | trim + ' ' + eos_token }}{% endif %}{% endfor %}")
CHATML_TEMPLATE = ("{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + "
                   "'<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}"
                   "{% endif %}")
LLAMA3_TEMPLATE = ("{{ bos_token }}{% for message in messages %}{{ '<|start_header_id|>' + message['role'] + "
                   "'<|end_header_id|>\n\n' + message['content'] | trim + '<|eot_id|>' }}{% endfor %}"
                   "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}")
FALCON_SPECIAL = [">>TITLE<<", ">>ABSTRACT<<", ">>INTRODUCTION<<", ">>SUMMARY<<", ">>COMMENT<<", ">>ANSWER<<",
                  ">>QUESTION<<", ">>DOMAIN<<", ">>PREFIX<<", ">>SUFFIX<<", ">>MIDDLE<<", "<|endoftext|>"]
LLAMA3_SPECIAL = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
SMOLLM_SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


def _sentencepiece(text, vocab, control):
    import sentencepiece

    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([line for line in text.split("\n") if line]), model_writer=out, model_type="bpe",
        vocab_size=vocab, byte_fallback=True, split_digits=True, add_dummy_prefix=True,
        remove_extra_whitespaces=False, normalization_rule_name="identity", character_coverage=0.995,
        control_symbols=control, bos_id=1, eos_id=2, unk_id=0, pad_id=-1, num_threads=1, max_sentence_length=20000,
        minloglevel=2)
    return out.getvalue()


def _byte_level(text, vocab, special, special_last, pre_tokenizer, post_processor=None, ignore_merges=False):
    """tokenizer.json as bytes."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab - (len(special) if special_last else 0), special_tokens=[] if special_last else special,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False)
    tokenizer.train_from_iterator(text.split("\n\n"), trainer)
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    if post_processor is not None:
        tokenizer.post_processor = post_processor
    return json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False, separators=(",", ":")).encode()


def _json(value):
    return (json.dumps(value, indent=1) + "\n").encode()


def llama_files(text, vocab, control=(), template=None):
    """A LLaMA tokenizer's files: name -> bytes."""
    config = {"add_bos_token": True, "add_eos_token": False, "bos_token": "<s>", "eos_token": "</s>",
              "unk_token": "<unk>", "legacy": False, "clean_up_tokenization_spaces": False,
              "tokenizer_class": "LlamaTokenizer"}
    if template:
        config["chat_template"] = template
    return {"tokenizer.model": _sentencepiece(text, vocab, list(control)), "tokenizer_config.json": _json(config)}


def falcon_files(text, vocab):
    """A Falcon tokenizer's files: name -> bytes."""
    from tokenizers import Regex, pre_tokenizers

    falcon = pre_tokenizers.Sequence([
        pre_tokenizers.Punctuation(behavior="contiguous"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        pre_tokenizers.Digits(individual_digits=False),
        pre_tokenizers.Split(Regex("[0-9][0-9][0-9]"), behavior="isolated")])
    return {
        "tokenizer.json": _byte_level(text, vocab, FALCON_SPECIAL, False, falcon),
        "tokenizer_config.json": _json({
            "add_prefix_space": False, "eos_token": "<|endoftext|>", "clean_up_tokenization_spaces": False,
            "tokenizer_class": "PreTrainedTokenizerFast"})}


def small_tokenizers(text):
    """kind -> {file name: bytes}; the vocabulary sizes are those of the models in families.py."""
    from tokenizers import Regex, pre_tokenizers, processors

    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    smollm = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level])
    llama3 = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(LLAMA3_PATTERN), behavior="isolated"),
                                      pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    bos = LLAMA3_SPECIAL[0]
    bos_first = processors.TemplateProcessing(single=f"{bos} $A", pair=f"{bos} $A {bos}:1 $B:1",
                                              special_tokens=[(bos, 320 - len(LLAMA3_SPECIAL))])
    return {
        "llama": llama_files(text, 384, template=LLAMA2_TEMPLATE),
        "mistral3": llama_files(text, 512, control=["[INST]", "[/INST]", "[TOOL_CALLS]"]),
        "smollm": {
            "tokenizer.json": _byte_level(text, 320, SMOLLM_SPECIAL, False, smollm),
            "tokenizer_config.json": _json({
                "add_prefix_space": False, "bos_token": "<|im_start|>", "eos_token": "<|im_end|>",
                "unk_token": "<|endoftext|>", "clean_up_tokenization_spaces": False, "chat_template": CHATML_TEMPLATE,
                "tokenizer_class": "GPT2Tokenizer"})},
        "llama3": {
            "tokenizer.json": _byte_level(text, 320, LLAMA3_SPECIAL, True, llama3, bos_first, ignore_merges=True),
            "tokenizer_config.json": _json({
                "bos_token": bos, "eos_token": "<|eot_id|>", "clean_up_tokenization_spaces": False,
                "chat_template": LLAMA3_TEMPLATE, "tokenizer_class": "PreTrainedTokenizerFast"})},
        "falcon": falcon_files(text, 320),
    }

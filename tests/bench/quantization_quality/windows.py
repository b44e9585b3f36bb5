"""Texts, windows and the source's logits, which measure.py and peers.py share.

As `edgechat-cli perplexity --protocol half` and llama.cpp do: windows of 512 tokens that do not overlap, a model that
wants BOS has it at the start of each, the second half of a window is scored.
"""

import json
import os
import subprocess

WINDOW = 512
FIRST = WINDOW // 2  # position of the first logits that count


def run(words, data=None):
    done = subprocess.run(words, input=data, capture_output=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(words)}\n{done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def cut(cli, model, path, most=0):
    """[windows, 512] token ids of a text file; at most `most` windows if that is not 0."""
    with open(path, "rb") as file:
        ids = json.loads(run([cli, "tokenize", model], file.read()))
    about = json.loads(run([cli, "inspect", model, "--json"]))
    if about["adds_bos"]:
        bos = json.loads(run([cli, "tokenize", model, "--bos"], b"x"))[0]
        ids = [bos] + ids
    windows = [ids[i:i + WINDOW] for i in range(0, len(ids) - WINDOW + 1, WINDOW)]
    if about["adds_bos"]:
        windows = [[bos] + window[1:] for window in windows]
    if not windows:
        raise SystemExit(f"{path}: {len(ids)} tokens, expected {WINDOW} or more")
    return windows[:most] if most else windows


def logits_of(model, windows):
    """Yields the scored logits [255, vocabulary] of each window, and the tokens that came."""
    import torch

    with torch.no_grad():
        for window in windows:
            logits = model(torch.tensor([window]), use_cache=False).logits[0, FIRST:WINDOW - 1].float()
            yield logits, torch.tensor(window[FIRST + 1:])


class Source:
    """The source's logits over one text, computed once."""

    def __init__(self, model, windows, name):
        import torch

        self.name, self.windows, self.logits, nll = name, windows, [], []
        for logits, target in logits_of(model, windows):
            nll.append(torch.nn.functional.cross_entropy(logits, target, reduction="none"))
            self.logits.append(logits.half())  # rounds a logit by 0.01 at most
        self.nll = torch.cat(nll).mean().item()

    def compare(self, parts):
        """(mean negative log-likelihood, mean KL(source || model)) of logits_of() another model."""
        import torch

        nll, kld = [], []
        for (logits, target), kept in zip(parts, self.logits, strict=True):
            source = torch.log_softmax(kept.float(), -1)
            other = torch.log_softmax(logits, -1)
            kld.append((source.exp() * (source - other)).sum(-1))
            nll.append(-other.gather(1, target[:, None])[:, 0])
        return torch.cat(nll).mean().item(), torch.cat(kld).mean().item()


def text_name(path):
    return os.path.splitext(os.path.basename(path))[0]

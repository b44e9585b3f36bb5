"""Trains one small model for some seconds, so that its logits mean something."""

import math

import numpy as np

LEARNING_RATE = 4e-3
BATCH = 12
LENGTH = 128  # tokens of a training window


def small_config(values):
    """transformers' configuration of config.json's values, for training and for goldens."""
    from transformers import AutoConfig

    values = {key: value for key, value in values.items() if key != "quantization_config"}
    return AutoConfig.for_model(values["model_type"], **{k: v for k, v in values.items() if k != "model_type"})


def attention_kind(values):
    """transformers 4.51.3 adds ALiBi twice in its eager attention: once in the mask, once to the scores."""
    return "sdpa" if values.get("alibi") else "eager"


def train(values, ids, steps, seed, peak_rate=LEARNING_RATE, count=BATCH, length=LENGTH):
    """values: config.json; ids: the training text; count: windows of `length` tokens in a step.

    Returns ({tensor name: float32}, mean loss of the last tenth)."""
    import torch
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    config = small_config({**values, "initializer_range": 0.08})
    model = AutoModelForCausalLM.from_config(config, attn_implementation=attention_kind(values)).float().train()
    with torch.no_grad():  # biases and norms start away from 0 and 1, so that none of them can be left out unnoticed
        for name, parameter in model.named_parameters():
            if parameter.dim() == 1:
                parameter += 0.1 * torch.randn_like(parameter)
    decayed = [p for p in model.parameters() if p.dim() > 1]
    plain = [p for p in model.parameters() if p.dim() == 1]
    optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0.0}],
                                  lr=peak_rate, betas=(0.9, 0.98))
    ids = torch.tensor(ids)
    losses = []
    for step in range(steps):
        warm = min(1.0, (step + 1) / 20)
        rate = peak_rate * warm * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * step / steps)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        starts = random.integers(0, len(ids) - length - 1, count)
        batch = torch.stack([ids[start:start + length] for start in starts])
        loss = model(batch, labels=batch, use_cache=False).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    state = {name: value.detach().numpy().copy() for name, value in model.state_dict().items()}
    if config.tie_word_embeddings:
        state.pop("lm_head.weight", None)
    return state, float(np.mean(losses[-max(1, steps // 10):]))

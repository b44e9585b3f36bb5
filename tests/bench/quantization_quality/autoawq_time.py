#!/usr/bin/env python3
"""How long AutoAWQ takes for a layer on this machine's processor: to be held against `edgechat-cli quantize`.

    autoawq_time.py MODEL_FOLDER TEXT [--layers 2] [--group-size 64] [--samples 128] [--length 512] [--threads N]

Runs the quantizer of autoawq 0.2.9 (scales, clipping and packing, with its own defaults) on the model's first layers,
with windows of the text for calibration. Prints seconds for what comes before the layers and for each layer, and the
largest resident memory. Needs autoawq==0.2.9, which wants transformers 4.51, and no GPU.
"""

import argparse
import resource
import time


def windows_of(text, tokenizer, count, length):
    with open(text, encoding="utf-8") as file:
        ids = tokenizer(file.read(), add_special_tokens=False)["input_ids"]
    windows = [ids[i:i + length] for i in range(0, len(ids) - length + 1, length)][:count]
    if len(windows) < count:
        print(f"{text}: only {len(windows)} windows of {length} tokens")
    return windows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("text")
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--group-size", type=int, default=64)
    parser.add_argument("--samples", type=int, default=128)
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()

    import torch
    from awq import AutoAWQForCausalLM
    from awq.quantize import quantizer
    from transformers import AutoTokenizer

    torch.set_num_threads(arguments.threads)
    tokenizer = AutoTokenizer.from_pretrained(arguments.model)
    windows = windows_of(arguments.text, tokenizer, arguments.samples, arguments.length)
    model = AutoAWQForCausalLM.from_pretrained(arguments.model, device_map="cpu", torch_dtype=torch.float32,
                                               use_cache=False)
    layers = model.get_model_layers(model.model)
    del layers[arguments.layers:]

    # A layer begins where its inputs are collected.
    begins = []
    collect = quantizer.AwqQuantizer._get_input_feat

    def collect_and_note(self, *inputs):
        begins.append(time.perf_counter())
        return collect(self, *inputs)

    quantizer.AwqQuantizer._get_input_feat = collect_and_note
    begin = time.perf_counter()
    model.quantize(tokenizer, calib_data=windows, max_calib_samples=len(windows), max_calib_seq_len=arguments.length,
                   quant_config={"zero_point": True, "q_group_size": arguments.group_size, "w_bit": 4,
                                 "version": "GEMM"})
    end = time.perf_counter()
    seconds = [after - before for before, after in zip(begins, begins[1:] + [end], strict=True)]
    print(f"before the layers {begins[0] - begin:.1f} s, layers " + ", ".join(f"{s:.1f}" for s in seconds) +
          f" s, {len(windows)} windows of {arguments.length} tokens, {arguments.threads} threads, "
          f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB resident at most")


if __name__ == "__main__":
    main()

"""Model folders as files: safetensors, shards, config.json, and which weights a reader must see."""

import contextlib
import json
import os
import shutil
import tempfile
from dataclasses import dataclass, field

import numpy as np


@dataclass
class Written:
    path: str  # folder or file under the parity folder
    values: dict  # config.json's meaning, without quantization
    tensors: dict  # Hugging Face name -> float32 as stored (dequantised)
    replace: dict = field(default_factory=dict)  # name a loader looks for -> file in the folder that takes its place
    transformers_loads: bool = True
    new_files: list = field(default_factory=list)  # relative paths


def json_bytes(value):
    return (json.dumps(value, indent=1) + "\n").encode()


def as_stored(tensors, dtype):
    """({name: torch tensor of dtype}, {name: float32 of the same value})."""
    import torch

    stored = {name: torch.from_numpy(np.ascontiguousarray(value)).to(getattr(torch, dtype)).contiguous()
              for name, value in tensors.items()}
    return stored, {name: value.float().numpy() for name, value in stored.items()}


class Folder:
    """A model folder being written; every file is remembered."""

    def __init__(self, out, name):
        self.out, self.name, self.files = out, os.path.join("models", name), []
        path = os.path.join(out, self.name)
        os.makedirs(path, exist_ok=True)

    def path(self, file):
        self.files.append(os.path.join(self.name, file))
        return os.path.join(self.out, self.name, file)

    def put(self, file, data):
        with open(self.path(file), "wb") as out:
            out.write(data)

    def put_all(self, files):
        for name, data in files.items():
            self.put(name, data)


def save_safetensors(folder, stored, shards=1):
    from safetensors.torch import save_file

    if shards == 1:
        save_file(stored, folder.path("model.safetensors"), metadata={"format": "pt"})
        return
    names = list(stored)
    bounds = [len(names) * i // shards for i in range(shards + 1)]
    where, total = {}, 0
    for shard in range(shards):
        file = f"model-{shard + 1:05d}-of-{shards:05d}.safetensors"
        part = {name: stored[name] for name in names[bounds[shard]:bounds[shard + 1]]}
        save_file(part, folder.path(file), metadata={"format": "pt"})
        where.update({name: file for name in part})
        total += sum(value.numel() * value.element_size() for value in part.values())
    folder.put("model.safetensors.index.json", json_bytes({"metadata": {"total_size": total},
                                                           "weight_map": dict(sorted(where.items()))}))


def write_safetensors(variant, values, tensors, tokenizer_files, out):
    dtype = variant.options.get("dtype", "float16")
    stored, effective = as_stored(tensors, dtype)
    if variant.options.get("store_tied_head"):
        stored["lm_head.weight"] = stored["transformer.word_embeddings.weight"].clone()
    folder = Folder(out, variant.name)
    save_safetensors(folder, stored, variant.options.get("shards", 1))
    folder.put("config.json", json_bytes(values))
    folder.put_all(tokenizer_files)
    return Written(folder.name, values, effective, new_files=folder.files)


def write_config(variant, values, tensors, plain_values, quant_config, out):
    """Another config.json, and perhaps quant_config.json, beside the files of variant.folder."""
    folder = Folder(out, variant.folder)
    folder.put(variant.config, json_bytes(plain_values))
    replace = {"config.json": variant.config}
    if variant.quant_config:
        folder.put(variant.quant_config, json_bytes(quant_config))
        replace["quant_config.json"] = variant.quant_config
    _, effective = as_stored(tensors, variant.options.get("dtype", "float16"))
    return Written(folder.name, values, effective, replace, variant.transformers_loads, folder.files)


@contextlib.contextmanager
def assembled(out, written):
    """The folder as a loader must see it: with the files that `replace` names in their places."""
    source = os.path.join(out, written.path)
    if not written.replace:
        yield source
        return
    with tempfile.TemporaryDirectory() as folder:
        for name in os.listdir(source):
            shutil.copy(os.path.join(source, name), folder)
        for name, replacement in written.replace.items():
            shutil.copy(os.path.join(source, replacement), os.path.join(folder, name))
        yield folder

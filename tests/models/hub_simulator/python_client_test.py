#!/usr/bin/env python3
"""The simulated Hub is faithful: Hugging Face's own client downloads a repository from it.

    python_client_test.py HUB_SIMULATOR

Needs huggingface_hub; ends with 77, a skip, where it is not.
"""

import hashlib
import os
import subprocess
import sys
import tempfile

FILES = {
    "config.json": b'{"model_type": "llama"}' * 20,
    "tokenizer.json": b'{"version": "1.0"}',
    "model-00001-of-00002.safetensors": os.urandom(300_000),
    "model-00002-of-00002.safetensors": os.urandom(150_001),
    "onnx/model.onnx": os.urandom(20_000),
    "empty.txt": b"",
}


def served(simulator, folder, *options):
    process = subprocess.Popen(
        [simulator, "org/tiny", folder, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    return process, process.stdout.readline().strip()


def check(simulator, folder, work, *options):
    process, endpoint = served(simulator, folder, *options)
    try:
        from huggingface_hub import HfApi, snapshot_download

        tree = {entry.path: entry for entry in HfApi(endpoint=endpoint).list_repo_tree("org/tiny", recursive=True)}
        for path, content in FILES.items():
            assert tree[path].size == len(content), path
            if len(content) > 10_000:
                assert tree[path].lfs.sha256 == hashlib.sha256(content).hexdigest(), path
        snapshot = snapshot_download("org/tiny", endpoint=endpoint, cache_dir=work, token="hf_member")
        for path, content in FILES.items():
            with open(os.path.join(snapshot, path), "rb") as file:
                assert file.read() == content, path
    finally:
        process.communicate("")


def check_gate(simulator, folder, work):
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import GatedRepoError

    process, endpoint = served(simulator, folder, "--gated", "manual")
    try:
        for token in (False, "hf_guest"):
            try:
                hf_hub_download("org/tiny", "config.json", endpoint=endpoint, cache_dir=work, token=token)
            except GatedRepoError:
                continue
            raise AssertionError(f"the gate let {token} in")
        hf_hub_download("org/tiny", "config.json", endpoint=endpoint, cache_dir=work, token="hf_member")
    finally:
        process.communicate("")


def main():
    os.environ.update(HF_HUB_DISABLE_XET="1", HF_HUB_DISABLE_TELEMETRY="1", HF_HUB_DISABLE_PROGRESS_BARS="1")
    for name in ("HF_ENDPOINT", "HF_TOKEN", "HF_HUB_OFFLINE", "http_proxy", "HTTP_PROXY"):
        os.environ.pop(name, None)
    try:
        import huggingface_hub
    except ImportError as error:
        print(f"skipped: {error}; EDGECHAT_PYTHON names a Python that has huggingface_hub")
        return 77
    print("huggingface_hub", huggingface_hub.__version__)
    with tempfile.TemporaryDirectory() as work:
        os.environ["HF_HOME"] = os.path.join(work, "home")
        folder = os.path.join(work, "repository")
        for path, content in FILES.items():
            os.makedirs(os.path.dirname(os.path.join(folder, path)), exist_ok=True)
            with open(os.path.join(folder, path), "wb") as file:
                file.write(content)
        check(sys.argv[1], folder, os.path.join(work, "plain"), "--page-size", "2")
        check(sys.argv[1], folder, os.path.join(work, "redirected"), "--relative-redirect")
        check_gate(sys.argv[1], folder, os.path.join(work, "gated"))
    return 0


if __name__ == "__main__":
    sys.exit(main())

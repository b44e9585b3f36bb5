#!/usr/bin/env python3
"""The simulated Hub is faithful: Hugging Face's own client downloads a repository from it, goes on behind a
connection that broke, and names what it is refused.

    python_client_test.py HUB_SIMULATOR

Needs huggingface_hub; ends with 77, a skip, where it is not.
"""

import hashlib
import json
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


def check_metadata(simulator, folder):
    from huggingface_hub import HfApi

    process, endpoint = served(simulator, folder)
    try:
        info = HfApi(endpoint=endpoint).model_info("org/tiny", files_metadata=True)
        siblings = {sibling.rfilename: sibling for sibling in info.siblings}
        assert info.sha and len(info.sha) == 40 and info.gated is False, info
        assert sorted(siblings) == sorted(FILES), siblings
        for path, content in FILES.items():
            assert siblings[path].size == len(content), path
            if len(content) > 10_000:
                assert siblings[path].lfs.sha256 == hashlib.sha256(content).hexdigest(), path
    finally:
        process.communicate("")


def check_resumption(simulator, folder, work):
    """The client asks for the rest alone, and gets it."""
    from huggingface_hub import constants, hf_hub_download

    constants.DOWNLOAD_CHUNK_SIZE = 10_000  # what it keeps of a connection that broke is a multiple of it
    name = "model-00001-of-00002.safetensors"
    process, endpoint = served(simulator, folder, "--fault", "cut host=cdn method=GET bytes=100000")
    try:
        try:
            path = hf_hub_download("org/tiny", name, endpoint=endpoint, cache_dir=work)
        except Exception as error:  # before 1.0 it leaves the second attempt to the next call
            print("the connection broke:", type(error).__name__)
            path = hf_hub_download("org/tiny", name, endpoint=endpoint, cache_dir=work)
        with open(path, "rb") as file:
            assert file.read() == FILES[name]
    finally:
        said = process.communicate("")[0]
    requests = [json.loads(line) for line in said.splitlines()]
    bodies = [one for one in requests if one["server"] == "cdn" and one["method"] == "GET"]
    assert [one["status"] for one in bodies] == [200, 206], bodies
    assert bodies[1]["range"].startswith("bytes=100000-"), bodies


def check_refusals(simulator, folder, work):
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError

    process, endpoint = served(simulator, folder)
    try:
        for repository, name, revision, expected in (
            ("org/tiny", "missing.json", "main", EntryNotFoundError),
            ("org/tiny", "config.json", "missing", RevisionNotFoundError),
            ("org/missing", "config.json", "main", RepositoryNotFoundError),
        ):
            try:
                hf_hub_download(repository, name, revision=revision, endpoint=endpoint, cache_dir=work, token=False)
            except expected:
                continue
            raise AssertionError(f"{repository}, {name}, {revision} was found")
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
        check_metadata(sys.argv[1], folder)
        check_resumption(sys.argv[1], folder, os.path.join(work, "resumed"))
        check_refusals(sys.argv[1], folder, os.path.join(work, "refused"))
    return 0


if __name__ == "__main__":
    sys.exit(main())

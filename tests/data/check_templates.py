"""Compares the interpreter with jinja2 on a folder of templates: check_templates.py RENDERER FOLDER...

RENDERER is the program render_template of a build. Every *.jinja file of the folders is rendered with conversations
with and without a system message, a generation prompt, tools and odd white space. Prints what differs and a count.
"""
import json
import pathlib
import subprocess
import sys

from jinja_oracle import render
from make_template_goldens import CONVERSATIONS

TOOL = {"type": "function", "function": {
    "name": "weather", "description": "Today's \"weather\"", "parameters": {
        "type": "object", "properties": {"city": {"type": "string", "description": "where"}}, "required": ["city"]}}}


def main():
    renderer = sys.argv[1]
    passed = failed = cases = wrong = refused = 0
    for folder in sys.argv[2:]:
        for path in sorted(pathlib.Path(folder).rglob("*.jinja")):
            source = path.read_bytes().decode("utf-8")
            good = True
            for name, (messages, prompt) in CONVERSATIONS.items():
                for tools in (None, [TOOL]):
                    variables = {"messages": messages, "add_generation_prompt": prompt, "tools": tools,
                                 "documents": None, "bos_token": "<s>", "eos_token": "</s>"}
                    expected = render(source, variables, (2031, 2, 3))
                    ours = subprocess.run([renderer, str(path)], capture_output=True, input=json.dumps(
                        dict(variables, date=[2031, 2, 3])).encode())
                    text = ours.stdout.decode() if ours.returncode == 0 else None
                    cases += 1
                    refused += expected is None
                    if text == expected:
                        continue
                    good = False
                    wrong += 1
                    print(f"{path.name} {name} tools={tools is not None}: {ours.stderr.decode().strip()}")
                    if text is not None:
                        print(f"  jinja2 {expected!r}\n  ours   {text!r}")
            passed += good
            failed += not good
    print(f"{passed} templates agree, {failed} do not; {cases - wrong} of {cases} renderings ({refused} refused by jinja2)")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())

"""Writes chat_template_goldens.json and jinja_goldens.json: what Python's jinja2 makes of templates.

Needs jinja2 (3.1.6 was used). The templates of the shapes are written for this project so that they render what the
published ones do (the renderings in the models' documentation were the measure); they are no copies.
"""
import json
import pathlib

from jinja_oracle import render

HERE = pathlib.Path(__file__).parent
ALTERNATE = ("{%- if (message.role == 'user') != (loop.index0 % 2 == 0) %}"
             "{{- raise_exception('user and assistant take turns') }}{%- endif %}")
SPLIT_SYSTEM = """{%- if messages[0].role == 'system' %}
    {%- set instructions = messages[0].content %}
    {%- set turns = messages[1:] %}
{%- else %}
    {%- set turns = messages %}
{%- endif %}
"""
LLAMA3_MESSAGES = """{%- for message in messages %}
    {{- '<|start_header_id|>' ~ message.role ~ '<|end_header_id|>\n\n' ~ message.content | trim ~ '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}
{%- endif %}
"""
LLAMA3_SYSTEM = """{{- bos_token }}
{%- if not date_string is defined %}
    {%- DATE %}
{%- endif %}
{%- if messages[0].role == 'system' %}
    {%- set instructions = messages[0]['content'] | trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set instructions = '' %}
{%- endif %}
{{- '<|start_header_id|>system<|end_header_id|>\\n\\n' }}
{%- if tools is not none %}{{- 'Environment: ipython\\n' }}{%- endif %}
{{- 'Cutting Knowledge Date: December 2023\\n' }}
{{- 'Today Date: ' + date_string + '\\n\\n' }}
{{- instructions + '<|eot_id|>' }}
"""
SHAPES = {
    "llama2": SPLIT_SYSTEM + "{%- for message in turns %}" + ALTERNATE + """
    {%- if loop.first and instructions is defined %}
        {%- set content = '<<SYS>>\\n' ~ instructions ~ '\\n<</SYS>>\\n\\n' ~ message.content %}
    {%- else %}
        {%- set content = message.content %}
    {%- endif %}
    {%- if message.role == 'user' %}
        {{- bos_token + '[INST] ' + content.strip() + ' [/INST]' }}
    {%- else %}
        {{- ' ' + content.strip() + ' ' + eos_token }}
    {%- endif %}
{%- endfor %}""",
    "mistral-v1-original": "{{ bos_token }}{% for message in messages %}" + ALTERNATE +
        "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}"
        "{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token }}"
        "{% else %}{{ raise_exception('no such role') }}{% endif %}{% endfor %}",
    "mistral-v1": SPLIT_SYSTEM + "{{- bos_token }}{%- for message in turns %}" + ALTERNATE + """
    {%- if message.role == 'user' and loop.first and instructions is defined %}
        {{- ' [INST] ' + instructions + '\\n\\n' + message.content + ' [/INST]' }}
    {%- elif message.role == 'user' %}
        {{- ' [INST] ' + message.content + ' [/INST]' }}
    {%- else %}
        {{- ' ' + message.content + eos_token }}
    {%- endif %}
{%- endfor %}""",
    "mistral-v3": SPLIT_SYSTEM + """{%- set user_messages = turns | selectattr('role', 'equalto', 'user') | list %}
{%- set ns = namespace() %}
{%- set ns.index = 0 %}
{%- for message in turns %}
    {%- if (message.role == 'user') != (ns.index % 2 == 0) %}
        {{- raise_exception('user and assistant take turns') }}
    {%- endif %}
    {%- set ns.index = ns.index + 1 %}
{%- endfor %}
{{- bos_token }}
{%- for message in turns %}
    {%- if message.role == 'user' %}
        {%- if tools is not none and message == user_messages[-1] %}
            {{- '[AVAILABLE_TOOLS] ' + (tools | tojson) + '[/AVAILABLE_TOOLS]' }}
        {%- endif %}
        {%- if loop.last and instructions is defined %}
            {{- '[INST] ' + instructions + '\\n\\n' + message.content + '[/INST]' }}
        {%- else %}
            {{- '[INST] ' + message.content + '[/INST]' }}
        {%- endif %}
    {%- else %}
        {{- ' ' + message.content | trim + eos_token }}
    {%- endif %}
{%- endfor %}""",
    "zephyr": """{% for message in messages %}
{% if message['role'] == 'user' %}
{{ '<|user|>
' + message['content'] + eos_token }}
{% elif message['role'] == 'system' %}
{{ '<|system|>\\n' + message['content'] + eos_token }}
{% else %}
{{ '<|assistant|>\\n'  + message['content'] + eos_token }}
{% endif %}
{% if loop.last and add_generation_prompt %}
{{ '<|assistant|>' }}
{% endif %}
{% endfor %}""",
    "chatml": "{% for message in messages %}{% if loop.first and message.role != 'system' %}"
        "{{ '<|im_start|>system\\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\\n' }}"
        "{% endif %}{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>' + '\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
    "llama3": LLAMA3_SYSTEM.replace("DATE", "if strftime_now is defined %}{%- set date_string = "
                                            "strftime_now('%d %b %Y') %}{%- else %}"
                                            "{%- set date_string = '26 Jul 2024' %}{%- endif") + LLAMA3_MESSAGES,
    "llama3.1": LLAMA3_SYSTEM.replace("DATE", "set date_string = '26 Jul 2024'") + LLAMA3_MESSAGES,
    "llama3.0": "{{ bos_token }}" + LLAMA3_MESSAGES,
    "falcon-instruct": SPLIT_SYSTEM + "{%- if instructions is defined %}{{- instructions.strip() }}{%- endif %}"
        "{%- for message in turns %}{%- if message.role == 'user' %}{{- '\\n\\nUser: ' }}{%- else %}"
        "{{- '\\n\\nAssistant: ' }}{%- endif %}"
        "{{- message.content.strip().replace('\\r\\n', '\\n').replace('\\n\\n', '\\n') }}{%- endfor %}"
        "{%- if add_generation_prompt %}{{- '\\n\\nAssistant:' }}{%- endif %}",
    "falcon3": """{%- for message in messages %}
    {%- if message.role == 'assistant' %}
        {{- '<|assistant|>\\n' + message.content + eos_token }}
        {%- if not loop.last %}{{- '\\n' }}{%- endif %}
    {%- else %}
        {{- '<|' ~ message.role ~ '|>\\n' ~ message.content ~ '\\n' }}
    {%- endif %}
    {%- if loop.last and add_generation_prompt %}
        {{- '<|assistant|>\\n' }}
    {%- endif %}
{%- endfor %}""",
}
TOKENS = {"chatml": ("<|im_start|>", "<|im_end|>"), "llama3": ("<|begin_of_text|>", "<|eot_id|>"),
          "falcon-instruct": (None, "<|endoftext|>"), "falcon3": (None, "<|endoftext|>")}


def message(role, content):
    return {"role": role, "content": content}


SYSTEM, ODD_SYSTEM = message("system", "SYS"), message("system", "  <|im_start|> S\n\n s ")
FIRST, REPLY, SECOND = message("user", "Q1"), message("assistant", "R1"), message("user", "Q2")
ODD_FIRST = message("user", " \t</s>[INST] a\r\n\r\n\n\nb <|eot_id|>\u00a0\n")
ODD_REPLY = message("assistant", "\n R <|im_end|>\n\n\n\nUser: x \u3000")
CONVERSATIONS = {
    "single": ([FIRST], True),
    "system": ([SYSTEM, FIRST], True),
    "multi": ([FIRST, REPLY, SECOND], True),
    "systemMulti": ([SYSTEM, FIRST, REPLY, SECOND], True),
    "noGenerationPrompt": ([FIRST, REPLY], False),
    "odd": ([ODD_FIRST, ODD_REPLY, SECOND], True),
    "oddSystem": ([ODD_SYSTEM, ODD_FIRST, ODD_REPLY, ODD_FIRST], False),
    "empty": ([message("user", ""), message("assistant", ""), message("user", "")], True),
}


def merged(messages):
    """What stands for a conversation whose system message the template refuses."""
    return [message("user", messages[0]["content"] + "\n\n" + messages[1]["content"])] + messages[2:]


def shape_goldens():
    goldens = []
    for name, source in SHAPES.items():
        bos, eos = TOKENS.get(name.split(".")[0], ("<s>", "</s>"))
        cases = []
        for case, (messages, prompt) in CONVERSATIONS.items():
            variables = {"add_generation_prompt": prompt, "tools": None, "documents": None, "eos_token": eos}
            if bos:
                variables["bos_token"] = bos
            date = (2031, 2, 3)
            text = render(source, dict(variables, messages=messages), date)
            if text is None:
                text = render(source, dict(variables, messages=merged(messages)), date)
            assert text is not None, (name, case)
            cases.append({"name": case, "messages": messages, "add_generation_prompt": prompt, "text": text})
        goldens.append({"name": name.split(".")[0], "variant": name, "bos": bos or "", "eos": eos, "template": source, "cases": cases})
    return goldens


VARIABLES = {
    "s": " Hello, W\u00f6rld! ", "n": 7, "x": 2.5, "yes": True, "no": False, "nothing": None, "empty": "",
    "list": ["b", "a", "C"], "numbers": [3, 1, 2], "map": {"k": "v", "n": 1, "deep": {"l": [1, 2]}},
    "rows": [{"role": "user", "n": 2}, {"role": "tool", "n": 1}, {"role": "user", "n": 0}],
}
EXPRESSIONS = """
1 + 2 * 3 - 4 // 3 % 2
7 / 2
-7 // 2 ~ ' ' ~ -7 % 3 ~ ' ' ~ 2 ** 10
1.0 ~ ' ' ~ 1e20 ~ ' ' ~ 0.1 ~ ' ' ~ 1e-7 ~ ' ' ~ 123456789.25
- n ~ ' ' ~ + x
'a' + "b" 'c'
'a' * 3
[1, 2] + [3]
'\\n\\t\\'\\"\\\\\\x41\\u00e9\\101\\q'
n > 3 and n < 10 or no
not n == 7
1 < n <= 7 != 8
'ell' in s
'z' not in s
'a' in list
'k' in map
3 in numbers and 9 not in numbers
yes if n else no
'x' if no
('x' if no) is defined
s | trim
s.strip()
s.lstrip() ~ '|' ~ s.rstrip() ~ '|'
'xxhixx'.strip('x') ~ 'abc'.rstrip('cb')
'aBc' | upper ~ 'aBc' | lower ~ 'aBc'.upper()
nothing | selectattr('a') | list ~ nothing | map('upper') | list
'hello wORLD' | title ~ '|' ~ 'hello wORLD'.title() ~ '|' ~ 'hELLO'.capitalize() ~ '|' ~ 'hELLO' | capitalize
s | length ~ list | length ~ map | count
s[0] ~ s[1] ~ s[-3]
s[1:6] ~ '|' ~ s[::-1] ~ '|' ~ s[:-1] ~ '|' ~ s[-4:]
list[1:] ~ list[:-1] ~ list[::2] ~ numbers[::-1]
list[0] ~ list[-1] ~ list[9]
map.k ~ map['k'] ~ map.deep.l[1] ~ map.missing
map.get('k') ~ map.get('q') ~ map.get('q', 'd')
map.items() | list
map.keys() | list ~ map.values() | list
map | items | list
map | dictsort
map | tojson
map | tojson(indent=4)
[] | tojson ~ {} | tojson(indent=2)
{'a': [1, {'b': none}], "c": 'q"\\n\\u00e9<>&'} | tojson
map | tojson(separators=(',', ':'), sort_keys=true)
[1, 'a', "it's", none, true, 1.5, [], {}, (1,), ()]
{'a': 'b\\n', 'c': [1]}
list | join(', ') ~ list | join
rows | map(attribute='role') | join('-')
list | map('upper') | list
rows | selectattr('role', 'equalto', 'user') | list | length
rows | selectattr('n') | map(attribute='n') | list
rows | rejectattr('role', 'eq', 'user') | list
rows | selectattr('role', 'in', ['tool', 'x']) | list
numbers | select('odd') | list ~ numbers | reject('gt', 1) | list
rows | sort(attribute='n') | map(attribute='n') | list
list | sort ~ list | sort(case_sensitive=true) ~ numbers | sort(reverse=true)
numbers | first ~ numbers | last ~ numbers | min ~ numbers | max ~ numbers | sum
list | reverse | list ~ 'abc' | reverse
['a', 'A', 'b'] | unique | list
'12' | int + 1 ~ 'q' | int ~ 'q' | int(5) ~ '3.9' | int ~ 3.9 | int
'2.5' | float ~ -3 | abs
missing | default('d') ~ empty | default('d') ~ empty | default('d', true) ~ nothing | default('d')
'a-b-c' | replace('-', '+') ~ 'a-b-c'.replace('-', '', 1)
'a b  c'.split() ~ 'a,b,,c'.split(',') ~ 'a,b,c'.split(',', 1) ~ 'a,b,c'.rsplit(',', 1)
'a\\nb\\r\\nc'.splitlines()
'abc'.startswith('ab') ~ 'abc'.endswith(('x', 'bc')) ~ 'abc'.find('c') ~ 'abcb'.count('b')
'abc'.removeprefix('a') ~ 'abc'.removesuffix('c') ~ '12'.isdigit() ~ 'ab'.isalpha() ~ 'aB'.islower()
','.join(['a', 'b'])
'a\\nb\\n\\nc' | indent(2) ~ '|' ~ 'a\\nb' | indent(3, true)
missing is defined ~ s is defined ~ nothing is none ~ nothing is defined ~ missing is undefined
s is string ~ n is string ~ map is mapping ~ list is iterable ~ s is iterable ~ n is iterable ~ list is sequence
n is number ~ x is number ~ yes is number ~ n is integer ~ x is float ~ yes is boolean ~ n is boolean
yes is true ~ no is false ~ n is true ~ n is odd ~ n is even ~ n is divisibleby 7 ~ n is divisibleby(2)
n is not none and s is not defined or n is eq 7
n is in [7, 8] ~ 'a' is lower ~ 'A' is upper ~ n is ge 7
missing ~ '|' ~ missing | trim ~ '|' ~ missing | length ~ '|' ~ nothing ~ yes
missing == missing ~ (missing == none) ~ ('a' == 1) ~ (1 == 1.0) ~ (true == 1) ~ ([1] == [1]) ~ ({'a': 1} == {'a': 1})
'b' > 'a' ~ [1, 2] < [1, 3]
range(3) | list ~ range(1, 7, 2) | list ~ range(3, 0, -1) | list
dict(a=1, b='c')
strftime_now('%d %b %Y %B %A %a %m %y %H:%M %% %j' | replace('%j', ''))
(1, 2)[0] ~ (1,) ~ ((1))
[1, 2,] ~ {'a': 1,}
{{'a': 1}['a']: 2} if false else 'ok'
3.14 | round(1) ~ 2.5 | round ~ 7 | round
list is sameas list ~ s | string ~ [1] | string
"a" "b" ~ 1_000
raise_exception('x')
missing.attribute
missing + 'a'
nothing.attribute.more
nothing + 'a'
's' + 1
1 / 0
s.nothing()
s | nothing
s is nothing
n | length
[1, 2] | join(', ') | length
namespace(a=1).a
rows[0] == rows[2] ~ rows[0]['role']
s | list | length
'%' ~ '%'
list[1:][0] ~ rows[1:][0].role
"\\u2581" ~ '\\U0001F600'
x is defined and x > 2 and x is not string
(yes, no) | list
s.upper().strip().split(',')[0].lower()
"a" if "a" == 'a' else "b" if no else 'c'
'' or 'fallback'
empty and 'never' or none
""".strip().split("\n")
TEMPLATES = [
    "a\n{% if yes %}\n  b\n{% endif %}\nc\n",
    "a\n  {% if yes %}  \n b {%- endif %}  \n c",
    "  {%+ if yes %}x{% endif %}\n\n",
    "{% if no %}a{% elif n == 7 %}b{% else %}c{% endif %}",
    "{%- for v in list -%} {{ v }} {%- endfor -%}  end ",
    "{% for v in list %}\n{{ v }}\n{% endfor %}\n",
    "{{ 'a' }}\n{{ 'b' }}\n\n",
    "x {#- comment -#} y {# c #}\nz{# -#}\n w",
    "\r\na\rb\r\n",
    "{% raw %}{{ no }} {% if %}{% endraw %} x",
    "a {%- raw -%} {{ b }} {%- endraw -%} c",
    "{% for v in list %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.first }}{{ loop.last }}"
    "{{ loop.length }}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.cycle('x', 'y') }};{% endfor %}",
    "{% for k, v in map.items() %}{{ k }}={{ v }},{% endfor %}",
    "{% for k in map %}{{ k }}{% endfor %}",
    "{% for c in 'h\u00e9' %}[{{ c }}]{% endfor %}",
    "{% for v in [] %}x{% else %}none{% endfor %}{% for v in missing %}x{% else %}none{% endfor %}",
    "{% for v in numbers if v > 1 %}{{ v }}{{ loop.index }}{{ loop.last }}{% endfor %}",
    "{% for v in numbers %}{% if v == 1 %}{% continue %}{% endif %}{{ v }}{% if v == 2 %}{% break %}{% endif %}{% endfor %}",
    "{% for a in [1, 2] %}{% for b in [1, 2] %}{{ loop.index }}{{ loop.depth }}{% endfor %}{{ loop.index }}{% endfor %}",
    "{% set x = 1 %}{% for v in [1, 2] %}{{ x }}{% set x = 5 %}{{ x }}{% endfor %}{{ x }}",
    "{% set q = 1 %}{% if yes %}{% set q = 2 %}{% endif %}{{ q }}",
    "{% set ns = namespace(a=0, b='') %}{% for v in numbers %}{% set ns.a = ns.a + v %}{% endfor %}{{ ns.a }}{{ ns.b }}{{ ns.c }}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set c = 1, 2 %}{{ c }}",
    "{% set t %}\n<{{ n }}>\n{% endset %}{{ t }}{{ t | length }}",
    "{% set t | trim | upper %}  a{{ n }} {% endset %}[{{ t }}]",
    "{% filter upper %}a{{ list }}{% endfilter %}",
    "{% macro m(a, b='d', c=none) %}({{ a }}{{ b }}{{ c }}){% endmacro %}{{ m(1) }}{{ m(1, c=2) }}{{ m('x', 'y', 'z') }}",
    "{% macro f(k) %}{% if k > 0 %}{{ k }}{{ f(k - 1) }}{% endif %}{% endmacro %}{{ f(4) }}",
    "{% macro m() %}{{ q }}{% endmacro %}{% set q = 3 %}{{ m() }}",
    "{% macro m(a) %}x{% endmacro %}{{ m(1, 2) }}",
    "{% macro m(a) %}x{% endmacro %}{{ m(b=2) }}",
    "{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}{{ a }}",
    "{% generation %}x{{ n }}{% endgeneration %}",
    "{{ a }}{% set a = 1 %}{{ a }}",
    "{{ {'a': {'b': 1}} }}",
    "{{ '}}' }}{{ \"%}\" }}{# }} #}",
    "{% set messages = rows[1:] %}{{ messages | length }}",
    "{% for r in rows | selectattr('role', '==', 'user') %}{{ r.n }}{% endfor %}",
    "{{ s }}{{ 1, 2 }}",
    "{% if s is string and n is not none %}ok{% endif %}",
    "{{- '' -}} \n x",
    "{% for v in list %}{% set last = loop.last %}{{ last }}{% endfor %}{{ last }}",
    "{% set loop_messages = rows %}{% for message in loop_messages %}{{ message['role'] }}{{ '' if loop.last else ', ' }}{% endfor %}",
    "{% for v in numbers %}{{ loop.changed(v > 1) }}{% endfor %}",
    "{%if yes%}x{%endif%}{%-if yes-%} y {%-endif-%}",
    "{% if %}x{% endif %}",
    "{% if yes %}x",
    "{{ 'a }}",
    "{{ (1 }}",
    "{{ 1 ) }}",
    "{% frobnicate %}",
    "{% endif %}",
    "{# open",
    "{{ }}",
    "{% for in list %}{% endfor %}",
    "{% set 3 = 4 %}",
    "{% break %}",
    "{{ a b }}",
    "x{% if yes %}\n\n  {{ n }}\n  {% endif %}\n  y\n\n",
    "\u3000{%- if yes %}\u00a0 {%- endif %}",
]


def jinja_goldens():
    sources = ["{{ " + expression + " }}" for expression in EXPRESSIONS] + TEMPLATES
    return {"variables": VARIABLES,
            "cases": [{"template": source, "text": render(source, VARIABLES)} for source in sources]}


def write(name, data):
    (HERE / name).write_text(json.dumps(data, ensure_ascii=True, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write("chat_template_goldens.json", shape_goldens())
    write("jinja_goldens.json", jinja_goldens())

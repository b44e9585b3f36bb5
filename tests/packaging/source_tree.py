"""What the tests of this folder share: the files of a source tree and the rules that they keep."""

import os
import re

SKIPPED_FOLDERS = {".git", ".cache", "build", "out", "__pycache__"}
CODE = (".h", ".cpp", ".cc", ".cu", ".cuh", ".inc", ".qml", ".js", ".py", ".sh", ".cmake", "CMakeLists.txt", "Makefile")

# An include may point to its own layer or to one further right in ui -> app -> models -> quant -> inference.
LAYERS = ["inference", "quant", "models", "app", "ui"]
QT = r"(Q[A-Z]\w*|Qt[A-Z]\w*/.*|q[a-z]\w*\.h)$"
FORBIDDEN = {
    "inference": [(QT, "Qt"), (r"(sys/socket|netdb|netinet/.*|curl/.*)(\.h)?$", "the network")],
    "quant": [(QT, "Qt"), (r"(sys/socket|netdb|netinet/.*|curl/.*)(\.h)?$", "the network")],
    "models": [(r"(QtGui|QtWidgets|QtQuick)/|Q(Window|Widget|Quick|GuiApplication)", "a window")],
    "ui": [(r"(inference|quant)/", "the engine"), (r"(QtSql/|QSql|sqlite3)", "SQL"),
           (r"(QtNetwork/|QNetwork|QHttp|QSsl)", "HTTP")],
}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)

MOST_LINES = 800
# Spelled in pieces, or this file would be its own first finding.
FOREIGN_PATH = re.compile(r"(?<![\w.~$})/-])/(?:wo" + r"rk|ro" + r"ot|ho" + r"me|Us" + r"ers)/[\w.]")


def files(root):
    """Paths of all files below root, relative to it."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(f for f in folders if f not in SKIPPED_FOLDERS and not f.startswith("build-"))
        for name in sorted(set(names) - SKIPPED_FOLDERS):  # .git of a worktree is a file
            yield os.path.relpath(os.path.join(folder, name), root)


def read(root, path):
    """The text of a file, or None for one that is not UTF-8 text or not a plain file."""
    full = os.path.join(root, path)
    if os.path.islink(full) or not os.path.isfile(full):
        return None
    with open(full, "rb") as file:
        data = file.read()
    if b"\0" in data:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def include_problems(root):
    problems = []
    for path in files(root):
        layer = path.split(os.sep)[0]
        if layer not in LAYERS or not path.endswith((".h", ".cpp", ".cc", ".cu", ".cuh", ".inc")):
            continue
        text = read(root, path) or ""
        for match in INCLUDE.finditer(text):
            bracket, included = match.groups()
            where = f"{path}:{text.count(chr(10), 0, match.start(1)) + 1}: includes {included}"
            target = included.split("/")[0]
            if target in LAYERS and LAYERS.index(target) > LAYERS.index(layer):
                problems.append(f"{where}: {layer} must not know {target}")
            if included.startswith("../"):
                problems.append(f"{where}: includes start at the root of the tree")
            for pattern, what in FORBIDDEN.get(layer, []):
                if what == "Qt" and bracket == '"' and not included.startswith("Q"):
                    continue  # "quantity.h" is ours, <qglobal.h> is not
                if re.match(pattern, included):
                    problems.append(f"{where}: {layer} must not know {what}")
    return problems


def length_problems(root):
    problems = []
    for path in files(root):
        if path.endswith(CODE):
            lines = (read(root, path) or "").count("\n")
            if lines > MOST_LINES:
                problems.append(f"{path}: found {lines} lines, expected at most {MOST_LINES}")
    return problems


def path_problems(root):
    problems = []
    for path in files(root):
        for number, line in enumerate((read(root, path) or "").splitlines(), 1):
            match = FOREIGN_PATH.search(line)
            if match:
                problems.append(f"{path}:{number}: names a path of one machine: {line[match.start():][:40]}")
    return problems

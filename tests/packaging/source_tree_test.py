#!/usr/bin/env python3
"""The rules of the source tree hold, and each rule fails on a file that breaks it."""

import os
import sys
import tempfile
import unittest

import source_tree

ROOT = os.path.abspath(sys.argv.pop(1))


def planted(files):
    """A small tree with these files."""
    folder = tempfile.TemporaryDirectory()
    for path, text in files.items():
        full = os.path.join(folder.name, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w") as file:
            file.write(text)
    return folder


class ThisTree(unittest.TestCase):
    def check(self, problems):
        self.assertFalse(problems, "\n" + "\n".join(problems))

    def test_the_tree_was_found(self):
        found = set(source_tree.files(ROOT))
        self.assertIn("inference/engine.h", found)
        self.assertIn("CMakeLists.txt", found)

    def test_includes_follow_the_arrows(self):
        self.check(source_tree.include_problems(ROOT))

    def test_no_file_is_longer_than_800_lines(self):
        self.check(source_tree.length_problems(ROOT))

    def test_no_file_names_a_path_of_one_machine(self):
        self.check(source_tree.path_problems(ROOT))


class PlantedFiles(unittest.TestCase):
    def problems(self, check, path, text):
        with planted({path: text}) as folder:
            return check(folder)

    def test_an_include_against_the_arrows_is_found(self):
        layers = ["inference", "quant", "models", "app", "ui"]
        for low in range(5):
            for high in range(low + 1, 5):
                text = f'#pragma once\n\n#include "{layers[high]}/thing.h"\n'
                found = self.problems(source_tree.include_problems, f"{layers[low]}/room/a.cpp", text)
                self.assertEqual(len(found), 1, (layers[low], layers[high]))
                self.assertTrue(found[0].startswith(f"{layers[low]}/room/a.cpp:3: "), found[0])

    def test_an_include_along_the_arrows_is_not(self):
        text = '#include "inference/engine.h"\n#include "models/store.h"\n#include <vector>\n#include <QString>\n'
        self.assertEqual(self.problems(source_tree.include_problems, "app/a.cpp", text), [])

    def test_qt_below_models_is_found(self):
        for header in ("<QString>", "<QtCore/QString>", "<qglobal.h>", '"QObject"', "<QtQml/qqml.h>"):
            for layer in ("inference", "quant"):
                text = f"  #  include {header}\n"
                self.assertEqual(len(self.problems(source_tree.include_problems, f"{layer}/a.h", text)), 1, header)

    def test_a_name_with_q_is_not_qt(self):
        text = '#include "quantity.h"\n#include "quant/awq.h"\n#include <queue>\n'
        self.assertEqual(self.problems(source_tree.include_problems, "quant/a.h", text), [])

    def test_the_window_may_not_know_engine_sql_or_http(self):
        for header in ('"inference/engine.h"', "<QSqlQuery>", "<QtNetwork/QNetworkReply>"):
            found = self.problems(source_tree.include_problems, "ui/Chat/a.cpp", f"#include {header}\n")
            self.assertEqual(len(found), 1, header)

    def test_a_relative_include_is_found(self):
        found = self.problems(source_tree.include_problems, "app/chat/a.cpp", '#include "../storage/b.h"\n')
        self.assertEqual(len(found), 1)

    def test_a_long_file_is_found(self):
        self.assertEqual(self.problems(source_tree.length_problems, "ui/A.qml", "x\n" * 800), [])
        self.assertEqual(len(self.problems(source_tree.length_problems, "ui/A.qml", "x\n" * 801)), 1)

    def test_a_path_of_one_machine_is_found(self):
        for folder in ("wo" + "rk", "ho" + "me", "ro" + "ot"):
            found = self.problems(source_tree.path_problems, "docs/a.md", f"see /{folder}/someone/x\n")
            self.assertEqual(len(found), 1, folder)
        harmless = "a/wo" + "rk/b and $XDG_DATA_HOME/edgechat and https://example.org/ho" + "me/x\n"
        self.assertEqual(self.problems(source_tree.path_problems, "docs/a.md", harmless), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)

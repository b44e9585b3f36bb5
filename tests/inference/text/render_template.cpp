// Renders a chat template for tests/data/check_templates.py: render_template TEMPLATE < JSON, which is
// {"messages", "add_generation_prompt", "bos_token", "eos_token", "date": [year, month, day]} and further
// variables. Prints the text; exit code 1 and a sentence on stderr if the interpreter cannot run it.
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>

#include <nlohmann/json.hpp>

#include "inference/text/jinja/jinja.h"

namespace {

using namespace edgechat::inference::jinja;

Value valueOf(const nlohmann::ordered_json& json) {
    if (json.is_string()) return Text(json.get<std::string>());
    if (json.is_boolean()) return json.get<bool>();
    if (json.is_number_integer()) return json.get<int64_t>();
    if (json.is_number()) return json.get<double>();
    if (json.is_array()) {
        std::vector<Value> items;
        for (const auto& item : json) items.push_back(valueOf(item));
        return Value::list(std::move(items));
    }
    if (!json.is_object()) return None();
    std::vector<std::pair<Text, Value>> entries;
    for (const auto& [key, item] : json.items()) entries.emplace_back(Text(key), valueOf(item));
    return Value::dictionary(std::move(entries));
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 2) return 2;
    std::ifstream file(arguments[1], std::ios::binary);
    const std::string source{std::istreambuf_iterator<char>(file), {}};
    const std::string input{std::istreambuf_iterator<char>(std::cin), {}};
    const auto json = nlohmann::ordered_json::parse(input, nullptr, false);
    if (!json.is_object()) return 2;
    Environment environment;
    for (const auto& [key, value] : json.items()) {
        if (key == "date")
            environment.today = {value[0], value[1], value[2]};
        else
            environment.variables.emplace_back(key, valueOf(value));
    }
    const auto program = Template::parse(source);
    if (!program) {
        std::fprintf(stderr, "%s\n", program.error().message().c_str());
        return 1;
    }
    const auto text = program->render(environment);
    if (!text) {
        std::fprintf(stderr, "%s\n", text.error().message().c_str());
        return 1;
    }
    std::fwrite(text->bytes().data(), 1, text->size(), stdout);
    return 0;
}

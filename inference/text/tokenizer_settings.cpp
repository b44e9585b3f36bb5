#include "inference/text/tokenizer_settings.h"

#include <algorithm>
#include <charconv>
#include <unordered_map>
#include <unordered_set>

#include "inference/model/end_of_turn.h"
#include "inference/model/json_file.h"
#include "inference/text/vocabulary_tokenizer.h"

namespace edgechat::inference {

namespace {

constexpr const char* kWhat = "cannot read the tokenizer";
constexpr size_t kLongestAddedToken = 1024;  // bytes

// A token is written as its spelling or as an object with "content".
std::string readSpelling(const JsonNode& node) {
    if (node.absent()) return {};
    return node.isObject() ? node["content"].text() : node.text();
}

void take(std::string& spelling, const JsonNode& node) {
    if (spelling.empty()) spelling = readSpelling(node);
}

void readSpellings(const JsonNode& root, TokenizerSettings& settings) {
    take(settings.bos, root["bos_token"]);
    take(settings.eos, root["eos_token"]);
    take(settings.unknown, root["unk_token"]);
    take(settings.padding, root["pad_token"]);
    const JsonNode further = root["additional_special_tokens"];
    for (size_t i = 0; i < further.size(); ++i) {
        settings.furtherSpecial.push_back(readSpelling(further[i]));
    }
}

std::optional<int> idOfKey(const std::string& key) {
    int id = -1;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    if (error != std::errc() || end != key.data() + key.size() || id < 0 || id >= kMostTokens) return {};
    return id;
}

void readTokenizerConfig(const JsonNode& root, TokenizerSettings& settings) {
    readSpellings(root, settings);
    if (!root["add_bos_token"].absent()) settings.addBos = root["add_bos_token"].booleanOr(false);
    if (!root["tokenizer_class"].absent()) settings.tokenizerClass = root["tokenizer_class"].text();
    const JsonNode added = root["added_tokens_decoder"];
    if (added.absent() || !added.requireObject()) return;
    for (const auto& [key, value] : added.value().items()) {
        const JsonNode node(&value, added.path() + "." + quotedForMessage(key), root.problems());
        const std::optional<int> id = idOfKey(key);
        if (!id) {
            root.problems().report(added.path(), "\"" + quotedForMessage(key) + "\" as an id",
                                   "ids below " + std::to_string(kMostTokens));
            return;
        }
        settings.added.push_back(readAddedToken(node, id));
    }
}

// {"<|im_end|>": 32000}: nothing but the id. Which of them are special stands elsewhere.
void readAddedTokens(const JsonNode& root, TokenizerSettings& settings) {
    if (!root.requireObject()) return;
    std::unordered_set<std::string> known;
    for (const AddedToken& token : settings.added) known.insert(token.content);
    for (const auto& [content, value] : root.value().items()) {
        if (known.count(content) > 0) continue;
        AddedToken token;
        token.content = content;
        token.id = JsonNode(&value, quotedForMessage(content), root.problems()).integer(0, kMostTokens - 1);
        settings.added.push_back(std::move(token));
    }
}

void readModelIds(const JsonNode& root, TokenizerSettings& settings) {
    TokenizerSettings::ModelIds ids;
    const auto id = [](const JsonNode& node) {
        // Some files have -1 for "none".
        return node.isNumber() ? node.integer(-1, INT32_MAX) : -1;
    };
    ids.bos = id(root["bos_token_id"]);
    ids.padding = id(root["pad_token_id"]);
    const JsonNode eos = root["eos_token_id"];
    if (eos.isNumber()) ids.eos.push_back(id(eos));
    for (size_t i = 0; i < eos.size(); ++i) ids.eos.push_back(id(eos[i]));
    settings.modelIds.push_back(std::move(ids));
}

// The first file that has a token says most about it.
std::vector<AddedToken> merged(const std::vector<AddedToken>& first, const std::vector<AddedToken>& second) {
    std::vector<AddedToken> all = first;
    std::unordered_set<std::string_view> known;
    for (const AddedToken& token : first) known.insert(token.content);
    for (const AddedToken& token : second) {
        if (known.count(token.content) == 0) all.push_back(token);
    }
    return all;
}

class Completion {
  public:
    Completion(TokenizerData& data, const TokenizerSettings& settings, JsonProblems& problems)
        : m_data(data), m_settings(settings), m_problems(problems) {
        m_data.types.resize(m_data.tokens.size(), TokenType::normal);
        for (size_t i = 0; i < m_data.tokens.size(); ++i) {
            if (!m_data.tokens[i].empty()) m_ids.emplace(m_data.tokens[i], static_cast<int>(i));
        }
    }

    void place(AddedToken& token) {
        if (token.content.empty()) return;
        if (token.content.size() > kLongestAddedToken) {
            return m_problems.report("added_tokens", std::to_string(token.content.size()) + " bytes",
                                     "tokens of at most " + std::to_string(kLongestAddedToken));
        }
        if (const auto found = m_ids.find(token.content); found != m_ids.end()) {
            token.id = found->second;
        } else {
            if (token.id < 0 || token.id >= kMostTokens) {
                return m_problems.report("added_tokens",
                                         "no id for \"" + quotedForMessage(token.content) + "\"",
                                         "ids below " + std::to_string(kMostTokens));
            }
            const auto id = static_cast<size_t>(token.id);
            if (id >= m_data.tokens.size()) {
                m_data.tokens.resize(id + 1);
                m_data.types.resize(id + 1, TokenType::unused);
            }
            if (!m_data.tokens[id].empty()) {
                return m_problems.report("added_tokens",
                                         "\"" + quotedForMessage(token.content) + "\" with id " +
                                             std::to_string(id) + ", which is \"" +
                                             quotedForMessage(m_data.tokens[id]) + "\"",
                                         "every id once");
            }
            m_data.tokens[id] = token.content;
            m_ids.emplace(token.content, token.id);
        }
        TokenType& type = typeOf(token.id);
        // What is a control token to one file stays one.
        if (type == TokenType::unknown || type == TokenType::control) return;
        type = token.special || endsTurn(token.content) ? TokenType::control : TokenType::userDefined;
    }

    void nameTokens() {
        name(m_data.eos, m_settings.eos);
        name(m_data.bos, m_settings.bos);
        name(m_data.padding, m_settings.padding);
        if (const int id = find(m_settings.unknown); id >= 0) m_data.unknown = id;
        if (m_data.unknown >= 0 && typeOf(m_data.unknown) != TokenType::control) {
            typeOf(m_data.unknown) = TokenType::unknown;
        }
        for (const std::string& spelling : m_settings.furtherSpecial) makeControl(find(spelling));
        for (int id : {m_data.eos, m_data.bos, m_data.padding}) makeControl(id);
    }

    void takeModelIds() {
        const bool named = !m_settings.eos.empty();
        for (const TokenizerSettings::ModelIds& ids : m_settings.modelIds) {
            std::vector<int> eos = ids.eos;
            std::erase_if(eos, [this](int id) { return !valid(id); });
            if (eos.empty()) continue;
            if (m_data.eos < 0) m_data.eos = eos[0];
            if (std::find(eos.begin(), eos.end(), m_data.eos) == eos.end()) continue;
            for (int id : eos) {
                addEndOfTurn(m_data, id);
                if (typeOf(id) == TokenType::userDefined) makeControl(id);
            }
            if (m_data.bos < 0 && !named && valid(ids.bos)) m_data.bos = ids.bos;
            if (m_data.padding < 0 && valid(ids.padding)) m_data.padding = ids.padding;
        }
        for (int id : {m_data.eos, m_data.bos, m_data.padding}) makeControl(id);
        addEndOfTurnBySpelling(m_data);
        // The token for what is unknown can come out of text: not if it is one of these at the same time.
        const std::vector<int>& ends = m_data.endOfTurn;
        const int unknown = m_data.unknown;
        if (unknown < 0) return;
        if (unknown == m_data.eos || unknown == m_data.bos ||
            std::find(ends.begin(), ends.end(), unknown) != ends.end()) {
            typeOf(unknown) = TokenType::control;
        }
    }

    TokenType& typeOf(int id) { return m_data.types[static_cast<size_t>(id)]; }

  private:
    bool valid(int id) const {
        return id >= 0 && static_cast<size_t>(id) < m_data.tokens.size() &&
               m_data.types[static_cast<size_t>(id)] != TokenType::unused;
    }
    int find(const std::string& spelling) const {
        const auto found = m_ids.find(spelling);
        return found == m_ids.end() ? -1 : found->second;
    }
    void name(int& id, const std::string& spelling) const {
        if (const int named = find(spelling); named >= 0) id = named;
    }
    void makeControl(int id) {
        if (id >= 0 && typeOf(id) != TokenType::unknown) typeOf(id) = TokenType::control;
    }

    TokenizerData& m_data;
    const TokenizerSettings& m_settings;
    JsonProblems& m_problems;
    std::unordered_map<std::string, int> m_ids;
};

}  // namespace

AddedToken readAddedToken(const JsonNode& node, std::optional<int> id) {
    AddedToken token;
    if (!node.requireObject()) return token;
    token.id = id ? *id : node["id"].integer(0, kMostTokens - 1);
    token.content = node["content"].text();
    token.special = node["special"].booleanOr(false);
    token.normalized = node["normalized"].booleanOr(!token.special);
    token.lstrip = node["lstrip"].booleanOr(false);
    token.rstrip = node["rstrip"].booleanOr(false);
    token.singleWord = node["single_word"].booleanOr(false);
    return token;
}

Result<TokenizerSettings> readTokenizerSettings(const std::filesystem::path& folder) {
    using Read = void (*)(const JsonNode&, TokenizerSettings&);
    constexpr std::pair<const char*, Read> kFiles[] = {{"tokenizer_config.json", readTokenizerConfig},
                                                       {"special_tokens_map.json", readSpellings},
                                                       {"added_tokens.json", readAddedTokens},
                                                       {"generation_config.json", readModelIds},
                                                       {"config.json", readModelIds}};
    TokenizerSettings settings;
    for (const auto& [name, read] : kFiles) {
        const std::filesystem::path path = folder / name;
        std::error_code error;
        if (!std::filesystem::exists(path, error)) continue;
        Result<nlohmann::json> json = readJsonFile(path, kWhat);
        if (!json) return json.error();
        JsonProblems problems(kWhat, path.string());
        read(JsonNode(&*json, "", problems), settings);
        if (!problems.ok()) return problems.error();
    }
    return settings;
}

std::vector<AddedToken> completeVocabulary(TokenizerData& data, std::vector<AddedToken> added,
                                           const TokenizerSettings& settings, JsonProblems& problems) {
    std::vector<AddedToken> all = merged(settings.added, added);
    Completion completion(data, settings, problems);
    for (AddedToken& token : all) completion.place(token);
    if (!problems.ok()) return {};
    completion.nameTokens();
    completion.takeModelIds();
    if (settings.addBos) {
        data.addBos = *settings.addBos;
    } else if (settings.tokenizerClass.starts_with("Llama")) {
        data.addBos = true;
    }
    data.addBos = data.addBos && data.bos >= 0;

    // Control tokens that no file lists as added are found in trusted text too.
    std::erase_if(all, [](const AddedToken& token) { return token.id < 0; });
    std::unordered_set<int> listed;
    for (const AddedToken& token : all) listed.insert(token.id);
    for (AddedToken& token : addedAmong(data)) {
        if (listed.count(token.id) == 0) all.push_back(std::move(token));
    }
    for (AddedToken& token : all) {
        const TokenType type = completion.typeOf(token.id);
        token.special = type == TokenType::control || type == TokenType::unknown;
    }
    return all;
}

}  // namespace edgechat::inference

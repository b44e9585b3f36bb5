#include "inference/text/chat_template.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "inference/text/control_tokens.h"
#include "inference/text/jinja/jinja.h"

namespace edgechat::inference {

namespace {

using jinja::Origin;
using jinja::Text;
using Messages = std::vector<ChatMessage>;

constexpr jinja::Limits kProbeLimits = {300'000, size_t{16} << 20, size_t{1} << 20};

// "26 Jul 2024"
std::optional<jinja::Date> parseDate(std::string_view text) {
    static constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                                 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    jinja::Date date;
    if (text.size() != 11 || text[2] != ' ' || text[6] != ' ') return {};
    const auto month = std::find(kMonths.begin(), kMonths.end(), text.substr(3, 3));
    const auto number = [&](size_t begin, size_t count, int& value) {
        const char* end = text.data() + begin + count;
        const auto read = std::from_chars(text.data() + begin, end, value);
        return read.ec == std::errc() && read.ptr == end;
    };
    if (month == kMonths.end() || !number(0, 2, date.day) || !number(7, 4, date.year)) return {};
    date.month = static_cast<int>(month - kMonths.begin()) + 1;
    if (date.day < 1 || date.day > 31 || date.year < 1) return {};
    return date;
}

// At most one system message, at the front, then user and assistant in turn: what the shapes know to write.
bool isRegular(const Messages& messages) {
    size_t i = !messages.empty() && messages[0].role == "system" ? 1 : 0;
    const size_t first = i;
    for (; i < messages.size(); ++i) {
        if (messages[i].role != ((i - first) % 2 == 0 ? "user" : "assistant")) return false;
    }
    return messages.size() > first;
}

std::string bosText(const Tokenizer& tokenizer) {
    return tokenizer.bos() < 0 ? std::string() : tokenizer.tokenText(tokenizer.bos());
}

}  // namespace

// A template that runs.
struct ChatTemplate::Renderer {
    jinja::Template program;
    ControlTokens controls;
    std::string bos, eos;
    const ChatShape* shape = nullptr;  // null: of no known shape
    bool native = false;               // the shape writes what the template writes, whatever the messages are
    std::string defaultSystem;

    Result<Text> interpret(const Messages& messages, bool generationPrompt, const jinja::Date& date,
                           const jinja::Limits& limits = {}) const {
        std::vector<jinja::Value> list;
        for (const ChatMessage& message : messages) {
            const bool known =
                message.role == "system" || message.role == "user" || message.role == "assistant";
            const Origin origin = message.role == "assistant" ? Origin::answer : Origin::content;
            list.push_back(jinja::Value::dictionary(
                {{Text("role"), Text(message.role, known ? Origin::literal : Origin::content)},
                 {Text("content"), Text(message.content, origin)}}));
        }
        jinja::Environment environment;
        environment.today = date;
        environment.variables = {{"messages", jinja::Value::list(std::move(list))},
                                 {"add_generation_prompt", generationPrompt},
                                 {"tools", jinja::None()},
                                 {"documents", jinja::None()}};
        if (!bos.empty()) environment.variables.emplace_back("bos_token", Text(bos));
        if (!eos.empty()) environment.variables.emplace_back("eos_token", Text(eos));
        return program.render(environment, limits);
    }

    Text write(const ChatShape& known, const Messages& messages, bool generationPrompt,
               std::string_view date) const {
        return known.write({messages, generationPrompt, bos, eos, date, defaultSystem});
    }

    Result<Text> render(const Messages& messages, bool generationPrompt, std::string_view date) const {
        const std::optional<jinja::Date> day = parseDate(date);
        if (!day) {
            return Error{
                ErrorCode::usage, "cannot render a conversation with", "",
                "date",           "\"" + std::string(date) + "\"",     "a date like \"26 Jul 2024\""};
        }
        if (native && isRegular(messages)) return write(*shape, messages, generationPrompt, date);
        return interpret(messages, generationPrompt, *day);
    }

    bool agrees(const ChatShape& known, const Messages& messages, bool generationPrompt,
                std::string_view date) const {
        const Result<Text> text = interpret(messages, generationPrompt, *parseDate(date), kProbeLimits);
        return text && text->bytes() == write(known, messages, generationPrompt, date).bytes();
    }
};

namespace {

const ChatMessage kSystem = {"system", "SYS"}, kQuestion = {"user", "Q1"}, kReply = {"assistant", "R1"},
                  kSecond = {"user", "Q2"};

// What no template leaves alone by chance: white space at the ends and within, blank lines, markers.
const ChatMessage kOddSystem = {"system", " \n S\r\n\r\n\n\ns <|user|> "},
                  kOddQuestion = {"user", "\t Q [INST]\n\n\n\nx \n"},
                  kOddReply = {"assistant", " \n\nR\r\n\r\n\n</s> r  "}, kOddSecond = {"user", "\n z "};
constexpr std::string_view kOtherDate = "03 Feb 2031";

struct Probe {
    Messages messages;
    bool generationPrompt;
};

// Without a system message where the template cannot take one.
std::vector<Probe> neatProbes(bool withSystem) {
    std::vector<Probe> probes = {
        {{kQuestion}, true}, {{kQuestion, kReply, kSecond}, true}, {{kQuestion, kReply}, false}};
    if (withSystem) {
        probes.push_back({{kSystem, kQuestion}, true});
        probes.push_back({{kSystem, kQuestion, kReply, kSecond}, true});
    }
    return probes;
}

std::vector<Probe> oddProbes(bool withSystem) {
    std::vector<Probe> probes = {{{kOddQuestion}, false},
                                 {{kOddQuestion, kOddReply, kOddSecond}, true},
                                 {{kOddQuestion, kOddReply}, false},
                                 {{kOddQuestion, kOddReply}, true}};
    if (withSystem) {
        probes.push_back({{kOddSystem, kOddQuestion}, true});
        probes.push_back({{kOddSystem, kOddQuestion, kOddReply, kOddSecond}, false});
        probes.push_back({{kOddSystem, kOddQuestion, kOddReply}, false});
    }
    return probes;
}

// The system message of the template's own that a ChatML rendering without one begins with.
std::string defaultSystemOf(std::string_view rendering) {
    constexpr std::string_view kOpen = "<|im_start|>system\n", kClose = "<|im_end|>\n<|im_start|>user\n";
    const size_t close = rendering.find(kClose);
    if (!rendering.starts_with(kOpen) || close == std::string_view::npos) return {};
    return std::string(rendering.substr(kOpen.size(), close - kOpen.size()));
}

// Lines of the template's own text that stand around messages and are no control tokens.
std::vector<std::string> markersOf(const std::vector<PromptSegment>& segments) {
    std::vector<std::string> markers;
    for (const PromptSegment& segment : segments) {
        if (segment.controlToken >= 0) continue;
        for (size_t begin = 0; begin < segment.text.size();) {
            const size_t end = std::min(segment.text.find('\n', begin), segment.text.size());
            std::string line = segment.text.substr(begin, end - begin);
            for (const char* content : {"Q1", "R1", "Q2"}) {
                if (const size_t at = line.find(content); at != std::string::npos) line.resize(at);
            }
            const jinja::Span span = jinja::trimmedSpan(line);
            line = line.substr(span.begin, span.end - span.begin);
            const bool hasSign = std::any_of(line.begin(), line.end(), [](unsigned char c) {
                return c < 0x80 && c > ' ' && !(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') &&
                       !(c >= 'A' && c <= 'Z');
            });
            if (line.size() >= 3 && line.size() <= 64 && hasSign &&
                std::find(markers.begin(), markers.end(), line) == markers.end())
                markers.push_back(line);
            begin = end + 1;
        }
    }
    return markers;
}

}  // namespace

Result<ChatTemplate> ChatTemplate::choose(const std::string& jinjaSource, const Tokenizer& tokenizer) {
    ChatTemplate chosen;
    const auto stopAt = [&chosen](int id) {
        std::vector<int>& ids = chosen.m_stopTokens;
        if (id >= 0 && std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
    };
    stopAt(tokenizer.eos());
    for (const int id : tokenizer.endOfTurn()) stopAt(id);
    chosen.m_prefixesSpace = tokenizer.prefixesSpace();
    chosen.m_name = "none";
    if (tokenizer.addsBos() && tokenizer.bos() >= 0)
        chosen.m_plainBos = {{tokenizer.bos(), bosText(tokenizer)}};
    if (jinjaSource.empty()) return chosen;

    Result<jinja::Template> program = jinja::Template::parse(jinjaSource);
    if (!program) {
        chosen.m_problem = program.error().message();
        return chosen;
    }
    auto renderer =
        std::make_shared<Renderer>(Renderer{std::move(*program),
                                            ControlTokens(tokenizer),
                                            bosText(tokenizer),
                                            tokenizer.eos() < 0 ? "" : tokenizer.tokenText(tokenizer.eos()),
                                            nullptr,
                                            false,
                                            {}});
    const auto probe = [&renderer](const Messages& messages, bool generationPrompt) {
        return renderer->interpret(messages, generationPrompt, {}, kProbeLimits);
    };
    const Result<Text> single = probe({kQuestion}, true);
    if (!single || single->bytes().find(kQuestion.content) == std::string::npos) {
        chosen.m_problem =
            single ? "the chat template leaves out what the user writes" : single.error().message();
        return chosen;
    }
    const Result<Text> withSystem = probe({kSystem, kQuestion}, true);
    chosen.m_mergesSystem = !withSystem || withSystem->bytes().find(kSystem.content) == std::string::npos;
    chosen.m_mergesTurns = !probe({kQuestion, kSecond}, true);
    renderer->defaultSystem = defaultSystemOf(single->bytes());

    for (const ChatShape& shape : chatShapes()) {
        const auto agrees = [&](const std::vector<Probe>& probes, std::string_view date) {
            return std::all_of(probes.begin(), probes.end(), [&](const Probe& one) {
                return renderer->agrees(shape, one.messages, one.generationPrompt, date);
            });
        };
        if (!agrees(neatProbes(!chosen.m_mergesSystem), kTemplateDate)) continue;
        if (!renderer->shape) renderer->shape = &shape;
        if (!agrees(oddProbes(!chosen.m_mergesSystem), kOtherDate)) continue;
        renderer->shape = &shape;
        renderer->native = true;
        break;
    }
    chosen.m_name = renderer->shape ? renderer->shape->name : "jinja";
    chosen.m_renderer = renderer;

    std::vector<std::string> markers;
    if (const ChatShape* shape = renderer->shape) {
        for (const std::string& control : shape->stopControls) stopAt(tokenizer.controlToken(control));
        chosen.m_stopTexts = shape->stopTexts;
        markers = shape->markers;
    } else if (const auto segments = chosen.render({kQuestion, kReply, kSecond}, true)) {
        markers = markersOf(*segments);
    }
    for (std::string& marker : markers) {
        if (tokenizer.controlToken(marker) < 0) chosen.m_markers.push_back(std::move(marker));
    }

    // What the template writes between the generation prompt and an answer, and after it.
    if (const Result<Text> replied = probe({kQuestion, kReply}, false); replied) {
        const std::string_view text = replied->bytes();
        const size_t reply = text.rfind(kReply.content);
        if (text.starts_with(single->bytes()))
            chosen.m_stripsLeadingSpace = text.substr(single->size()).starts_with(' ');
        if (reply != std::string_view::npos)
            stopAt(renderer->controls.beginning(text.substr(reply + kReply.content.size())));
    }
    if (renderer->shape && renderer->shape->answersApart && chosen.m_prefixesSpace)
        chosen.m_stripsLeadingSpace = true;
    return chosen;
}

std::vector<ChatMessage> ChatTemplate::adapted(const std::vector<ChatMessage>& messages) const {
    std::vector<ChatMessage> kept = messages;
    if (m_mergesSystem && !kept.empty() && kept[0].role == "system") {
        const auto user =
            std::find_if(kept.begin(), kept.end(), [](const ChatMessage& m) { return m.role == "user"; });
        if (user == kept.end()) {
            kept[0].role = "user";
        } else {
            user->content = kept[0].content + "\n\n" + user->content;
            kept.erase(kept.begin());
        }
    }
    if (!m_mergesTurns) return kept;
    std::vector<ChatMessage> turns;
    for (ChatMessage& message : kept) {
        if (!turns.empty() && turns.back().role == message.role)
            turns.back().content += "\n\n" + message.content;
        else
            turns.push_back(std::move(message));
    }
    return turns;
}

Result<std::vector<PromptSegment>> ChatTemplate::render(const std::vector<ChatMessage>& messages,
                                                        bool generationPrompt, std::string_view date) const {
    if (m_renderer) {
        const Result<Text> text = m_renderer->render(adapted(messages), generationPrompt, date);
        if (!text) return text.error();
        return m_renderer->controls.segments(*text, m_renderer->shape && m_renderer->shape->answersApart);
    }
    // Plain completion: what was written, in order. An answer continues the message before it, so that a
    // conversation's text begins with all of its earlier text.
    std::vector<PromptSegment> segments = m_plainBos;
    std::string text;
    for (size_t i = 0; i < messages.size(); ++i) {
        if (i > 0 && messages[i].role != "assistant")
            text += messages[i - 1].role == "system" ? "\n\n" : "\n";
        text += messages[i].content;
    }
    if (!text.empty()) segments.push_back({-1, text});
    return segments;
}

PromptSegment ChatTemplate::continuation(std::string answerSoFar) const {
    if (!m_stripsLeadingSpace) return {-1, std::move(answerSoFar)};
    return {-1, " " + answerSoFar, m_prefixesSpace ? RunStart::impliedSpace : RunStart::joined};
}

std::string ChatTemplate::warnsAbout(std::string_view content) const {
    const std::string text = "\n" + std::string(content);
    for (const std::string& marker : m_markers) {
        if (text.find(marker) == std::string::npos) continue;
        return marker.starts_with('\n') ? marker.substr(1) : marker;
    }
    return {};
}

}  // namespace edgechat::inference

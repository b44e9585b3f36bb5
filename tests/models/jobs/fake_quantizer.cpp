// In the quantizer's place: does what its last argument says.
//
//     exit:N       says something about layers, an error, and exits with N
//     exit:N:F     the same; the error's field is F
//     signal:N     ends itself by a signal
//     garbage      writes lines that nobody should read, then ends well
//     hang         writes its process id to <output>.pid and waits
//     deaf         the same, and ignores SIGTERM
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

namespace {

void say(const std::string& line) {
    std::fputs((line + "\n").c_str(), stderr);
    std::fflush(stderr);
}

[[noreturn]] void wait(const std::string& output) {
    std::ofstream(output + ".pid") << ::getpid() << std::flush;
    std::rename((output + ".pid").c_str(), (output + ".process").c_str());
    say(R"({"stage":"quantize","done":1,"total":4,"unit":"layers","eta_seconds":12.5})");
    for (;;) ::pause();
}

}  // namespace

int main(int count, char** words) {
    std::string output;
    for (int i = 1; i + 1 < count; ++i) {
        if (std::string(words[i]) == "--output") output = words[i + 1];
    }
    const std::string order = words[count - 1];
    if (order == "deaf") ::signal(SIGTERM, SIG_IGN);
    if (order == "hang" || order == "deaf") wait(output);
    if (order == "garbage") {
        say("{\"stage\":\"quantize\",\"done\":-1,\"total\":4}");
        say("{\"stage\":\"quantize\",\"done\":9,\"total\":4}");
        say("{\"stage\":7,\"done\":1,\"total\":4}");
        say("{\"stage\":\"quantize\",\"done\":1e300,\"total\":1e301}");
        say("{\"stage\"");
        say(std::string(3'000'000, 'x'));
        say("{" + std::string(1'000'000, '{'));
        say(std::string("\0\xff\xfe\x1b[2J", 7));
        say(R"({"stage":"quantize","done":2,"total":4,"unit":"layers","eta_seconds":null})");
        std::fputs(std::string(9'000'000, 'y').c_str(), stdout);
        return 0;
    }
    say(R"({"stage":"quantize","done":1,"total":4,"unit":"layers","eta_seconds":12.5})");
    const size_t colon = order.find(':');
    const int number = std::atoi(order.c_str() + colon + 1);
    if (order.rfind("signal", 0) == 0) {
        ::raise(number);
        for (;;) ::pause();
    }
    const size_t second = order.find(':', colon + 1);
    const std::string field = second == std::string::npos ? "" : order.substr(second + 1);
    if (number != 0)
        std::printf(R"({"error":{"code":"x","message":"it says why","file":"","field":"%s"}})",
                    field.c_str());
    return number;
}

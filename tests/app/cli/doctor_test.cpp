// doctor: its checks on files of made-up machines, and the command itself.
#include "app/cli/doctor_checks.h"

#include "tests/app/cli/command_line.h"

namespace edgechat::testing {
namespace {

class Doctor : public CommandLine {
  protected:
    std::filesystem::path root() const { return path("root"); }
    void place(const std::string& name, const std::string& content) const {
        std::filesystem::create_directories((root() / name).parent_path());
        std::ofstream(root() / name, std::ios::binary) << content;
    }
    void placeJetson() const {
        place("etc/nv_tegra_release",
              "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64, DATE: Wed Jan  "
              "8\n");
    }
    void placePowerModes() const {
        place("etc/nvpmodel.conf",
              "< POWER_MODEL ID=0 NAME=15W >\n< POWER_MODEL ID=1 NAME=25W >\n< POWER_MODEL ID=2 "
              "NAME=MAXN_SUPER >\n"
              "< PM_CONFIG DEFAULT=1 >\n");
    }
};

TEST_F(Doctor, hasALineForEachCheck) {
    const Outcome outcome = run({"doctor", "--json"});
    EXPECT_EQ(outcome.code, 0) << outcome.errors;
    const nlohmann::json json = object(outcome);
    std::set<std::string> names;
    for (const nlohmann::json& check : json["checks"]) {
        EXPECT_EQ(keys(check), (std::set<std::string>{"name", "status", "detail", "fix"}));
        EXPECT_EQ((std::set<std::string>{"ok", "info", "warning", "error"}).count(check["status"]), 1u);
        EXPECT_FALSE(check["detail"].get<std::string>().empty());
        names.insert(check["name"].get<std::string>());
    }
    EXPECT_EQ(names, (std::set<std::string>{"device", "jetpack", "power mode", "memory", "disk", "database",
                                            "models"}));
    EXPECT_EQ(run({"doctor"}).code, 0);
}

TEST_F(Doctor, knowsTheJetPackOfARelease) {
    EXPECT_EQ(cli::checkJetPack(root()).status, cli::CheckStatus::info);
    placeJetson();
    const cli::Check check = cli::checkJetPack(root());
    EXPECT_EQ(check.status, cli::CheckStatus::ok);
    EXPECT_EQ(check.detail, "JetPack 6.2 (L4T 36.4.3)");
    place("etc/nv_tegra_release", "# R35 (release), REVISION: 4.1, GCID: 1\n");
    EXPECT_EQ(cli::checkJetPack(root()).status, cli::CheckStatus::warning);
    place("etc/nv_tegra_release", "something else\n");
    EXPECT_EQ(cli::checkJetPack(root()).status, cli::CheckStatus::warning);
}

TEST_F(Doctor, warnsOfAPowerModeThatSlowsTheMemory) {
    placeJetson();
    placePowerModes();
    // Without a status the board runs in its default mode.
    EXPECT_EQ(cli::checkPowerMode(root()).detail, "25W");
    EXPECT_EQ(cli::checkPowerMode(root()).status, cli::CheckStatus::ok);
    place("var/lib/nvpmodel/status", "pmode:0000\n");
    const cli::Check slow = cli::checkPowerMode(root());
    EXPECT_EQ(slow.status, cli::CheckStatus::warning);
    EXPECT_EQ(slow.fix, "use 25W: sudo nvpmodel -m 1");
    place("var/lib/nvpmodel/status", "pmode:0002\n");
    EXPECT_EQ(cli::checkPowerMode(root()).detail, "MAXN_SUPER");
}

TEST_F(Doctor, warnsWhenLittleMemoryIsLeft) {
    place("proc/meminfo",
          "MemTotal:        7990256 kB\nMemFree:          100 kB\nMemAvailable:    6000000 kB\n");
    EXPECT_EQ(cli::checkMemory(root()).status, cli::CheckStatus::ok);
    EXPECT_EQ(cli::checkMemory(root()).detail, "6.14 GB available of 8.18 GB");
    place("proc/meminfo", "MemTotal:        7990256 kB\nMemAvailable:     500000 kB\n");
    EXPECT_EQ(cli::checkMemory(root()).status, cli::CheckStatus::warning);
    place("proc/meminfo", "");
    EXPECT_EQ(cli::checkMemory(root()).status, cli::CheckStatus::warning);
}

TEST_F(Doctor, looksAtTheDiskOfAFolderThatIsNotThereYet) {
    EXPECT_NE(cli::checkDisk(path("not/yet/there")).status, cli::CheckStatus::error);
}

#ifdef EDGECHAT_HAS_STORE
TEST_F(Doctor, findsABrokenHistory) {
    std::filesystem::create_directories(path("home"));
    write("home/history.sqlite", std::string(8192, 'x'));
    const nlohmann::json json = object(run({"doctor", "--json"}));
    for (const nlohmann::json& check : json["checks"]) {
        if (check["name"] != "database") continue;
        EXPECT_EQ(check["status"], "error");
        EXPECT_NE(check["detail"].get<std::string>().find("history.sqlite"), std::string::npos);
        EXPECT_FALSE(check["fix"].get<std::string>().empty());
    }
}
#endif

}  // namespace
}  // namespace edgechat::testing

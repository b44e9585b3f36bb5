// doctor: its checks on files of made-up machines, and the command itself.
#include "app/cli/doctor_checks.h"

#include "app/nvidia_gpu.h"
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

cli::CheckStatus deviceStatus(const cli::Check& check, const std::string& mentioned, const std::string& fix) {
    EXPECT_EQ(check.name, "device");
    EXPECT_NE(check.detail.find("CPU with "), std::string::npos) << check.detail;
    EXPECT_NE(check.detail.find(mentioned), std::string::npos) << check.detail;
    EXPECT_EQ(check.fix, fix);
    return check.status;
}

TEST_F(Doctor, namesTheGpuThatComputes) {
    inference::cuda::CudaProbe probe;
    probe.state = inference::cuda::CudaState::ready;
    probe.device = "NVIDIA GeForce RTX 3060";
    probe.major = 8;
    probe.minor = 6;
    probe.memory = 12'500'000'000;
    EXPECT_EQ(deviceStatus(cli::checkDevice(root(), probe),
                           "GPU NVIDIA GeForce RTX 3060, compute capability 8.6, 12.50 GB; CPU", ""),
              cli::CheckStatus::ok);
    probe.integrated = true;
    EXPECT_EQ(deviceStatus(cli::checkDevice(root(), probe), "12.50 GB shared with the CPU; CPU", ""),
              cli::CheckStatus::ok);
}

TEST_F(Doctor, saysWhatAMissingCublasCosts) {
    EXPECT_EQ(cli::checkCublas(std::string("13.1.0")).detail, "cuBLAS 13.1.0");
    EXPECT_EQ(cli::checkCublas(std::string("13.1.0")).status, cli::CheckStatus::ok);
    const cli::Check check = cli::checkCublas(
        Error{ErrorCode::badInput, "cannot use cuBLAS", "", "", "no such file", "libcublas.so.13"});
    EXPECT_EQ(check.status, cli::CheckStatus::warning);
    EXPECT_NE(check.detail.find("no such file"), std::string::npos);
    EXPECT_NE(check.detail.find("quantized by the CPU"), std::string::npos);
    EXPECT_EQ(check.fix, "install libcublas.so.13");
}

TEST_F(Doctor, saysWhyAGpuStaysUnused) {
    using inference::cuda::CudaState;
    inference::cuda::CudaProbe probe;
    probe.detail = "There is a reason.";
    probe.fix = "do this";
    // Each of these the driver tells only where there is a GPU.
    for (const CudaState state : {CudaState::driverTooOld, CudaState::wrongArchitecture, CudaState::failed}) {
        probe.state = state;
        EXPECT_EQ(deviceStatus(cli::checkDevice(root(), probe), "kernels; There is a reason", "do this"),
                  cli::CheckStatus::warning);
    }
    // The others are nothing to speak of on a machine that has none.
    for (const CudaState state : {CudaState::notBuilt, CudaState::noDriver, CudaState::noDevice}) {
        probe.state = state;
        EXPECT_EQ(cli::checkDevice(root(), probe).detail.find("reason"), std::string::npos);
        EXPECT_NE(cli::checkDevice(root(), probe).detail.find("; no NVIDIA GPU"), std::string::npos);
    }
    place("sys/bus/pci/devices/0000:01:00.0/vendor", "0x10de\n");
    place("sys/bus/pci/devices/0000:01:00.0/class", "0x030000\n");
    for (const CudaState state : {CudaState::notBuilt, CudaState::noDriver, CudaState::noDevice}) {
        probe.state = state;
        EXPECT_EQ(deviceStatus(cli::checkDevice(root(), probe), "kernels; There is a reason", "do this"),
                  cli::CheckStatus::warning);
    }
}

TEST_F(Doctor, knowsAnNvidiaGpuWithoutItsDriver) {
    EXPECT_FALSE(app::hasNvidiaGpu(root()));
    place("sys/bus/pci/devices/0000:00:02.0/vendor", "0x8086\n");
    place("sys/bus/pci/devices/0000:00:02.0/class", "0x030000\n");
    place("sys/bus/pci/devices/0000:01:00.1/vendor", "0x10de\n");  // the sound of a card that is switched off
    place("sys/bus/pci/devices/0000:01:00.1/class", "0x040300\n");
    EXPECT_FALSE(app::hasNvidiaGpu(root()));
    place("sys/bus/pci/devices/0000:01:00.0/vendor", "0x10de\n");
    place("sys/bus/pci/devices/0000:01:00.0/class", "0x030200\n");
    EXPECT_TRUE(app::hasNvidiaGpu(root()));
}

TEST_F(Doctor, knowsThatAJetsonHasAGpu) {
    EXPECT_FALSE(app::hasNvidiaGpu(root()));
    place("proc/device-tree/compatible", std::string("nvidia,p3768\0nvidia,tegra234\0", 29));
    EXPECT_TRUE(app::hasNvidiaGpu(root()));
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

// What a person is told about the GPU, for everything that CUDA's calls can answer.
#include <gtest/gtest.h>

#include "inference/cuda/l4t.h"
#include "inference/cuda/probe_verdict.h"

namespace edgechat::inference::cuda {
namespace {

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

/// A PC whose GPU works.
ProbeFacts working() {
    ProbeFacts facts;
    facts.driverVersion = 13000;
    facts.programVersion = 13000;
    facts.step = ProbeStep::done;
    facts.rightNumbers = true;
    facts.devices = 1;
    facts.name = "NVIDIA GeForce RTX 3060";
    facts.major = 8;
    facts.minor = 6;
    facts.memory = uint64_t{12} << 30;
    facts.pciBus = "0000:01:00.0";
    facts.architectures = "86;87;90";
    facts.gpuOnBus = true;
    return facts;
}

ProbeFacts failedAt(ProbeStep step, ProbeError error) {
    ProbeFacts facts = working();
    facts.step = step;
    facts.error = error;
    facts.rightNumbers = false;
    facts.words = "CUDA's words";
    if (step == ProbeStep::count) {
        facts.devices = 0;
        facts.name.clear();
        facts.pciBus.clear();
        facts.major = facts.minor = 0;
        facts.memory = 0;
    }
    return facts;
}

ProbeFacts withoutDriver() {
    ProbeFacts facts = failedAt(ProbeStep::count, ProbeError::driver);
    facts.driverVersion = 0;
    facts.libraryError = "libcuda.so.1: cannot open shared object file";
    return facts;
}

TEST(ProbeVerdict, aDeviceThatComputesIsReady) {
    const CudaProbe probe = verdictOf(working());
    EXPECT_EQ(probe.state, CudaState::ready);
    EXPECT_EQ(probe.device, "NVIDIA GeForce RTX 3060");
    EXPECT_EQ(probe.major, 8);
    EXPECT_EQ(probe.minor, 6);
    EXPECT_FALSE(probe.integrated);
    EXPECT_EQ(probe.memory, uint64_t{12} << 30);
    EXPECT_EQ(probe.pciBus, "0000:01:00.0");
    EXPECT_TRUE(has(probe.detail, "sm_86"));
    EXPECT_EQ(probe.fix, "");
    ProbeFacts shared = working();
    shared.integrated = true;
    EXPECT_TRUE(verdictOf(shared).integrated);
    // A right to some other file is no reason to refuse what works.
    ProbeFacts denied = working();
    denied.deniedFile = "/dev/nvhost-gpu";
    EXPECT_EQ(verdictOf(denied).state, CudaState::ready);
}

TEST(ProbeVerdict, noDriver) {
    const CudaProbe pc = verdictOf(withoutDriver());
    EXPECT_EQ(pc.state, CudaState::noDriver);
    EXPECT_TRUE(has(pc.detail, "libcuda.so.1: cannot open"));
    EXPECT_TRUE(has(pc.fix, "580"));
    EXPECT_EQ(pc.device, "");

    ProbeFacts older = withoutDriver();
    older.programVersion = 12060;
    EXPECT_TRUE(has(verdictOf(older).fix, "525"));

    ProbeFacts noGpu = withoutDriver();
    noGpu.gpuOnBus = false;
    EXPECT_EQ(verdictOf(noGpu).state, CudaState::noDriver);
    EXPECT_TRUE(has(verdictOf(noGpu).detail, "no NVIDIA driver"));
    EXPECT_TRUE(has(verdictOf(noGpu).fix, "processor"));

    ProbeFacts jetson = withoutDriver();
    jetson.jetson = true;
    jetson.gpuOnBus = false;
    EXPECT_EQ(verdictOf(jetson).state, CudaState::noDriver);
    EXPECT_TRUE(has(verdictOf(jetson).fix, "nvidia-l4t-cuda"));
}

TEST(ProbeVerdict, driverTooOld) {
    ProbeFacts facts = failedAt(ProbeStep::count, ProbeError::driver);
    facts.driverVersion = 12020;
    const CudaProbe probe = verdictOf(facts);
    EXPECT_EQ(probe.state, CudaState::driverTooOld);
    EXPECT_EQ(probe.detail, "the NVIDIA driver supports CUDA 12.2, this program needs 13.0");
    EXPECT_TRUE(has(probe.fix, "580"));
    facts.jetson = true;
    EXPECT_TRUE(has(verdictOf(facts).fix, "JetPack"));
    // Also where a single call is what the driver does not have.
    ProbeFacts later = failedAt(ProbeStep::run, ProbeError::driver);
    later.driverVersion = 12020;
    EXPECT_EQ(verdictOf(later).state, CudaState::driverTooOld);
}

TEST(ProbeVerdict, noDevice) {
    const CudaProbe probe = verdictOf(failedAt(ProbeStep::count, ProbeError::noDevice));
    EXPECT_EQ(probe.state, CudaState::noDevice);
    EXPECT_TRUE(has(probe.fix, "restart"));
    // A count of 0 without an error is the same.
    EXPECT_EQ(verdictOf(failedAt(ProbeStep::count, ProbeError::none)).state, CudaState::noDevice);

    ProbeFacts none = failedAt(ProbeStep::count, ProbeError::noDevice);
    none.gpuOnBus = false;
    EXPECT_TRUE(has(verdictOf(none).fix, "processor"));

    ProbeFacts hidden = failedAt(ProbeStep::count, ProbeError::noDevice);
    hidden.hiddenBy = "-1";
    EXPECT_TRUE(has(verdictOf(hidden).detail, "CUDA_VISIBLE_DEVICES=-1"));
    EXPECT_TRUE(has(verdictOf(hidden).fix, "unset"));
}

TEST(ProbeVerdict, aUserWithoutTheRightHasNoDeviceWhateverCudaSays) {
    for (const ProbeError error :
         {ProbeError::noDevice, ProbeError::other, ProbeError::outOfMemory, ProbeError::none}) {
        for (const ProbeStep step : {ProbeStep::count, ProbeStep::start}) {
            if (step == ProbeStep::start && error == ProbeError::none) continue;
            ProbeFacts facts = failedAt(step, error);
            facts.jetson = true;
            facts.deniedFile = "/dev/nvmap";
            const CudaProbe probe = verdictOf(facts);
            EXPECT_EQ(probe.state, CudaState::noDevice);
            EXPECT_TRUE(has(probe.detail, "/dev/nvmap"));
            EXPECT_TRUE(has(probe.fix, "usermod -aG video,render"));
        }
    }
    // An old driver stays an old driver, and no driver none.
    ProbeFacts old = failedAt(ProbeStep::count, ProbeError::driver);
    old.driverVersion = 12020;
    old.deniedFile = "/dev/nvmap";
    EXPECT_EQ(verdictOf(old).state, CudaState::driverTooOld);
    ProbeFacts none = withoutDriver();
    none.deniedFile = "/dev/nvmap";
    EXPECT_EQ(verdictOf(none).state, CudaState::noDriver);
}

TEST(ProbeVerdict, wrongArchitecture) {
    ProbeFacts facts = failedAt(ProbeStep::image, ProbeError::noImage);
    facts.architectures = "87-real;90-virtual";
    facts.minor = 9;
    const CudaProbe probe = verdictOf(facts);
    EXPECT_EQ(probe.state, CudaState::wrongArchitecture);
    EXPECT_EQ(probe.detail,
              "NVIDIA GeForce RTX 3060 is sm_89, and this program has kernels for sm_87 and sm_90 only");
    EXPECT_TRUE(has(probe.fix, "-DEDGECHAT_CUDA_ARCHITECTURES=89"));
    facts.major = 12;
    facts.minor = 0;
    EXPECT_TRUE(has(verdictOf(facts).detail, "sm_120"));
    EXPECT_TRUE(has(verdictOf(facts).fix, "=120"));
    facts.step = ProbeStep::run;
    EXPECT_EQ(verdictOf(facts).state, CudaState::wrongArchitecture);
    facts.major = 7;
    facts.minor = 5;
    EXPECT_TRUE(has(verdictOf(facts).fix, "=75"));
    facts.minor = 2;
    EXPECT_TRUE(has(verdictOf(facts).fix, "sm_75 or newer"));
    EXPECT_FALSE(has(verdictOf(facts).fix, "=72"));
}

TEST(ProbeVerdict, failed) {
    ProbeFacts wrong = working();
    wrong.rightNumbers = false;
    EXPECT_EQ(verdictOf(wrong).state, CudaState::failed);
    EXPECT_TRUE(has(verdictOf(wrong).detail, "wrong numbers"));
    EXPECT_EQ(verdictOf(wrong).device, "NVIDIA GeForce RTX 3060");

    const CudaProbe crashed = verdictOf(failedAt(ProbeStep::run, ProbeError::other));
    EXPECT_EQ(crashed.state, CudaState::failed);
    EXPECT_TRUE(has(crashed.detail, "CUDA's words"));
    EXPECT_TRUE(has(crashed.detail, "first small test"));
    const CudaProbe unstarted = verdictOf(failedAt(ProbeStep::count, ProbeError::other));
    EXPECT_EQ(unstarted.state, CudaState::failed);
    EXPECT_TRUE(has(unstarted.detail, "the GPU could not be started: CUDA's words"));

    const CudaProbe full = verdictOf(failedAt(ProbeStep::start, ProbeError::outOfMemory));
    EXPECT_EQ(full.state, CudaState::failed);
    EXPECT_TRUE(has(full.fix, "close programs"));
    const CudaProbe taken = verdictOf(failedAt(ProbeStep::start, ProbeError::inUse));
    EXPECT_EQ(taken.state, CudaState::failed);
    EXPECT_TRUE(has(taken.detail, "another program"));
    const CudaProbe updated = verdictOf(failedAt(ProbeStep::count, ProbeError::mismatch));
    EXPECT_EQ(updated.state, CudaState::failed);
    EXPECT_EQ(updated.fix, "restart the computer");
}

TEST(ProbeVerdict, notBuilt) {
    const CudaProbe plain = verdictNotBuilt(false, false);
    EXPECT_EQ(plain.state, CudaState::notBuilt);
    EXPECT_EQ(plain.detail, "this program was built without CUDA");
    const CudaProbe pc = verdictNotBuilt(false, true);
    EXPECT_EQ(pc.detail, plain.detail);
    EXPECT_TRUE(has(pc.fix, "toolkit 12.2"));
    EXPECT_TRUE(has(pc.fix, "-DEDGECHAT_CUDA=ON"));
    EXPECT_TRUE(has(verdictNotBuilt(true, false).fix, "cuda-nvcc-12-6"));
    EXPECT_TRUE(has(verdictNotBuilt(true, false).fix, "libcublas-dev-12-6"));
}

TEST(ProbeVerdict, everyStateButReadySaysWhatToDo) {
    const ProbeStep steps[] = {ProbeStep::count, ProbeStep::properties, ProbeStep::start,
                               ProbeStep::image, ProbeStep::run,        ProbeStep::done};
    const ProbeError errors[] = {ProbeError::none,     ProbeError::driver,      ProbeError::noDevice,
                                 ProbeError::noImage,  ProbeError::outOfMemory, ProbeError::inUse,
                                 ProbeError::mismatch, ProbeError::other};
    for (const ProbeStep step : steps) {
        for (const ProbeError error : errors) {
            for (const int driver : {0, 12020}) {
                for (const bool jetson : {false, true}) {
                    ProbeFacts facts = failedAt(step, error);
                    facts.driverVersion = driver;
                    facts.jetson = jetson;
                    const CudaProbe probe = verdictOf(facts);
                    EXPECT_NE(probe.state, CudaState::ready);
                    EXPECT_NE(probe.detail, "");
                    EXPECT_NE(probe.fix, "");
                    const Error refused = unusable(probe);
                    EXPECT_EQ(refused.code, ErrorCode::badInput);
                    EXPECT_EQ(refused.message(), probe.detail + "; " + probe.fix);
                }
            }
        }
    }
}

TEST(ProbeVerdict, readsListsOfArchitectures) {
    EXPECT_EQ(architecturesText(""), "");
    EXPECT_EQ(architecturesText("87"), "sm_87");
    EXPECT_EQ(architecturesText("80;87;90"), "sm_80, sm_87 and sm_90");
    EXPECT_EQ(architecturesText("87-real;90a-real;120-virtual"), "sm_87, sm_90a and sm_120");
    EXPECT_EQ(architecturesText("90-real;90-virtual"), "sm_90");
    EXPECT_EQ(architecturesText("80,87"), "sm_80 and sm_87");
    EXPECT_EQ(architecturesText("native"), "");
    EXPECT_EQ(cudaVersionText(12020), "12.2");
    EXPECT_EQ(cudaVersionText(13000), "13.0");
}

TEST(L4t, readsReleases) {
    const auto release = parseL4tRelease(
        "# R36 (release), REVISION: 4.7, GCID: 42132812, BOARD: generic, EABI: aarch64\n# KERNEL_VARIANT: "
        "oot\n");
    ASSERT_TRUE(release.has_value());
    EXPECT_EQ(release->text(), "36.4.7");
    EXPECT_FALSE(parseL4tRelease("").has_value());
    EXPECT_FALSE(parseL4tRelease("# R36 (release)\n, REVISION: 4.7").has_value());
    EXPECT_FALSE(parseL4tRelease("Ubuntu 22.04").has_value());
}

TEST(L4t, knowsWhichReleasesRefuseLargePieces) {
    EXPECT_FALSE(refusesLargePieces({36, 4, 4}));
    EXPECT_TRUE(refusesLargePieces({36, 4, 7}));
    EXPECT_TRUE(refusesLargePieces({36, 5, 0}));
    EXPECT_FALSE(refusesLargePieces({36, 3, 9}));
    EXPECT_FALSE(refusesLargePieces({35, 6, 0}));
    EXPECT_FALSE(refusesLargePieces({39, 2, 0}));
}

TEST(L4t, saysHowMuchMemoryWasMissing) {
    const Error plain = outOfMemory("the weights", 4'000'000'000, 812'400'000, std::nullopt);
    EXPECT_EQ(plain.code, ErrorCode::doesNotFit);
    EXPECT_EQ(plain.message(),
              "not enough GPU memory for the weights: found 812 MB free, expected 4000000000 bytes");
    const Error refused = outOfMemory("the weights", 536870912, 5'000'000'000, L4tRelease{36, 4, 7});
    EXPECT_TRUE(has(refused.message(), "536870912 bytes"));
    EXPECT_TRUE(has(refused.message(), "L4T 36.4.7 refuses large pieces"));
    EXPECT_TRUE(has(refused.message(), "restarting"));
    EXPECT_FALSE(has(outOfMemory("x", 1, 0, L4tRelease{36, 4, 4}).message(), "refuses"));
}

}  // namespace
}  // namespace edgechat::inference::cuda

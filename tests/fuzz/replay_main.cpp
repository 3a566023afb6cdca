// Runs a fuzz entry point over every corpus file, each of its prefixes and each single flipped byte.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {
constexpr std::size_t kMostVariants = 2048;  // per file: long inputs are sampled, short ones are covered

void replay(const std::vector<std::uint8_t>& input) {
  LLVMFuzzerTestOneInput(input.data(), input.size());
  const std::size_t step = input.size() / kMostVariants + 1;
  for (std::size_t n = 0; n < input.size(); n += step) {
    const std::vector<std::uint8_t> prefix(input.begin(), input.begin() + static_cast<std::ptrdiff_t>(n));
    LLVMFuzzerTestOneInput(prefix.data(), prefix.size());
    for (const int mask : {0x01, 0x80, 0xff}) {
      auto flipped = input;
      flipped[n] = static_cast<std::uint8_t>(flipped[n] ^ mask);
      LLVMFuzzerTestOneInput(flipped.data(), flipped.size());
    }
  }
}
}  // namespace

int main(int argc, char** argv) {
  std::size_t files = 0;
  for (int i = 1; i < argc; ++i) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[i])) {
      if (!entry.is_regular_file()) continue;
      std::ifstream file(entry.path(), std::ios::binary);
      replay({std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()});
      ++files;
    }
  }
  std::printf("%zu corpus files replayed\n", files);
  return files > 0 ? 0 : 1;
}

// Runs a fuzz target over a folder of seeds, in order of their names, without libFuzzer: the unit tests' way
// of trying every input that once failed. Also tries the empty input, and each seed cut short at every length
// up to a limit. A folder that is not there has no seeds. A failure is a crash or an abort of the target.
//
//   keys_fuzz_replay FOLDER
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

constexpr size_t kCutsMax = 4096;

void Try(const std::string& input) {
  // A copy of the exact size, so that a sanitizer sees a read past its end.
  const std::vector<uint8_t> bytes(input.begin(), input.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

std::vector<std::filesystem::path> Seeds(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> seeds;
  if (!std::filesystem::is_directory(folder)) return seeds;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.is_regular_file()) seeds.push_back(entry.path());
  }
  std::sort(seeds.begin(), seeds.end());
  return seeds;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "Usage: " << argv[0] << " FOLDER\n";
    return 2;
  }
  Try("");
  size_t inputs = 1;
  for (const auto& seed : Seeds(argv[1])) {
    std::cout << seed.filename().string()
              << std::endl;  // flushed: the last name printed is the one that failed
    std::ifstream file(seed, std::ios::binary);
    const std::string whole((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    if (!file.is_open()) {
      std::cerr << "cannot read " << seed << "\n";
      return 1;
    }
    for (size_t length = 0; length < std::min(whole.size(), kCutsMax); ++length) Try(whole.substr(0, length));
    Try(whole);
    inputs += std::min(whole.size(), kCutsMax) + 1;
  }
  std::cout << inputs << " inputs\n";
  return 0;
}

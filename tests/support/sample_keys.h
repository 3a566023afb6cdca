#pragma once
// Walks a sample configuration: every key that stands in it, set or commented out, and the text with one of them
// changed.
#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace fairlead::test {

// The sample with its commented keys and tables in force.
inline std::string read_sample(const char* path) {
  std::ifstream file(path);
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  for (std::size_t at = 0; (at = text.find("\n#", at)) != std::string::npos; ++at) {
    if (text[at + 2] != ' ') text.erase(at + 1, 1);
  }
  return text;
}

struct SampleKey {
  std::string name;       // "server.listen"
  std::size_t begin = 0;  // of its line
  std::size_t end = 0;    // of its line
};

inline std::vector<SampleKey> sample_keys(std::string_view text) {
  std::vector<SampleKey> out;
  std::string table;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = text.substr(begin, end - begin);
    if (line.starts_with('[')) {
      const auto first = line.find_first_not_of('[');
      table = line.substr(first, line.find(']') - first);
    } else if (const auto equals = line.find(" = "); !line.starts_with('#') && equals != std::string_view::npos) {
      out.push_back({table + "." + std::string(line.substr(0, equals)), begin, end});
    }
    begin = end + 1;
  }
  return out;
}

inline std::string with_value(std::string_view text, const SampleKey& key, std::string_view value) {
  const std::string word = key.name.substr(key.name.rfind('.') + 1);
  std::string out(text.substr(0, key.begin));
  out.append(word).append(" = ").append(value);
  return out.append(text.substr(key.end));
}

}  // namespace fairlead::test

#include "common/config/toml_guard.h"

#include <algorithm>
#include <cstddef>

#include "common/config/value.h"

namespace fairlead::config {
namespace {

static_assert(kMaxKeyParts == 32);  // stands in a message
constexpr std::string_view kTooManyParts = "too many dots; allowed: a key of at most 32 parts";
constexpr std::string_view kNoName = "a table without a name; allowed: [NAME] or [[NAME]]";
constexpr std::string_view kNotAscii = "a character outside ASCII; allowed: in strings and comments";
constexpr std::string_view kNotAsciiEscaped =
    "a character outside ASCII after \"\\\" and white space; allowed: ASCII characters there";

bool is_ascii(char c) {
  return static_cast<unsigned char>(c) < 0x80;
}

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

bool begins_key(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
         c == '"' || c == '\'';
}

class Guard {
 public:
  explicit Guard(std::string_view text) : text_(text) {}

  std::optional<Unparsable> run() {
    if (text_.starts_with("\xef\xbb\xbf")) at_ = 3;  // a byte order mark
    while (at_ < text_.size() && wrong_.empty()) step();
    if (wrong_.empty()) return std::nullopt;
    return Unparsable{line_, wrong_};
  }

 private:
  void step() {
    const char c = text_[at_];
    if (c == '#') {
      at_ = std::min(text_.find('\n', at_), text_.size());
      return;
    }
    if (c == '"' || c == '\'') {
      line_is_new_ = false;
      return text_.substr(at_).starts_with(std::string_view(c == '"' ? "\"\"\"" : "'''")) ? skip_long_string(c)
                                                                                          : skip_string(c);
    }
    if (!is_ascii(c)) wrong_ = kNotAscii;
    if (c == '[' && line_is_new_ && depth_ == 0) check_header();
    if (c == '.' && ++dots_ >= kMaxKeyParts) wrong_ = kTooManyParts;
    note(c);
    if (wrong_.empty()) ++at_;
  }

  // Keeps count of where we are: a key ends at these characters, a header can only begin a line.
  void note(char c) {
    if (c == '\n' || c == '=' || c == ',' || c == '{' || c == '[') dots_ = 0;
    if (c == '[' || c == '{') ++depth_;
    if ((c == ']' || c == '}') && depth_ > 0) --depth_;
    if (c == '\n' && wrong_.empty()) ++line_;
    if (c == '\n') {
      line_is_new_ = true;
    } else if (!is_blank(c)) {
      line_is_new_ = false;
    }
  }

  void check_header() {
    std::size_t next = at_ + 1;
    if (next < text_.size() && text_[next] == '[') ++next;
    while (next < text_.size() && is_blank(text_[next])) ++next;
    if (next < text_.size() && !begins_key(text_[next])) wrong_ = kNoName;
  }

  // To behind the closing quote, or to the line break that must not be there: the parser will say so.
  void skip_string(char quote) {
    for (++at_; at_ < text_.size() && text_[at_] != '\n'; ++at_) {
      if (text_[at_] == quote) {
        ++at_;
        return;
      }
      if (text_[at_] == '\\' && quote == '"' && at_ + 1 < text_.size() && text_[at_ + 1] != '\n') ++at_;
    }
  }

  void skip_long_string(char quote) {
    const std::string_view closing = quote == '"' ? "\"\"\"" : "'''";
    for (at_ += 3; at_ < text_.size() && wrong_.empty();) {
      if (text_.substr(at_).starts_with(closing)) {
        at_ += 3;
        // TOML 1.0: one or two quotes may stand directly before the closing three.
        for (int i = 0; i < 2 && at_ < text_.size() && text_[at_] == quote; ++i) ++at_;
        return;
      }
      if (text_[at_] == '\\' && quote == '"') {
        skip_escape();
        continue;
      }
      if (text_[at_] == '\n') ++line_;
      ++at_;
    }
  }

  // A backslash, and the white space that it may swallow.
  void skip_escape() {
    ++at_;
    bool swallowed = false;
    for (; at_ < text_.size() && (is_blank(text_[at_]) || text_[at_] == '\r' || text_[at_] == '\n'); ++at_) {
      if (text_[at_] == '\n') ++line_;
      swallowed = true;
    }
    if (at_ == text_.size()) return;
    if (!is_ascii(text_[at_])) wrong_ = kNotAsciiEscaped;
    if (!swallowed) ++at_;  // the escaped character, which may be a quote
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int line_ = 1;
  int depth_ = 0;  // of brackets and braces
  std::size_t dots_ = 0;
  bool line_is_new_ = true;
  std::string_view wrong_;
};

}  // namespace

std::optional<Unparsable> find_unparsable(std::string_view text) {
  return Guard(text).run();
}

}  // namespace fairlead::config

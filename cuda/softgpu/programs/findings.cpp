#include "findings.h"

#include <cstdio>
#include <cstdlib>
#include <stdexcept>

namespace softgpu::programs {

namespace {

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool accept(char c) {
    blanks();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void want(char c) {
    if (!accept(c)) fail(std::string("expected '") + c + "'");
  }

  std::string string() {
    want('"');
    std::string value;
    while (next() != '"') {
      char c = text_[at_++];
      if (c == '\\') c = escaped();
      value.push_back(c);
    }
    ++at_;
    return value;
  }

  /// A number, true, false or null as written.
  std::string word() {
    blanks();
    const std::size_t end = text_.find_first_of(",]} \n", at_);
    const std::string_view word = text_.substr(at_, end == text_.npos ? end : end - at_);
    if (word.empty()) fail("expected a value");
    at_ += word.size();
    return std::string(word);
  }

  /// Any value; the text of a string or word, nothing of an array or object.
  std::string value() {
    blanks();
    if (next() == '"') return string();
    if (next() != '[' && next() != '{') return word();
    const char close = next() == '[' ? ']' : '}';
    ++at_;
    if (accept(close)) return {};
    do {
      if (close == '}') string(), want(':');
      value();
    } while (accept(','));
    want(close);
    return {};
  }

  /// Calls `member` with each key; it reads the value.
  template <class Member>
  void object(Member member) {
    want('{');
    if (accept('}')) return;
    do {
      const std::string key = string();
      want(':');
      member(key);
    } while (accept(','));
    want('}');
  }

  void end() {
    blanks();
    if (at_ != text_.size()) fail("expected the end");
  }

 private:
  void blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\0')) ++at_;
  }
  char next() {
    if (at_ == text_.size()) fail("unexpected end");
    return text_[at_];
  }
  char escaped() {
    const char c = next();
    ++at_;
    if (c == 'n') return '\n';
    if (c == 't') return '\t';
    if (c != 'u') return c;
    const std::string digits(text_.substr(at_, 4));
    at_ += digits.size();
    const long code = std::strtol(digits.c_str(), nullptr, 16);
    return code < 128 ? static_cast<char>(code) : '?';
  }
  [[noreturn]] void fail(const std::string& message) {
    throw std::runtime_error("softgpuFindings: " + message + " at character " + std::to_string(at_));
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

Location read_location(Reader& reader) {
  Location location;
  reader.object([&](const std::string& key) {
    const std::string value = reader.value();
    if (key == "file") location.file = value;
    if (key == "line") location.line = std::atoi(value.c_str());
  });
  return location;
}

}  // namespace

std::vector<Finding> parse_findings(std::string_view json) {
  Reader reader(json);
  std::vector<Finding> findings;
  reader.want('[');
  if (!reader.accept(']')) {
    do {
      Finding& finding = findings.emplace_back();
      reader.object([&](const std::string& key) {
        if (key == "check") {
          finding.check = reader.value();
        } else if (key == "severity") {
          finding.severity = reader.value();
        } else if (key == "message") {
          finding.message = reader.value();
        } else if (key == "place" || key == "other") {
          finding.locations.push_back(read_location(reader));
        } else {
          reader.value();
        }
      });
    } while (reader.accept(','));
    reader.want(']');
  }
  reader.end();
  return findings;
}

std::string quoted(std::string_view text) {
  std::string json = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      json.push_back('\\');
      json.push_back(c);
    } else if (c == '\n') {
      json += "\\n";
    } else if (static_cast<unsigned char>(c) < ' ') {
      char code[8];
      std::snprintf(code, sizeof code, "\\u%04x", static_cast<unsigned>(static_cast<unsigned char>(c)));
      json += code;
    } else {
      json.push_back(c);
    }
  }
  return json + '"';
}

}  // namespace softgpu::programs

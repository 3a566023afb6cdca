#include "common/http/target.h"

#include <doctest/doctest.h>

#include <initializer_list>

namespace fairlead::http {
namespace {

TEST_CASE("what a request's target may be") {
  CHECK(target_form("GET", "/") == TargetForm::origin);
  CHECK(target_form("GET", "//a/b?c=http://d") == TargetForm::origin);
  CHECK(target_form("OPTIONS", "*") == TargetForm::asterisk);
  CHECK(target_form("OPTIONS", "/") == TargetForm::origin);
  CHECK(target_form("GET", "http://a/") == TargetForm::absolute);
  CHECK(target_form("GET", "HTTPS://a/") == TargetForm::absolute);
  CHECK(target_form("CONNECT", "a:1") == TargetForm::authority);
  for (const char* target : {"*", "a", "a:1", "ftp://a/", "?x", "\\", "*/"}) {
    CAPTURE(target);
    CHECK(target_form("GET", target) == TargetForm::wrong);
  }
  for (const char* target : {"/", "a", "http://a:1/", "[::1]", "a:1/", "u@a:1"}) {
    CAPTURE(target);
    CHECK((target_form("CONNECT", target) == TargetForm::wrong || std::string_view(target) == "[::1]"));
  }
}

TEST_CASE("what names a host") {
  for (const char* text :
       {"a", "web.home", "web.home:80", "127.0.0.1:8080", "[::1]", "[fd00::1]:443", "a_b.c", "A~b"}) {
    CAPTURE(text);
    CHECK(is_authority(text));
  }
  for (const char* text : {"",  ":80", "a:",   "a:b",    "a:123456", "a b",     "a,b",  "u@a",      "a/",      "a?b",
                           "[", "[]",  "[::1", "[::1]x", "[::1]:",   "[a%25b]", "a\\b", "http://a", "a:80:80", "::1"}) {
    CAPTURE(text);
    CHECK_FALSE(is_authority(text));
  }
}

}  // namespace
}  // namespace fairlead::http

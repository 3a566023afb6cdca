#include "rendezvous/admin/report_thread.h"

#include "tests/support/doctest.h"

namespace fairlead::rendezvous {
namespace {

TEST_CASE("pages are made on a thread of their own and given on the asker's") {
  net::Loop loop;
  ReportThread reports(loop);
  REQUIRE(reports.start());
  const auto here = std::this_thread::get_id();
  std::thread::id made_on = here;
  std::vector<std::string> given;
  for (const std::string body : {"one", "two"}) {
    reports.make(
        [&made_on, body] {
          made_on = std::this_thread::get_id();
          return net::HttpReply{.body = body};
        },
        [&](const net::HttpReply& reply) {
          CHECK(std::this_thread::get_id() == here);
          given.push_back(reply.body);
        });
  }
  while (given.size() < 2) loop.turn(net::Loop::Turn::sleep);
  CHECK(given == std::vector<std::string>{"one", "two"});
  reports.join();
  CHECK(made_on != here);
}

TEST_CASE("what is asked of a thread that has ended is dropped") {
  net::Loop loop;
  ReportThread reports(loop);
  REQUIRE(reports.start());
  reports.join();
  bool given = false;
  reports.make([] { return net::HttpReply{}; }, [&](const net::HttpReply&) { given = true; });
  loop.turn(net::Loop::Turn::glance);
  CHECK_FALSE(given);
}

}  // namespace
}  // namespace fairlead::rendezvous

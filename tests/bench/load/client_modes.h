#pragma once
// The modes of bench_client (client.cpp). Each runs to its end and prints one JSON line on stdout; a connection that
// does not do what it should ends the program with a line on stderr and status 1: a benchmark of failures is worth
// nothing.
#include "common/base/ip.h"
#include "common/net/fd.h"
#include "tests/bench/load/options.h"

namespace fairlead::bench {

int run_bulk(const SocketAddress& target, const Options& options);
int run_short(const SocketAddress& target, const Options& options);
int run_hold(const SocketAddress& target, const Options& options);

// Connects without blocking, without Nagle, from one of several loopback addresses (by `turn`), so that ports suffice.
net::Fd connect_to(const SocketAddress& target, std::uint64_t turn);
[[noreturn]] void give_up(const char* what, int fd);

}  // namespace fairlead::bench

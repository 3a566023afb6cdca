#include "agent/calling/call_check.h"

#include <fmt/format.h>

#include "common/base/json_writer.h"

namespace fairlead::agent {
namespace {

double milliseconds(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

// One decimal, by whole numbers: the small build's fmt knows no others.
std::string milliseconds_text(Duration duration) {
  const auto tenths = std::chrono::round<std::chrono::duration<std::int64_t, std::ratio<1, 10'000>>>(duration).count();
  return fmt::format("{}.{} ms", tenths / 10, tenths % 10);
}

CheckReport report_of(const std::string& name, const AnsweredCall& answered) {
  const tls::TlsEngine& engine = answered.stream->engine();
  return {.name = name,
          .address = answered.address.to_string(),
          .peer = engine.peer().spiffe_id,
          .tls = std::string(engine.protocol()),
          .resumed = engine.resumed(),
          .connect_time = answered.connect_time,
          .handshake_time = answered.handshake_time};
}

}  // namespace

Result<CheckReport> check_call(CallLoop& calls, CalledService& service) {
  std::optional<Result<CheckReport>> result;
  std::unique_ptr<net::TlsByteStream> stream;  // outlives the callback that it comes from
  ServiceDial dial(calls.tools(), service, {}, [&](Result<AnsweredCall> answered) {
    if (answered) {
      result = report_of(service.name.sni, *answered);
      stream = std::move(answered->stream);
      stream->shut_down();
    } else {
      result = tl::unexpected(answered.error());
    }
    calls.loop().stop();
  });
  dial.start();
  calls.run();
  return result ? std::move(*result) : fail(Reason::shutting_down, service.name.sni + ": stopped by a signal");
}

std::string render_json(const CheckReport& report) {
  JsonWriter json;
  json.begin_object()
      .field("name", report.name)
      .field("path", report.path)
      .field("address", report.address)
      .field("peer", report.peer)
      .field("tls", report.tls)
      .field("resumed", report.resumed)
      .field("connect_ms", milliseconds(report.connect_time))
      .field("handshake_ms", milliseconds(report.handshake_time))
      .end_object();
  return json.take() + "\n";
}

std::string render_text(const CheckReport& report) {
  return fmt::format("{}: {} answers by the {} at {}, {}{}; connected in {}, handshake in {}\n", report.name,
                     report.peer, report.path, report.address, report.tls, report.resumed ? ", resumed" : "",
                     milliseconds_text(report.connect_time), milliseconds_text(report.handshake_time));
}

}  // namespace fairlead::agent

#pragma once
// One caller's connection to one target, in HTTP/1.1: requests are judged and rewritten, answers are measured, one
// request at a time. Bytes in from both sides, bytes out to both sides, and what becomes of either side.
//
//   asking:     head --request passed on--> body --all of it--> asked --answered--> head ...
//                                                                 `--101--> tunnel
//   answering:  idle --request passed on--> head --answer begins--> body --all of it--> idle ...
//                                             `--101--> tunnel
//   Both end as `over` (in order) or `cut` (a message stayed incomplete: never an orderly end).
//
// While an answer is awaited nothing is taken from the caller, so a pipelined request waits in its connection. What is
// queued for a side grows by what was fed to one call, and a head's words: who drives this feeds when the queue is
// empty. Pure; one thread.
#include <cstdint>
#include <optional>
#include <string>

#include "agent/http/answer_rewrite.h"
#include "agent/http/request_rewrite.h"
#include "common/base/byte_queue.h"
#include "common/http/body_copy.h"

namespace fairlead::agent {

class Forwarder {
 public:
  enum class Fate : std::uint8_t { open, ends, aborts };  // behind what is queued for that side
  enum class End : std::uint8_t { orderly, broken };

  // `identity`: identity_lines() of the caller.
  explicit Forwarder(std::string identity) : identity_(std::move(identity)) {}

  // How many bytes were taken. Once no request is heard any more, all are taken and dropped.
  std::size_t from_caller(ByteView in);
  void caller_ended();  // in order
  void from_target(ByteView in);
  void target_ended(End how);

  ByteQueue& to_target() { return to_target_; }
  ByteQueue& to_caller() { return to_caller_; }
  const ByteQueue& to_target() const { return to_target_; }
  const ByteQueue& to_caller() const { return to_caller_; }
  Fate target_fate() const;
  Fate caller_fate() const;
  bool listens() const { return asking_ != Asking::asked; }  // to the caller
  // Why the caller got an answer of ours, or was cut off by us.
  const std::optional<Error>& refusal() const { return refusal_; }
  bool answered() const { return answered_; }  // the target did, at least once
  std::size_t memory() const { return to_target_.size() + to_caller_.size() + request_.size() + answer_.size(); }

 private:
  enum class Asking : std::uint8_t {
    head,    // for a request's head
    body,    // for the rest of its body
    asked,   // for the answer's end; nothing is taken
    tunnel,  // for bytes that are nobody's business
    over,    // what comes is dropped
    cut,
  };
  enum class Answering : std::uint8_t {
    idle,    // nothing was asked
    head,    // for an answer's head
    body,    // for the rest of its body
    tunnel,  // for bytes that are nobody's business
    over,    // what comes is dropped
    cut,
  };

  void enter(Asking next);
  void enter(Answering next);
  std::size_t take_head(ByteView in);
  void pass_on(const http::RequestHead& head);
  std::size_t take_body(ByteView in);
  std::size_t take_answer_head(ByteView in);
  void pass_back(const http::ResponseHead& head);
  std::size_t take_answer_body(ByteView in);
  void exchanged();
  void refuse(Error error);
  void distrust(const Error& error);
  void end_asking();

  const std::string identity_;
  Asking asking_ = Asking::head;
  Answering answering_ = Answering::idle;
  Bytes request_;           // asking head: what is there of it
  Bytes answer_;            // answering head: what is there of it
  ForwardedRequest asked_;  // the one that is being answered
  std::optional<http::BodyCopy> body_;
  std::optional<http::BodyCopy> answer_body_;
  BodySent body_sent_ = BodySent::not_begun;
  bool served_ = false;  // an exchange is over
  bool goes_on_ = true;  // after this exchange
  bool answered_ = false;
  ByteQueue to_target_;
  ByteQueue to_caller_;
  std::optional<Error> refusal_;
};

}  // namespace fairlead::agent

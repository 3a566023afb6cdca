#pragma once
// What the registry holds at one moment, for reports: immutable and shared with the registry, so it is taken in O(1) on
// the registry's thread and walked on any other. And what `status agents` and `status services` list of it.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/route/hash_tree.h"
#include "rendezvous/registry/publication.h"

namespace fairlead::rendezvous {

struct RegistryCounters {
  std::size_t agents = 0;       // live sessions
  std::size_t services = 0;     // live SERVICE.CLUSTER
  std::size_t endpoints = 0;    // live registrations
  std::uint64_t takeovers = 0;  // since the start, as the next two
  std::uint64_t duplicates_refused = 0;
  std::uint64_t branches_copied = 0;
};

// What only reports want to know of a session.
struct SessionAbout {
  std::string software;
  SocketAddress peer;
};

// One session as reports see it. Never changed, only replaced.
struct SessionRecord {
  std::string id;  // SPIFFE id, a space, ENDPOINT
  std::string spiffe_id;
  std::string endpoint;
  std::string cluster;
  WallTime since{};
  SessionAbout about;
  std::uint64_t duplicates_refused = 0;  // newcomers that were told duplicate_identity: a cloned image
  std::shared_ptr<Carrier> session;      // for its load(), which any thread may ask
  std::string_view key() const { return id; }
};
using SessionRecordPtr = std::shared_ptr<const SessionRecord>;

struct RegistryView {
  RegistryCounters counters;
  route::HashTree<SessionRecord> sessions;
  PublicationView publication;
};

// An empty pattern matches all. `*` in a pattern is any run of characters, `?` any one: this is a person's filter, not
// a policy. `agent` is compared with ENDPOINT and with the SPIFFE id, `service` with SERVICE.CLUSTER.
struct ListFilter {
  std::string agent;
  std::string service;
  std::size_t limit = 1000;
};

struct ListedSession {
  SessionRecordPtr session;
  std::vector<EndpointPtr> services;  // all of it, by SERVICE.CLUSTER
};

template <class Row>
struct Listing {
  std::vector<Row> rows;    // the first of them, at most `limit`
  std::size_t matched = 0;  // all that match
};

// Sessions with a service that matches, by SPIFFE id, then ENDPOINT.
Listing<ListedSession> list_sessions(const RegistryView& view, const ListFilter& filter);
// In the order of their sessions, then by SERVICE.CLUSTER.
Listing<PublishedPtr> list_endpoints(const RegistryView& view, const ListFilter& filter);

bool glob_match(std::string_view pattern, std::string_view text);

}  // namespace fairlead::rendezvous

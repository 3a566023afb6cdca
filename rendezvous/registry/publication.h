#pragma once
// What clients can be told: every live endpoint of every service with its ordered ways, as a feed with revisions. The
// registry is its only writer; publishers (status, DNS, xDS, files) read it, and none is known to it.
//
// Thread. All methods belong to the registry's thread. A PublicationView is immutable: take it there in O(1), and read
// it on any thread for as long as you like. A reader that lives elsewhere is sent views or changes by message.
// Revisions. Every change of one endpoint raises the revision by one, from 0, within one life of the server. A reader
// keeps the revision up to which it has read and asks for what changed since: each endpoint that did, once, as it is
// now. So a way that was lost and came back between two reads shows as one change, and a burst costs its last state.
// Only the last kPublicationLog changes are remembered; who comes later gets nullopt, takes view() and begins anew with
// that one's revision.
// Cost. A change is one log line and one path of the tree (published endpoints share the ways of their session);
// reading costs what changed, a view nothing. Nothing here looks at a session, and no reader is ever called.
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "common/route/hash_tree.h"
#include "rendezvous/registry/routing.h"
#include "rendezvous/registry/ways.h"

namespace fairlead::rendezvous {

using Revision = std::uint64_t;
inline constexpr std::size_t kPublicationLog = 16384;  // changes

struct Published {
  std::string id;  // ENDPOINT.SERVICE.CLUSTER: one identity alone can hold it
  EndpointPtr endpoint;
  WaysPtr ways;
  std::string_view key() const { return id; }
};
using PublishedPtr = std::shared_ptr<const Published>;

struct PublicationView {
  Revision revision = 0;
  route::HashTree<Published> endpoints;
};

struct PublicationChange {
  std::string id;
  PublishedPtr now;  // null: nobody is there any more
};

struct PublicationChanges {
  Revision revision = 0;                   // ask from here the next time
  std::vector<PublicationChange> changes;  // each id once, in the order of their last changes
};

class Publication {
 public:
  void put(const EndpointPtr& endpoint, WaysPtr ways);
  void withdraw(const Endpoint& endpoint);  // one that is there

  Revision revision() const { return revision_; }
  std::optional<PublicationChanges> changes_since(Revision seen) const;
  PublicationView view() { return {revision_, endpoints_.freeze()}; }

 private:
  void note(std::string id);

  route::HashTree<Published> endpoints_;
  std::deque<std::string> log_;  // ids; the last one is of revision_
  Revision revision_ = 0;
};

}  // namespace fairlead::rendezvous

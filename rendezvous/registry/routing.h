#pragma once
// The routing table of common/route under the names that this program uses for it.
#include "common/route/name_index.h"
#include "common/route/snapshot_cell.h"

namespace fairlead::rendezvous {

using route::Carrier;
using route::Endpoint;
using route::EndpointLoad;
using route::EndpointPtr;
using route::NameEntry;
using route::NameIndex;
using route::OwnNames;
using route::Route;
using route::Snapshot;
using route::SnapshotCell;
using route::SnapshotReader;

}  // namespace fairlead::rendezvous

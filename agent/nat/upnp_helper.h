#pragma once
// The UPnP helper: a process that takes one request on stdin, speaks SSDP, HTTP and SOAP with the gateway (miniupnpc),
// writes one answer on stdout and ends. It is this executable started as `PROGRAM upnp-helper`:
// blocking calls, XML of strangers and a library that aborts at high descriptor numbers stay out of the agent.

namespace fairlead::agent::nat {

inline constexpr const char* kUpnpHelperCommand = "upnp-helper";

// To be called before anything else of the program ran; the exit code for main. Gives up all rights it can first.
int upnp_helper_main();

}  // namespace fairlead::agent::nat

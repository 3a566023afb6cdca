#pragma once
// What both programs do in the first instructions of main, before they read anything: what happens to a process from
// outside has a meaning from then on.
namespace fairlead::net {

// Descriptors 0, 1 and 2 that are closed become /dev/null, so that no socket or file ever gets a number that somebody
// writes messages to. SIGPIPE is ignored: splice has no MSG_NOSIGNAL. SIGHUP is held back until its SignalWatcher
// exists: a reload asked for while the program starts is done when it has started. SIGTERM and SIGINT end a program
// that has not started yet, as they do by default.
void begin_process();
// For commands that reload nothing: SIGHUP, a held one too, ends them as it ends any program.
void release_hangup();

}  // namespace fairlead::net

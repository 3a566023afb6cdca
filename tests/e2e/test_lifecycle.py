"""Starting, reloading, draining, and going on without peers."""
import signal
import socket
import time

from client import ALERT_INTERNAL_ERROR, Caller, client_hello, read_line
from harness import LOOPBACK, SOON, Daemon, MeshTest, free_port, port_open, services_up, wait_until


class Drain(MeshTest):
    def hold(self):
        """A live relayed connection."""
        tls = Caller(self.mesh).connect("web.home")
        self.addCleanup(tls.close)
        tls.sendall(b"echo\n")
        return tls

    def assert_alive(self, tls):
        tls.sendall(b"ping!")
        self.assertEqual(tls.recv(5), b"ping!")

    def test_rendezvous_waits_for_its_relays(self):
        self.start_web(tables={"server": {"drain_delay": "500ms", "drain_timeout": "10s"}})
        tls = self.hold()
        self.assert_alive(tls)
        self.rendezvous.signal(signal.SIGTERM)
        wait_until(lambda: not port_open(self.rendezvous.port), "the listeners are closed")
        self.assertTrue(self.rendezvous.running())
        self.assert_alive(tls)
        tls.close()
        self.assertEqual(self.rendezvous.wait(), 0)

    def test_rendezvous_goes_on_accepting_for_the_drain_delay(self):
        self.start_web(tables={"server": {"drain_delay": "3s", "drain_timeout": "3s"}})
        self.rendezvous.signal(signal.SIGTERM)
        self.assertTrue(port_open(self.rendezvous.port))
        self.assertEqual(self.rendezvous.wait(10), 0)

    def test_rendezvous_does_not_wait_for_ever(self):
        self.start_web(tables={"server": {"drain_delay": "0s", "drain_timeout": "1s"}})
        tls = self.hold()
        begin = time.monotonic()
        self.rendezvous.signal(signal.SIGTERM)
        self.assertEqual(self.rendezvous.wait(), 0)
        self.assertLess(time.monotonic() - begin, 4)
        del tls

    def test_second_sigterm_stops_at_once(self):
        self.start_web(tables={"server": {"drain_delay": "30s", "drain_timeout": "30s"}})
        tls = self.hold()
        self.rendezvous.signal(signal.SIGTERM)
        wait_until(lambda: any("drain" in line.lower() for line in self.rendezvous.lines()), "it says that it drains")
        self.rendezvous.signal(signal.SIGTERM)
        self.rendezvous.wait(3)
        del tls

    def test_agent_drains(self):
        self.start_web(tables={"limits": {"channel_wait": "2s"}})
        tls = self.hold()
        self.assert_alive(tls)
        self.agent.signal(signal.SIGTERM)
        wait_until(lambda: self.rendezvous.status()["services"]["total"] == 0, "the service is withdrawn")
        self.assert_alive(tls)
        tls.close()
        self.assertEqual(self.agent.wait(), 0)
        self.assertEqual(Caller(self.mesh).alert_for(client_hello("web.home")), ALERT_INTERNAL_ERROR)

    def test_agent_moves_to_the_other_rendezvous(self):
        """A client that gets no answer here finds the service there."""
        first = self.mesh.start_rendezvous("rv1")
        second = self.mesh.start_rendezvous("rv2")
        service = self.mesh.start_service()
        self.mesh.start_agent(services=[{"name": "web", "target": service.target}],
                              rendezvous=[f"{LOOPBACK}:{first.port}", f"{LOOPBACK}:{second.port}"])
        wait_until(lambda: second.status()["services"]["total"] == 1, "registered at both")
        first.signal(signal.SIGTERM)
        self.assertEqual(Caller(self.mesh, port=second.port).echo("web.home"), b"hello over the relay")
        self.assertEqual(first.wait(10), 0)


class Reload(MeshTest):
    def test_agent_reloads_its_services(self):
        self.start_web()
        other = self.mesh.start_service(name="other")
        text = self.agent.config.read_text()
        self.agent.config.write_text(text + f'[[service]]\nname = "other"\ntarget = "{other.target}"\n')
        tls = Caller(self.mesh).connect("web.home")
        self.addCleanup(tls.close)
        tls.sendall(b"hold\n")
        read_line(tls)
        self.agent.signal(signal.SIGHUP)
        wait_until(lambda: self.rendezvous.status()["services"]["total"] == 2, "the second service is registered")
        self.assertEqual(Caller(self.mesh).echo("other.home"), b"hello over the relay")
        self.agent.config.write_text(text)
        self.agent.signal(signal.SIGHUP)
        wait_until(lambda: self.rendezvous.status()["services"]["total"] == 1, "it is withdrawn again")
        self.assertEqual(Caller(self.mesh).echo("web.home"), b"hello over the relay")
        tls.sendall(b"x")
        self.service.wait_logged(event="closed", command="hold", received=1)  # the live connection was left alone
        self.assertEqual(len(self.agent.records(msg="session opened")), 1)  # and so was the session

    def test_a_broken_file_changes_nothing(self):
        self.start_web()
        for daemon in (self.agent, self.rendezvous):
            with self.subTest(daemon.name):
                daemon.config.write_text(daemon.config.read_text() + "\nnonsense = [\n")
                daemon.signal(signal.SIGHUP)
                daemon.wait_logged(level="error")
                self.assertTrue(daemon.running())
        self.assertEqual(Caller(self.mesh).echo("web.home"), b"hello over the relay")

    def test_rendezvous_names_keys_that_need_a_restart(self):
        self.start_web()
        text = self.rendezvous.config.read_text()
        self.rendezvous.config.write_text(text.replace("workers = 2", "workers = 1"))
        self.rendezvous.signal(signal.SIGHUP)
        wait_until(lambda: any("workers" in line for line in self.rendezvous.lines()), "it names server.workers")
        self.assertEqual(Caller(self.mesh).echo("web.home"), b"hello over the relay")

    def test_rendezvous_reloads_its_limits_and_policy(self):
        self.start_web()
        self.rendezvous.config.write_text(self.rendezvous.config.read_text() + "[limits]\nrelays_per_source = 77\n")
        self.rendezvous.signal(signal.SIGHUP)
        wait_until(lambda: self.rendezvous.status()["limits"]["relays_per_source"]["max"] == 77, "the limit is the new one")

    def test_a_new_certificate_is_used_without_a_restart(self):
        self.start_web()
        new = self.mesh.issue("rendezvous/rv1", dns=["rv1.test"], ip=[LOOPBACK], days=7)
        before = self.rendezvous.status()["identity"]["not_after"]
        for suffix in (".key", ".crt"):
            old = self.mesh.issue("rendezvous/rv1", dns=["rv1.test"], ip=[LOOPBACK, "127.0.0.2", "::1"]).with_suffix(suffix)
            staged = old.with_suffix(suffix + ".new")
            staged.write_bytes(new.with_suffix(suffix).read_bytes())
            staged.rename(old)
        wait_until(lambda: self.rendezvous.status()["identity"]["not_after"] != before, "the new certificate is used", 30)
        self.agent.kill()
        wait_until(lambda: self.rendezvous.status()["agents"]["total"] == 0, "the agent is gone")
        agent = self.mesh.run_agent("nas1", self.agent.config)
        self.assertTrue(services_up(agent))


class Patience(MeshTest):
    """run never exits because a peer is missing."""

    def test_agent_before_rendezvous(self):
        self.mesh.rendezvous_port = free_port()
        service = self.mesh.start_service()
        agent = self.mesh.start_agent(ready=False, services=[{"name": "web", "target": service.target}])
        agent.wait_logged(reason="connect_refused")
        self.assertEqual(agent.status()["services"][0]["path"], "down")
        self.mesh.start_rendezvous(port=self.mesh.rendezvous_port)
        wait_until(lambda: services_up(agent), "the service is up", SOON)  # a refusing host is asked every 2 s
        self.assertEqual(Caller(self.mesh).echo("web.home"), b"hello over the relay")

    def test_agent_with_a_name_that_does_not_resolve(self):
        agent = self.mesh.start_agent(ready=False, rendezvous=["does-not-exist.invalid:15443"],
                                      services=[{"name": "web", "target": f"{LOOPBACK}:{free_port()}"}])
        agent.wait_logged(reason="resolve_failed", seconds=30)
        self.assertTrue(agent.running())

    def test_agent_survives_a_restart_of_the_rendezvous(self):
        self.start_web()
        pid = self.agent.pid
        self.rendezvous.stop()
        self.agent.wait_logged(reason="connect_refused")
        self.rendezvous = self.mesh.run_rendezvous("rv1", self.rendezvous.config)
        self.assertEqual(Caller(self.mesh).echo("web.home"), b"hello over the relay")
        self.assertTrue(self.agent.running())
        self.assertEqual(self.agent.pid, pid)

    def test_agent_before_its_service(self):
        self.rendezvous = self.mesh.start_rendezvous()
        target = f"{LOOPBACK}:{free_port()}"
        self.agent = self.mesh.start_agent(ready=False, services=[{"name": "web", "target": target}])
        wait_until(lambda: self.rendezvous.status()["agents"]["total"] == 1, "the session stands")
        self.mesh.start_service(listen=target)
        wait_until(self.reachable, "the service is reached once it runs", 40)

    def reachable(self):
        try:
            return Caller(self.mesh).echo("web.home")
        except OSError:
            return None


class OneListener(MeshTest):
    def test_second_start_on_the_same_address_fails(self):
        first = self.mesh.start_rendezvous()
        config, _ = self.mesh.rendezvous_config("rv2", first.port)
        second = self.mesh.add(Daemon("rv2", "fairlead-rendezvous", config, self.mesh.dir / "rv2.log"))
        self.assertEqual(second.wait(10), 1)
        self.assertIn("address_in_use", second.log.read_text())
        self.assertTrue(first.running())
        self.assertTrue(port_open(first.port))

    def test_the_address_is_free_after_a_kill(self):
        first = self.mesh.start_rendezvous()
        first.kill()
        self.assertTrue(self.mesh.run_rendezvous("rv1", first.config).running())

    def test_a_foreign_listener_is_noticed(self):
        port = free_port()
        other = socket.create_server((LOOPBACK, port))
        self.addCleanup(other.close)
        config, _ = self.mesh.rendezvous_config("rv1", port)
        daemon = self.mesh.add(Daemon("rv1", "fairlead-rendezvous", config, self.mesh.dir / "rv1.log"))
        self.assertEqual(daemon.wait(10), 1)
        self.assertIn("address_in_use", daemon.log.read_text())

    def test_two_agents_with_one_control_socket(self):
        self.start_web()
        second = self.mesh.add(Daemon("nas1b", "fairlead-agent", self.agent.config, self.mesh.dir / "nas1b.log"))
        self.assertEqual(second.wait(10), 1)
        self.assertTrue(services_up(self.agent))

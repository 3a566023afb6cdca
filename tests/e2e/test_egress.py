"""`[[egress]]`: local ports of a running agent that lead to services of the mesh, and what a reload makes of them."""
import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import threading

from client import read_all, read_exactly, read_line
from harness import LOOPBACK, NOT_WELL, SOON, MeshTest, binary, free_port, needs_program, port_open, run_program, wait_until

MIB = 1 << 20


class EgressTest(MeshTest):
    """web.home, and an agent of another host whose users call it at a local port."""

    def setUp(self):
        super().setUp()
        self.start_web("commands")
        self.cert = self.mesh.dir / "laptop-now"  # files of its own: some tests replace them
        self.show_identity("agent/home/laptop")
        self.port = free_port()

    def show_identity(self, path):
        prefix = self.mesh.issue(path)
        for kind in ("key", "crt"):
            shutil.copy(f"{prefix}.{kind}", f"{self.cert}.new")
            os.replace(f"{self.cert}.new", f"{self.cert}.{kind}")

    def write_laptop(self, *egress, **tables):
        return self.mesh.agent_config("laptop", cert=self.cert, tables={"egress": list(egress), **tables})

    def start_laptop(self, *egress, **tables):
        self.laptop = self.mesh.run_agent("laptop", self.write_laptop(*egress, **tables), ready=False)
        wait_until(lambda: len(self.egress()) == len(egress), "its ports are known")
        return self.laptop

    def reload(self, *egress, **tables):
        reloads = len(self.laptop.records(msg="reloaded"))
        self.write_laptop(*egress, **tables)
        self.laptop.signal(signal.SIGHUP)
        wait_until(lambda: len(self.laptop.records(msg="reloaded")) > reloads, "it reloads")

    def egress(self):
        return (self.laptop.status() or {}).get("egress", [])

    def web(self, **more):
        return {"name": "web.home", "listen": f"{LOOPBACK}:{self.port}", **more}

    def dial(self, port=None):
        return socket.create_connection((LOOPBACK, port or self.port), 20)

    def ask(self, line, port=None):
        with self.dial(port) as plain:
            plain.sendall(line)
            return read_line(plain)


class Calls(EgressTest):
    def test_bytes_who_calls_and_status(self):
        self.start_laptop(self.web())
        self.assertEqual(self.egress(), [{"name": "web.home", "listen": f"{LOOPBACK}:{self.port}", "path": "relay",
                                          "connections": 0, "reason": "", "detail": ""}])
        self.assertEqual(json.loads(self.ask(b"who\n"))["peer"], ["spiffe://mesh.test/agent/home/laptop"])
        with self.dial() as plain:
            plain.sendall(b"hold\n")
            self.assertEqual(read_line(plain), "held\n")
            wait_until(lambda: self.egress()[0]["connections"] == 1, "it is counted")
            self.assertEqual(self.laptop.status()["limits"]["relays_max"]["used"], 1)
        wait_until(lambda: self.egress()[0]["connections"] == 0, "it is not any more")
        record = self.laptop.wait_logged(msg="call", service="web.home", way="port")[0]
        self.assertEqual(record["peer"], "spiffe://mesh.test/service/web")
        self.assertTrue(record["caller"].startswith(f"{LOOPBACK}:"))
        self.assertTrue(record["reason"])
        text = run_program("fairlead-agent", "status", "--config", self.laptop.config).stdout
        self.assertIn(f"egress    web.home at {LOOPBACK}:{self.port} relay, connections 0\n", text)

    def test_one_mebibyte_and_a_half_close(self):
        self.start_laptop(self.web())
        data = os.urandom(MIB)
        with self.dial() as plain:
            plain.sendall(b"sum\n" + data)
            plain.shutdown(socket.SHUT_WR)
            self.assertEqual(read_line(plain), f"{MIB} {hashlib.sha256(data).hexdigest()}\n")

    def test_within_a_ceiling_of_memory(self):
        self.start_laptop(self.web(), limits={"memory": "1MiB"})
        data = os.urandom(MIB)
        with self.dial() as plain:
            plain.sendall(b"sum\n" + data)
            plain.shutdown(socket.SHUT_WR)
            self.assertEqual(read_line(plain), f"{MIB} {hashlib.sha256(data).hexdigest()}\n")
        held = []

        def one_more():
            with contextlib.suppress(ConnectionResetError):  # at once, where there is no place
                held.append(self.dial())
            return self.laptop.counter("memory_limit") > 0

        try:
            wait_until(one_more, "its memory is used up", 30)
            limit = self.laptop.status()["limits"]["memory"]
            self.assertLessEqual(limit["used"], limit["max"])
        finally:
            for plain in held:
                plain.close()
        wait_until(lambda: self.egress()[0]["connections"] == 0, "all are given back")
        self.assertIn("service/web", self.laptop.records(msg="call")[0]["peer"])

    @needs_program("curl")
    def test_curl_at_a_unix_socket_and_a_service_without_tls(self):
        page = self.mesh.dir / "page"
        page.mkdir()
        (page / "index.html").write_text("a page of a server that speaks no TLS")
        port = free_port()
        self.mesh.start_program("httpd", ["python3", "-m", "http.server", port, "--bind", LOOPBACK, "--directory", page], ready_port=port)
        self.mesh.start_agent("nas2", services=[{"name": "page", "target": f"{LOOPBACK}:{port}", "tls": "terminate"}])
        path = self.mesh.dir / "page.sock"
        self.start_laptop({"name": "page.home", "listen": f"unix:{path}"})
        got = subprocess.run(["curl", "-sS", "--unix-socket", path, "http://page/"], capture_output=True, text=True, timeout=20)
        self.assertEqual((got.returncode, got.stdout), (0, "a page of a server that speaks no TLS"), got.stderr)
        self.assertEqual(self.laptop.stop(), 0)
        self.assertFalse(path.exists())

    def test_why_it_fails(self):
        self.start_laptop({"name": "wbe.home", "listen": f"{LOOPBACK}:{self.port}"}, self.web(listen=f"{LOOPBACK}:{free_port()}"))
        with self.dial() as plain, self.assertRaises(ConnectionResetError):
            plain.recv(1)
        (record,) = self.laptop.wait_logged(msg="call", reason="unknown_name")
        self.assertIn("check the name", record["detail"])
        self.laptop.wait_counted("unknown_name")
        self.agent.stop()
        with self.dial(int(self.egress()[1]["listen"].partition(":")[2])) as plain, self.assertRaises(ConnectionResetError):
            plain.recv(1)
        self.laptop.wait_logged(msg="call", reason="no_endpoint", seconds=20)
        wait_until(lambda: self.egress()[1]["reason"] == "no_endpoint", "status says so, too")
        problems = self.laptop.status()["problems"]
        self.assertIn(("no_endpoint", "web.home"), [(problem["code"], problem["service"]) for problem in problems])

    def test_an_address_that_is_taken_is_a_problem_until_it_is_free(self):
        with socket.create_server((LOOPBACK, self.port)):
            self.start_laptop(self.web())
            wait_until(lambda: self.egress()[0]["path"] == "down", "the port is down")
            self.assertTrue(self.laptop.running())
            answer = run_program("fairlead-agent", "status", "--json", "--config", self.laptop.config)
            self.assertEqual(answer.returncode, NOT_WELL)
            problem = next(p for p in json.loads(answer.stdout)["problems"] if p["code"] == "address_in_use")
            self.assertEqual(problem["service"], "web.home")
        wait_until(lambda: self.egress()[0]["path"] == "relay", "it is tried again")
        self.assertIn("laptop", self.ask(b"who\n"))


class Proxy(EgressTest):
    """[proxy] listen: the port of `proxy`, held by the running agent."""

    def proxy(self, port):
        return {"proxy": {"listen": f"{LOOPBACK}:{port}"}}

    def tunnel(self, port, name="web.home"):
        plain = self.dial(port)
        plain.sendall(f"CONNECT {name}:80 HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
        return plain, read_line(plain).strip()

    def test_it_comes_moves_and_goes_and_nobody_is_cut_off(self):
        self.start_laptop(self.web())
        self.assertNotIn("proxy", self.laptop.status())
        first, second = free_port(), free_port()
        self.reload(self.web(), **self.proxy(first))
        wait_until(lambda: port_open(first), "the proxy listens", SOON)
        plain, answer = self.tunnel(first)
        with plain:
            self.assertEqual(answer, "HTTP/1.1 200 OK")
            read_line(plain)
            plain.sendall(b"echo\nbefore")
            self.assertEqual(read_exactly(plain, 6), b"before")
            wait_until(lambda: self.laptop.status()["proxy"]["connections"] == 1, "it is counted")
            self.reload(self.web(), **self.proxy(second))
            wait_until(lambda: port_open(second) and not port_open(first), "it moves", SOON)
            other, answer = self.tunnel(second, "wbe.home")
            with other:
                self.assertEqual(answer, "HTTP/1.1 404 Not Found")
            self.laptop.wait_logged(msg="call", way="connect", service="wbe.home", reason="unknown_name")
            self.reload(self.web())
            wait_until(lambda: not port_open(second), "it goes", SOON)
            plain.sendall(b"after")
            self.assertEqual(read_exactly(plain, 5), b"after")

    def test_within_a_ceiling_of_memory_and_beside_a_taken_port(self):
        port = free_port()
        with socket.create_server((LOOPBACK, port)):
            self.start_laptop(self.web(), limits={"memory": "1MiB"}, **self.proxy(port))
            wait_until(lambda: self.laptop.status()["proxy"]["path"] == "down", "it is down")
            self.assertIn("address_in_use", [problem["code"] for problem in self.laptop.status()["problems"]])
        wait_until(lambda: self.laptop.status()["proxy"]["path"] == "relay", "it is tried again")
        for _ in range(8):
            plain, answer = self.tunnel(port)
            with plain:
                self.assertEqual(answer, "HTTP/1.1 200 OK")
            wait_until(lambda: self.laptop.status()["limits"]["relays_max"]["used"] == 0, "its place is given back")


class Reloads(EgressTest):
    def test_ports_come_go_and_lead_elsewhere_and_nobody_is_cut_off(self):
        self.mesh.start_agent("nas2", services=[{"name": "other", "target": self.service.target}])
        self.start_laptop(self.web())
        second = free_port()
        other = {"name": "other.home", "listen": f"{LOOPBACK}:{second}", "expect": ["spiffe://mesh.test/service/web"]}
        with self.dial() as plain:
            plain.sendall(b"echo\nbefore")
            self.assertEqual(read_exactly(plain, 6), b"before")
            self.reload(self.web(), other)
            self.assertIn("other.home", self.ask(b"who\n", second))
            self.reload({**other, "listen": f"{LOOPBACK}:{self.port}"})
            self.assertIn("other.home", self.ask(b"who\n"))
            wait_until(lambda: not port_open(second), "the second is closed", SOON)
            self.reload()
            wait_until(lambda: not port_open(self.port), "the first is closed", SOON)
            self.assertEqual(self.egress(), [])
            plain.sendall(b"after")
            self.assertEqual(read_exactly(plain, 5), b"after")

    def test_a_broken_file_changes_nothing(self):
        self.start_laptop(self.web())
        self.write_laptop(self.web(listen="nowhere:1"))
        self.laptop.signal(signal.SIGHUP)
        self.laptop.wait_logged(msg="reload refused; the running configuration stays")
        self.assertIn("laptop", self.ask(b"who\n"))

    def test_a_new_identity_is_shown_in_new_calls(self):
        self.start_laptop(self.web())
        with self.dial() as plain:
            plain.sendall(b"echo\nbefore")
            self.assertEqual(read_exactly(plain, 6), b"before")
            self.show_identity("agent/home/desktop")
            self.laptop.wait_logged(msg="identity loaded", id="spiffe://mesh.test/agent/home/desktop", seconds=15)
            self.assertIn("agent/home/desktop", self.ask(b"who\n"))
            plain.sendall(b"after")
            self.assertEqual(read_exactly(plain, 5), b"after")

    @needs_program("curl")
    def test_curl_goes_on_while_it_reloads(self):
        cert, port = self.mesh.issue("service/page", dns=["page.home"]), free_port()
        self.mesh.start_program("openssl", ["openssl", "s_server", "-accept", port, "-www", "-quiet", "-cert", f"{cert}.crt",
                                            "-cert_chain", f"{cert}.crt", "-key", f"{cert}.key", "-CAfile", self.mesh.ca,
                                            "-Verify", "3"], ready_port=port)
        self.mesh.start_agent("nas2", services=[{"name": "page", "target": f"{LOOPBACK}:{port}"}])
        page = {"name": "page.home", "listen": f"{LOOPBACK}:{self.port}"}
        self.start_laptop(page)
        failures, done = [], threading.Event()

        def fetch():
            while not done.is_set():
                got = subprocess.run(["curl", "-sS", f"http://{LOOPBACK}:{self.port}/"], capture_output=True, text=True, timeout=30)
                if got.returncode != 0 or "s_server -accept" not in got.stdout:
                    failures.append(got.stderr or got.stdout)

        clients = [threading.Thread(target=fetch) for _ in range(2)]
        for client in clients:
            client.start()
        for turn in range(6):
            self.reload(page, *([self.web(listen=f"{LOOPBACK}:{free_port()}")] if turn % 2 else []))
            # The same place leads to the same service, but for who is expected: a port anew on the socket that there is.
            self.reload({**page, "expect": ["spiffe://mesh.test/service/page"] if turn % 2 else ["spiffe://mesh.test/service/*"]})
        done.set()
        for client in clients:
            client.join()
        self.assertEqual(failures, [])

    def test_sigterm_lets_calls_finish_and_takes_no_more(self):
        self.start_laptop(self.web(), agent={"drain_timeout": "20s"})
        with self.dial() as plain:
            plain.sendall(b"echo\nbefore")
            self.assertEqual(read_exactly(plain, 6), b"before")
            self.laptop.signal(signal.SIGTERM)
            wait_until(lambda: not port_open(self.port), "nothing more is taken", SOON)
            plain.sendall(b"after")
            self.assertEqual(read_exactly(plain, 5), b"after")
            self.assertTrue(self.laptop.running())
        self.assertEqual(self.laptop.wait(SOON), 0)

    def test_a_second_sigterm_ends_what_is_carried(self):
        self.start_laptop(self.web(), agent={"drain_timeout": "20s"})
        with self.dial() as plain:
            plain.sendall(b"hold\n")
            self.assertEqual(read_line(plain), "held\n")
            self.laptop.signal(signal.SIGTERM)
            self.laptop.wait_logged(msg="draining; a second signal stops at once")
            self.laptop.signal(signal.SIGTERM)
            self.assertEqual(self.laptop.wait(SOON), 0)
            with self.assertRaises(ConnectionResetError):
                plain.recv(1)

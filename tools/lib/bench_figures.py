"""The figures: how each is measured. Every measurement that an empty node is claimed for begins with a new
folder, since one burst alone leaves hundreds of thousands of rows."""

import contextlib
import pathlib
import shutil
import signal
import statistics
import tempfile
import time

import bench_import
import bench_postgres
import bench_report
import bench_servers
import bench_stages
from bench_report import Figure
from bench_servers import FROM, SMALL, TO

SUBMIT = "SubmitReferral"
LAG_EVERY_SECONDS = 2
RELAY_MAY_BE_BEHIND_SECONDS = 60
PG_CLIENTS = 64
OFFERS_IN_CALL = 100
DUE_AT_ONCE = 10_000
DUE_IN_SECONDS = 60
DUE_ROUNDS = 3
RING_SECONDS = 6  # in which they ring, at the longest, and one more
AHEAD_SECONDS = 2  # the submissions begin so long before; they are measured after the first of them
SMALL_INBOX = 100  # referrals of a body that has few
INBOX_TURNS = 10  # even, so that of two inboxes each is read first as often
INBOX_WARM_UP_SECONDS = 0.25


class Bench:
    """One run. `wanted(name)` says whether a group of figures is asked for."""

    def __init__(self, programs, report, wanted, plan):
        self.report, self.wanted, self.plan = report, wanted, plan
        self.programs = pathlib.Path(programs)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="waypost-bench-"))
        self.client = bench_servers.Client(self.programs)
        self.echo_server = bench_servers.Echo(self.programs)
        self.nodes = []
        self.postgres = bench_postgres.Cluster() if wanted("postgres") else None
        self.starts = []  # seconds to SERVING of empty nodes
        self.empty = {}   # figure → (value, echo) on an empty node
        self.sustained_rate = None

    def close(self):
        for node in self.nodes:
            node.stop(signal.SIGKILL)
        self.echo_server.close()
        if self.postgres is not None:
            self.postgres.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- what measurements are made of

    def node(self, name=None):
        folder = self.folder / (name or f"node-{len(self.nodes)}")
        node = bench_servers.Node(self.programs, self.client, folder)
        self.nodes.append(node)
        return node

    @contextlib.contextmanager
    def empty_node(self, bodies=True):
        node = self.node()
        try:
            self.starts.append(node.start())
            if bodies:
                node.prepare_bodies()
                node.drain()
            yield node
        finally:
            node.remove()

    def echo(self, in_flight, reply_bytes=0):
        return self.client.run("echo", port=self.echo_server.port, in_flight=in_flight,
                               seconds=self.plan.seconds, reply_bytes=reply_bytes)["per_second"]

    def submit_options(self, node, in_flight, seconds=None, **more):
        return {"port": node.port, "token": node.tokens[FROM], "run": self.client.new_run(),
                "in_flight": in_flight, "seconds": seconds or self.plan.seconds, **more}

    def submit(self, node, in_flight, **more):
        return self.client.run("submit", **self.submit_options(node, in_flight, **more))

    def conditions(self, **more):
        return {"runs": self.plan.runs, "seconds": self.plan.seconds, "client": "own process, same cores",
                "tokens": True, "synced": True, **more}

    def once(self, **more):
        return {**self.conditions(**more), "runs": 1}

    # --- an empty node

    def import_offers(self):
        """A package into an empty node, once, and once more into the node that has it already."""
        with self.empty_node() as node:
            echo = self.echo(64)
            package, mapping = bench_import.write_package(self.folder, self.plan.services)
            for name, outcome in (("import_offers", "created"), ("import_offers_again", "unchanged")):
                seconds, counts, told = bench_import.run(node, package, mapping)
                sent = bench_import.sent_counts(told)
                every = counts[outcome] == self.plan.services and counts["failed"] == 0
                self.report.add(Figure(
                    name, "s", [seconds], ceiling=60 * self.plan.services / 300_000,
                    needs=[(f"every row is {outcome}", every),
                           ("progress told", bench_import.tells_progress(sent, self.plan.services))],
                    conditions=self.once(services=self.plan.services, bytes=package.stat().st_size,
                                         per_second=round(self.plan.services / seconds),
                                         echo_64_per_second=round(echo), progress_lines=len(sent),
                                         passes="checked, then sent, 100 a call")))

    def start_and_memory(self):
        with self.empty_node(bodies=False) as node:
            time.sleep(1)
            self.report.add(Figure("memory_idle", "MB", [node.memory_mb()], ceiling=80,
                                   conditions={"node": "started a second ago, empty"}))

    def start(self):
        self.report.add(Figure("start_empty", "s", self.starts, ceiling=1,
                               conditions={"from": "exec", "to": "health SERVING", "runs": len(self.starts)}))

    def rounds_256(self):
        """At 256 in flight: the burst, what its stages cost, and beside it disclosure and PostgreSQL."""
        echoes, submits, lags, costs, looks, transactions = [], [], [], [], [], []
        for _ in range(self.plan.runs):
            with self.empty_node() as node:
                echoes.append(self.echo(256))
                probe = bench_stages.Probe(node, SUBMIT)
                names = node.folder / "names"
                submits.append(self.submit(node, 256, names_file=names)["per_second"])
                lags.append(node.lag_seconds())
                costs.append(probe.costs())
                if self.wanted("disclose"):
                    node.drain()
                    looks.append(self.disclose(node, names))
            if self.postgres is not None:
                with self.postgres.running():
                    transactions.append(
                        self.postgres.transactions_per_second(PG_CLIENTS, self.plan.seconds))
                    settings = self.postgres.settings()
        self.empty["submit_burst_256"] = (statistics.median(submits), statistics.median(echoes))
        if self.wanted("burst"):
            self.add_burst(256, submits, echoes, lags, 0.40)
        if looks:
            self.report.add(Figure("disclose_one_section", "/s", looks, submits, floor=0.8,
                                   conditions=self.conditions(in_flight=256, reference="submit_burst_256")))
        if transactions:
            self.report.add(Figure(
                "submit_to_postgres", "/s", submits, transactions, floor=2.5,
                conditions=self.conditions(in_flight=256, reference="pgbench, four INSERTs a transaction",
                                           pgbench=f"{PG_CLIENTS} clients, 2 threads, prepared", **settings)))
        self.costs = bench_stages.medians(costs)

    def add_burst(self, in_flight, submits, echoes, lags, floor):
        behind = f"relay at most {RELAY_MAY_BE_BEHIND_SECONDS} s behind at the end"
        self.report.add(Figure(
            f"submit_burst_{in_flight}", "/s", submits, echoes, floor=floor,
            needs=[(behind, max(lags) <= RELAY_MAY_BE_BEHIND_SECONDS)],
            conditions=self.conditions(in_flight=in_flight, reference="echo of as many bytes",
                                       relay_lag_seconds=[round(lag, 1) for lag in lags])))

    def stages(self):
        bench_stages.print_table("What a submission costs, at 256 in flight, its share of the relay included",
                                 self.costs)
        for name, value, unit in self.costs:
            self.report.figures.append(Figure(f"stage_{name}", unit, [value], conditions=self.conditions(
                in_flight=256, per="command", includes="what the relay did meanwhile")))

    def burst_64(self):
        echoes, submits, lags = [], [], []
        for _ in range(self.plan.runs):
            with self.empty_node() as node:
                echoes.append(self.echo(64))
                submits.append(self.submit(node, 64)["per_second"])
                lags.append(node.lag_seconds())
        self.empty["submit_burst_64"] = (statistics.median(submits), statistics.median(echoes))
        if self.wanted("burst"):
            self.add_burst(64, submits, echoes, lags, 0.34)

    def disclose(self, node, names):
        return self.client.run("disclose", port=node.port, token=node.tokens[FROM], names_file=names,
                               in_flight=256, seconds=self.plan.seconds)["per_second"]

    def list_inbox(self, node):
        """(pages a second, echoes of as many bytes a second, the page)"""
        page = self.client.run("page-bytes", port=node.port, token=node.tokens[TO])
        echo = self.echo(64, reply_bytes=page["bytes"])
        result = self.client.run("list", port=node.port, token=node.tokens[TO], in_flight=64,
                                 seconds=self.plan.seconds)
        return result, echo, page

    def inbox(self):
        pages, echoes = [], []
        with self.empty_node() as node:
            self.submit(node, 64, seconds=600, warm_up=0, calls=SMALL_INBOX)
            node.settle()
            for _ in range(self.plan.runs):
                result, echo, page = self.list_inbox(node)
                pages.append(result["per_second"])
                echoes.append(echo)
        self.report.add(Figure("inbox_page_of_50", "/s", pages, echoes, floor=0.5,
                               conditions=self.conditions(
                                   in_flight=64, rows=page["rows"], bytes=page["bytes"], inbox=SMALL_INBOX,
                                   reference="echo that answers with as many bytes")))

    def sustained(self, in_flight, floor):
        with self.empty_node() as node:
            echo = self.echo(in_flight)
            lags = [(0.0, node.lag_events())]
            result = self.client.run_watched(
                "submit", LAG_EVERY_SECONDS, lambda at: lags.append((at, node.lag_events())),
                **self.submit_options(node, in_flight, seconds=self.plan.sustained_seconds))
            after = node.lag_events()
            behind = node.lag_seconds()
        rate = result["per_second"]
        if in_flight == 256:
            self.sustained_rate = rate
        grew = bench_report.slope(bench_report.last_two_thirds(lags))
        self.report.add(Figure(
            f"submit_sustained_{in_flight}", "/s", [rate], [echo], floor=floor,
            spread=bench_report.parts(result["each_second"]),
            needs=[("relay's lag not growing", not bench_report.lag_grows(lags, rate))],
            conditions=self.once(in_flight=in_flight, seconds=self.plan.sustained_seconds,
                                 reference="echo of as many bytes", relay_lag_events_before=lags[0][1],
                                 relay_lag_events_after=after, relay_lag_seconds_after=round(behind, 1),
                                 relay_lag_events_slope=f"{grew:.1f}/s over the last two thirds")))

    def latency(self):
        with self.empty_node() as node:
            rate = (self.sustained_rate or self.submit(node, 256)["per_second"]) / 2
            node.settle()
            runs = [self.submit(node, 256, rate=rate) for _ in range(self.plan.runs)]
        self.report.add(Figure(
            "submit_p99_at_half_rate", "ms", [run["p99_ms"] for run in runs], ceiling=12,
            conditions=self.conditions(rate=round(rate), schedule="even; timed from when a call was due",
                                       half_of="the sustained rate at 256" if self.sustained_rate
                                       else "a burst at 256",
                                       p50_ms=round(statistics.median(run["p50_ms"] for run in runs), 2))))

    def import_referrals(self):
        """A file of referrals against as many seconds of submissions at 64 in flight, in turns, each into an
        empty node."""
        rates, submits, echoes = [], [], []
        for turn in range(self.plan.runs):
            with self.empty_node() as node:
                echoes.append(self.echo(64))
                submits.append(self.submit(node, 64)["per_second"])
            with self.empty_node() as node:
                path = bench_import.write_referrals(self.folder, self.plan.imported, turn)
                seconds, _ = bench_import.run_referrals(node, path)
                rates.append(self.plan.imported / seconds)
                path.unlink()
        self.report.add(Figure(
            "import_referrals", "/s", rates, submits, floor=0.8,
            conditions=self.conditions(
                rows=self.plan.imported, reference="SubmitReferral at 64 in flight", format="CSV",
                includes="reading and checking the file, and the report",
                echo_64_per_second=round(statistics.median(echoes)))))

    # --- a directory of Europe's size

    def routes(self):
        """100,000 bodies and 300,000 offers: how long a question for a route takes in the service."""
        with self.empty_node(bodies=False) as node:
            token = node.mint(bench_servers.OPERATOR, "operator")
            began = time.monotonic()
            self.client.run("bodies", port=node.port, token=token, in_flight=256, calls=self.plan.bodies,
                            seconds=3600, warm_up=0)
            self.client.run("offers", port=node.port, token=token, in_flight=8, seconds=3600, warm_up=0,
                            calls=self.plan.services // OFFERS_IN_CALL, bodies=self.plan.bodies)
            filled = time.monotonic() - began
            node.settle()
            token = node.mint(bench_servers.FROM, "caseworker")
            runs, shares, echoes = [], [], []
            for _ in range(self.plan.runs):
                echoes.append(self.echo(1))
                before = node.answered_within("ResolveRoute", 0.001)
                runs.append(self.client.run("routes", port=node.port, token=token, in_flight=1,
                                            seconds=self.plan.seconds, bodies=self.plan.bodies))
                after = node.answered_within("ResolveRoute", 0.001)
                shares.append((after[0] - before[0]) / max(1, after[1] - before[1]))
        self.report.add(Figure(
            "route_within_1_ms", "of 1", shares, floor=0.99,
            conditions=self.conditions(
                bodies=self.plan.bodies, offers=self.plan.services, in_flight=1,
                what="share of answers that took the service at most 1 ms, by waypost_request_seconds",
                filled_in_seconds=round(filled),
                per_second=round(statistics.median(r["per_second"] for r in runs)),
                client_p50_ms=round(statistics.median(r["p50_ms"] for r in runs), 2),
                client_p99_ms=round(statistics.median(r["p99_ms"] for r in runs), 2),
                echo_per_second=round(statistics.median(echoes)))))
        counted = [run["counted"] for run in runs]
        self.report.add(Figure(
            "route_with_candidates", "of 1",
            [each["answers_with_candidates"] / max(1, each["answers"]) for each in counted],
            floor=self.plan.answered, worst=True,
            conditions=self.conditions(
                bodies=self.plan.bodies, offers=self.plan.services, in_flight=1,
                what="share of those answers that name a candidate",
                candidates_in_an_answer=round(statistics.median(
                    each["candidates"] / max(1, each["answers"]) for each in counted), 1))))

    # --- clocks

    def clocks(self):
        """A million clocks that run; ten thousand are due at one moment: how long it takes until all have
        rung, and what a submission notices of it."""
        node = self.node("clocks")
        # The time in which the loader works is no outage.
        node.config.write_text(node.config.read_text() + "clocks { outage_seconds: 86400 }\n")
        node.start()
        node.prepare_bodies()
        node.stop()
        node.load(self.plan.rows)
        node.start()
        node.mint_tokens()
        rate = self.submit(node, 256)["per_second"] / 4
        node.settle()
        before, since = bench_stages.cpu_seconds(node.pid)["clocks"], time.monotonic()
        quiet = self.submit(node, 256, rate=rate)
        idle = (bench_stages.cpu_seconds(node.pid)["clocks"] - before) / (time.monotonic() - since)
        rounds = [self.ring_at_once(node, rate) for _ in range(min(DUE_ROUNDS, self.plan.runs))]
        node.remove()
        conditions = {**self.conditions(open_clocks=self.plan.rows, due=DUE_AT_ONCE, rate=round(rate),
                                        client_schedule="even", p99_ms_without=round(quiet["p99_ms"], 2)),
                      "runs": len(rounds), "seconds": RING_SECONDS}
        self.report.add(Figure("clocks_idle", "of a core", [idle], ceiling=0.01, conditions={
            **conditions, "runs": 1, "seconds": self.plan.seconds,
            "what": "the clocks' own thread, while none is due, beside submissions"}))
        self.report.add(Figure(
            "clocks_10000_due", "s", [rung for rung, _ in rounds], ceiling=5, worst=True,
            conditions={**conditions, "from": "all are due", "to": "all have rung"}))
        self.report.add(Figure(
            "submit_p99_beside_clocks", "ms", [p99 for _, p99 in rounds], ceiling=50, worst=True,
            conditions={**conditions, "of": "calls that were due after the clocks were, until all had rung"}))

    def ring_at_once(self, node, rate):
        """(seconds until all have rung, p99 in ms of the submissions that were due meanwhile)"""
        node.stop()
        loading = node.load(DUE_AT_ONCE, due_in_seconds=DUE_IN_SECONDS)
        due = loading["began_at"] + DUE_IN_SECONDS - time.time() + time.monotonic()
        node.start()
        node.mint_tokens()
        node.drain()
        time.sleep(max(0.0, due - AHEAD_SECONDS - time.monotonic()))
        before, times = node.clocks_fired(), node.folder / "times"
        seen = []  # (how many had rung, by when)
        self.client.run_watched(
            "submit", 0.1, lambda _: seen.append((node.clocks_fired() - before, time.monotonic())),
            **self.submit_options(node, 256, seconds=RING_SECONDS + AHEAD_SECONDS - 1, warm_up=1, rate=rate,
                                  times_file=times))
        rung = next((at for fired, at in seen if fired >= DUE_AT_ONCE), float("inf"))
        calls = [tuple(map(float, line.split())) for line in times.read_text().splitlines()]
        return max(0.0, rung - due), bench_report.p99_between(calls, due, rung)

    # --- with a million referrals

    def loaded(self):
        """Each figure once. The reference of a burst is the one of the empty node, corrected by how fast the
        echo was beside each: the two are minutes apart."""
        node = self.node("loaded")
        node.bodies = (FROM, TO, SMALL)
        node.start()
        node.prepare_bodies()
        node.stop()
        # The first pages of both come from one time, and lie alike in the store: only what follows differs.
        node.load(2 * SMALL_INBOX, to=(TO, SMALL))
        loading = node.load(self.plan.rows - SMALL_INBOX)
        self.report.add(Figure("load", "s", [loading["seconds"]], conditions={
            "referrals": loading["referrals"], "from": "one body", "to": "one body, after a few to two",
            "seconds_without_relay": round(loading["seconds_without_relay"], 1)}))
        restarts = [node.start()]
        node.mint_tokens()
        node.settle()
        self.inbox_loaded(node)
        peak = node.memory_mb("VmHWM")
        for in_flight in (64, 256):
            echo = self.echo(in_flight)
            result = self.submit(node, in_flight)
            peak = max(peak, node.memory_mb("VmHWM"))
            lag = round(node.lag_seconds(), 1)
            self.add_loaded(f"submit_burst_{in_flight}", result, echo, in_flight=in_flight,
                            relay_lag_seconds=lag)
            node.settle()
        self.report.add(Figure("memory_loaded", "MB", [peak], ceiling=400, conditions={
            "what": "the most since the start, under these loads", "referrals": self.plan.rows,
            "after": round(node.memory_mb())}))
        for how in (signal.SIGTERM, signal.SIGKILL):
            node.stop(how)
            restarts.append(node.start())
        node.remove()
        self.report.add(Figure(
            "restart_loaded", "s", [max(restarts)], ceiling=2, spread=restarts,
            conditions={"from": "exec", "to": "health SERVING", "referrals": self.plan.rows,
                        "value": "the slowest", "after": "the load, bursts, a kill after them",
                        "page_cache": "warm"}))

    def inbox_loaded(self, node):
        """The inbox with all of it and one with a hundred, in one node, read in short turns."""
        seconds = self.plan.seconds / INBOX_TURNS
        rates = {TO: [], SMALL: []}
        for turn in range(INBOX_TURNS):
            for body in ((TO, SMALL), (SMALL, TO))[turn % 2]:
                rates[body].append(self.client.run(
                    "list", port=node.port, token=node.tokens[body], in_flight=64, seconds=seconds,
                    warm_up=INBOX_WARM_UP_SECONDS)["per_second"])
        pages = [self.client.run("page-bytes", port=node.port, token=node.tokens[body]) for body in rates]
        self.report.add(Figure(
            "inbox_page_of_50_loaded", "/s", rates[TO], rates[SMALL], floor=0.95,
            needs=[("both pages are of 50", all(page["rows"] == 50 for page in pages))],
            conditions={**self.conditions(in_flight=64, inbox=self.plan.rows, bytes=pages[0]["bytes"],
                                          reference="the inbox of another body of the same node, in turns",
                                          reference_inbox=SMALL_INBOX, reference_bytes=pages[1]["bytes"]),
                        "runs": INBOX_TURNS, "seconds": seconds}))

    def add_loaded(self, name, result, echo, **conditions):
        value, echo_then = self.empty[name]
        self.report.add(Figure(
            f"{name}_loaded", "/s", [result["per_second"]], [value * echo / echo_then],
            floor=0.85, spread=bench_report.parts(result["each_second"]),
            conditions=self.once(referrals=self.plan.rows, empty=round(value),
                                 echo_beside_empty=round(echo_then), echo_beside_loaded=round(echo),
                                 reference="empty, corrected by the echo beside each", **conditions)))

    def run(self):
        if self.wanted("start"):
            self.start_and_memory()
        if any(self.wanted(name) for name in ("burst", "stages", "disclose", "postgres", "loaded")):
            self.rounds_256()
        if self.wanted("burst") or self.wanted("loaded"):
            self.burst_64()
        if self.wanted("inbox"):
            self.inbox()
        if self.wanted("sustained"):
            self.sustained(256, 0.28)
            self.sustained(64, 0.26)
        if self.wanted("latency"):
            self.latency()
        if self.wanted("import"):
            self.import_offers()
        if self.wanted("rows"):
            self.import_referrals()
        if self.wanted("routes"):
            self.routes()
        if self.wanted("clocks"):
            self.clocks()
        if self.wanted("loaded"):
            self.loaded()
        if self.wanted("start"):
            self.start()
        if self.wanted("stages"):
            self.stages()
        self.report.add(Figure("failed_calls", "", [self.client.errors], ceiling=0))
